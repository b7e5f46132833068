// Gateway is a load balancer: it spreads flows to virtual addresses over the
// members of services.
//
//	gateway run -config FILE
//	gateway lab -io all -connections 200 -seed 1 -strategy bounded -sticky=true -ipv6 -kill -json
//	gateway lab -io afpacket -soak 10m
//
// "gateway run" forwards between interfaces of a Linux host, in the foreground
// until SIGTERM or an interrupt. It reads FILE (package config) again when it
// changes, and on SIGHUP; what FILE says then replaces what was changed over
// HTTP (package control). What can't be changed without a restart is refused,
// and so is a file with an error: the state stays as it was. A process that is
// started again with the same FILE, and with a snapshot of the one before, has
// the members as they were, and its flows.
//
// "gateway lab", which needs Linux and root, makes network namespaces and does
// to live TCP connections and UDP flows what the scenario of examples/forwarder
// does to a capture. It does so under the ECMP of the kernel and under each
// data plane of the gateway, which it starts and controls over HTTP: see
// package lab. With -soak it changes the members every second under load, and
// fails unless every frame is accounted for. With -json the results are one
// JSON object.
//
// The exit code is 0, 1 when something failed on the way, and 2 when the
// command line or the configuration is wrong.
package main

import (
	"io"
	"log"
	"os"

	"github.com/ecmp-go/ecmp/internal/commandline"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

const usage = `usage:
  gateway run -config FILE    forwards between the interfaces of this host
  gateway lab [flags]         shows what changes do to live connections
"gateway COMMAND -h" prints the flags.
`

// run runs the command that the first argument names, and returns the exit
// code.
func run(args []string, stdout, stderr io.Writer) int {
	complain, name := log.New(stderr, "", 0), ""
	if len(args) > 0 {
		name = args[0]
	}
	switch name {
	case "run":
		return runRouter(args[1:], stdout, stderr)
	case "lab":
		return runLab(args[1:], stdout, stderr)
	case "-h", "-help", "--help":
		complain.Print(usage)
		return 0
	case "":
		complain.Print(usage)
	default:
		complain.Printf("gateway: no command %q\n%s", name, usage)
	}
	return commandline.Usage
}
