// Forwarder plays packet captures to the reference engine: package engine.
//
//	go run ./examples/forwarder
//	go run ./examples/forwarder -pcap IN.pcap -out DIR \
//	    -members pod1=10.0.0.1,pod2=10.0.0.2:3 -strategy rendezvous -key client
//
// Without -pcap it plays a capture that is built in, real traffic to a service
// at 172.16.0.20, to a group of three pods, adds a fourth, removes the first
// and drains the second, and shows what each change did to the established
// flows: under the normal hash (mod N) and with sticky flows. Then it shows
// what the same changes move under each strategy without stickiness. It needs
// no privilege and no network.
//
// With -pcap it routes the packets of a capture, pcap or pcapng, of Ethernet,
// "tcpdump -i any", loopback, PPP or raw IP, and writes one capture for each
// member, DIR/pod1.pcap and so on, as the member would get them: with its MAC
// address, the TTL one less, and right checksums. The IP addresses stay, as
// under direct server return. Fragments follow their flow; one that comes
// before the first of its datagram waits for it, for 50 ms of the capture's
// time.
//
// Each packet goes to the member that the gateway sends it to, if that has the
// same members, strategy and seed: both take what decides from package
// placement. -key says what makes up a flow, such as the client's address
// alone, and -symmetric=false takes the directions of a conversation apart; the
// gateway knows neither.
//
// Forwarding between the interfaces of a host, and the lab with live
// connections, are commands of the module gateway.
//
// With -json the results are one JSON object. The exit code is 0, 1 when
// something failed on the way, such as a damaged capture (the results are of
// what came before it), and 2 when the command line is wrong.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/netip"
	"os"
	"strings"

	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/internal/commandline"
	"github.com/ecmp-go/ecmp/selector"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// options is the command line.
type options struct {
	pcap, out string
	members   []member
	strategy  selector.Strategy
	prefixes  []netip.Prefix
	sticky    bool
	placement placement.Placement
	json      bool
}

func run(args []string, stdout, stderr io.Writer) int {
	complain := log.New(stderr, "forwarder: ", 0)
	if len(args) > 0 && (args[0] == "run" || args[0] == "lab") {
		complain.Printf("%s is a command of the gateway now: go run ./gateway %s", args[0], args[0])
		return commandline.Usage
	}
	o, err := parseOptions(args, stderr)
	if err != nil {
		return commandline.Refuse(complain, err)
	}
	play := runScenario
	if o.pcap != "" {
		play = runReplay
	}
	if err := play(o, stdout, newProgress(stderr)); err != nil {
		complain.Print(err)
		return commandline.Failed
	}
	return 0
}

func parseOptions(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("forwarder", flag.ContinueOnError)
	flags.StringVar(&o.pcap, "pcap", "",
		"`capture` to route, - for the standard input; without it, play the built-in scenario")
	flags.StringVar(&o.out, "out", "", "`directory` for one capture a member; without it, only count")
	members := flags.String("members", "pod1=10.0.0.1,pod2=10.0.0.2,pod3=10.0.0.3",
		"members of the group: `id=address[:weight],...`")
	named := flags.String("strategy", catalog.Default, "`name` of the strategy, one of "+
		strings.Join(catalog.Names(), ", ")+", and parameters: bounded:slots=4096,slack=0.02")
	vip := flags.String("vip", "0.0.0.0/0,::/0", "`prefixes` whose packets the group takes; others have no route")
	symmetric := flags.Bool("symmetric", true, "send both directions of a conversation to one member, "+
		"but for the keys client and inner-client")
	key := flags.String("key", placement.FiveTuple.String(), "what makes up a flow: `"+placement.KeyNames()+"`")
	tunnels := flags.String("tunnels", "", "UDP ports of tunnels, for inner keys: `vxlan=4789,geneve=6081,...`; "+
		"also gtp-u, mpls and gre; the list replaces the usual ports of all of them")
	flags.BoolVar(&o.sticky, "sticky", true, "keep flows on their members by a flow table")
	flags.Uint64Var(&o.placement.Seed, "seed", 0, "`number` that makes the hash differ from another router's")
	flags.BoolVar(&o.json, "json", false, "print JSON")
	if err := commandline.Parse(flags, args, stderr); err != nil {
		return o, err
	}
	if o.pcap == "" {
		flags.Visit(func(f *flag.Flag) {
			if f.Name != "json" && err == nil {
				err = fmt.Errorf("-%s is for a capture given by -pcap", f.Name)
			}
		})
		return o, err
	}
	if o.strategy, err = selector.ParseStrategy(*named); err != nil {
		return o, fmt.Errorf("-strategy: %w", err)
	}
	if o.members, err = parseMembers(*members); err != nil {
		return o, err
	}
	// The strategy may refuse what every group accepts; try it before any
	// output is there.
	if _, err = selector.New(o.strategy, identities(o.members)); err != nil &&
		!errors.Is(err, selector.ErrNoWeight) {
		return o, err
	}
	o.placement.OneWay = !*symmetric
	if o.placement.Key, err = placement.ParseKey(*key); err != nil {
		return o, fmt.Errorf("-key: %w", err)
	}
	if o.placement.Ports, err = placement.ParsePorts(*tunnels); err != nil {
		return o, fmt.Errorf("-tunnels: %w", err)
	}
	flags.Visit(func(f *flag.Flag) {
		switch {
		case f.Name == "tunnels" && !o.placement.Key.Inner():
			err = fmt.Errorf("-tunnels is for inner keys, and -key is %s", o.placement.Key)
		case f.Name == "symmetric" && *symmetric && o.placement.Key.OneWay():
			err = fmt.Errorf("-symmetric: the key %s is of one direction", o.placement.Key)
		}
	})
	if err != nil {
		return o, err
	}
	o.prefixes, err = parsePrefixes(*vip)
	return o, err
}

func parsePrefixes(list string) (prefixes []netip.Prefix, err error) {
	for text := range strings.SplitSeq(list, ",") {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			addr, addrErr := netip.ParseAddr(text)
			if addrErr != nil || addr.Zone() != "" {
				return nil, fmt.Errorf("-vip: %q is neither a prefix nor an address", text)
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, nil
}
