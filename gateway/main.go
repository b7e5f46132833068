// Gateway is a load balancer: it spreads flows to virtual addresses over the
// members of services.
//
//	gateway run -config FILE
//	gateway check FILE
//	gateway flow [-proto tcp] SRC DST
//	gateway flows [-service NAME] MEMBER
//	gateway drain [-service NAME] [-deadline 10m] [-udp 30s] MEMBER
//	gateway withdraw
//	gateway announce
//	gateway lab -io all -connections 200 -seed 1 -strategy bounded -sticky=true -ipv6 -kill -json
//	gateway lab -io afpacket -soak 10m
//	gateway lab -gateways 3 -connections 40 -seed 1 -io afpacket -ipv6 -json
//	gateway version
//	gateway help [COMMAND]
//
// "gateway run" forwards between interfaces of a Linux host, in the foreground
// until SIGTERM or an interrupt. It reads FILE (package config) again when it
// changes, and on SIGHUP; what FILE says then replaces what was changed over
// HTTP (package control), but for drains, which last until they are ended there
// or the member leaves. What can't be changed without a restart is refused,
// and so is a file with an error: the state stays as it was. A process that is
// started again with the same FILE, and with a snapshot of the one before, has
// the members as they were, and its flows.
//
// "gateway check" reads FILE as "gateway run" would, and says what is wrong with
// it, and at which line. It does not look at the interfaces and the neighbours
// of this host, so that a file can be checked elsewhere.
//
// "gateway flow" asks a running gateway where a flow goes: to which member of
// which service, whether it is pinned there, placed or detoured and why, and
// where it would go if it were new; for icmp, whether the gateway answers a ping
// itself. "gateway flows" counts the flows of a member, and says how long a drain
// will take.
//
// "gateway drain" drains a member over HTTP: it gets no new flow, and keeps
// those that it has. With -deadline those that are left by then go elsewhere,
// each with its next packet, and with -udp those without a connection do. By a
// key such as client or teid a flow is many connections, TCP ones perhaps: -udp is
// refused there, unless the service is of another protocol alone.
//
// "gateway withdraw" has routers send packets to other gateways, by graceful
// shutdown of BGP, and returns when nothing is announced any more, so that the
// gateway can be stopped. It stays so until "gateway announce", or a new start.
//
// All these print JSON with -json where they print anything, and are told by
// -control, or by -config, where the gateway listens.
//
// "gateway lab", which needs Linux and root, makes network namespaces and does
// to live TCP connections and UDP flows what the scenario of examples/forwarder
// does to a capture. It does so under the ECMP of the kernel and under each
// data plane of the gateway, which it starts and controls over HTTP: see
// package lab. With -soak it changes the members every second under load, and
// fails unless every frame is accounted for. With -gateways it does to a cluster
// of gateways, behind a router that learns of them by BGP and spreads flows over
// them, what may happen to one: pods, gateways and NATS servers come, go and are
// killed. It fails if a connection breaks for nothing while pins are shared. With
// -json the results are one JSON object.
//
// The exit code is 0, 1 when something failed on the way, and 2 when the
// command line or the configuration is wrong, or the configuration is not there.
package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/ecmp-go/ecmp/internal/commandline"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// A command is what the first argument of the program names.
type command struct {
	name, args string
	does       string
	run        func(args []string, stdout, stderr io.Writer) int
}

// commands returns all but "help", in the order of the usage.
func commands() []command {
	return []command{
		{"run", "-config FILE", "forwards between the interfaces of this host", runRouter},
		{"check", "FILE", "says what is wrong with a configuration", runCheck},
		{"flow", "[flags] SRC DST", "asks a running gateway where a flow goes", runFlow},
		{"flows", "[flags] MEMBER", "asks a running gateway for the flows of a member", runFlows},
		{"drain", "[flags] MEMBER", "has a running gateway drain a member", runDrain},
		{"withdraw", "[flags]", "has routers send packets to other gateways, and waits", runWithdraw},
		{"announce", "[flags]", "ends that: routers are told of the services again", runAnnounce},
		{"lab", "[flags]", "shows what changes do to live connections", runLab},
		{"version", "", "says what this program was built from", runVersion},
	}
}

func usage() string {
	var text strings.Builder
	text.WriteString("usage:\n")
	for _, c := range commands() {
		_, _ = fmt.Fprintf(&text, "  gateway %-21s %s\n", c.name+" "+c.args, c.does)
	}
	text.WriteString("\"gateway help COMMAND\" prints the flags.\n")
	return text.String()
}

// run runs the command that the first argument names, and returns the exit
// code.
func run(args []string, stdout, stderr io.Writer) int {
	complain, name := log.New(stderr, "", 0), ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	switch name {
	case "":
		complain.Print(usage())
		return commandline.Usage
	case "-h", "-help", "--help":
		complain.Print(usage())
		return 0
	case "-version", "--version":
		name = "version"
	case "help":
		if len(args) == 0 {
			return printUsage(stdout)
		}
		name, args = args[0], []string{"-h"} // which prints the flags
		stderr = stdout
	}
	for _, c := range commands() {
		if c.name == name {
			return c.run(args, stdout, stderr)
		}
	}
	complain.Printf("gateway: no command %q%s\n%s", name, suggestion(name), usage())
	return commandline.Usage
}

func printUsage(stdout io.Writer) int {
	if _, err := io.WriteString(stdout, usage()); err != nil {
		return commandline.Failed
	}
	return 0
}
