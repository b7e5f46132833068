// Linuxpath tells which next hop a flow takes on a Linux router.
//
//	go run ./examples/linuxpath -policy 3 -fields 0x37 -seed 1 \
//	    -nexthops 'a=1,b=2,c=3' -src 10.0.0.1:12345 -dst 198.18.0.1:80 -proto tcp
//	go run ./examples/linuxpath -nexthops 'a,b,c' -csv flows.csv
//	go run ./examples/linuxpath -policy 1 -seed 1 -nexthops 'a,b,c' -pcap capture.pcap
//	go run ./examples/linuxpath -live 198.18.0.0/15
//	go run ./examples/linuxpath -policy 1 -seed 1 -nexthops 'a,b,c' -cover \
//	    -src 10.0.0.1 -dst 198.18.0.1:80
//	go run ./examples/linuxpath -walk routers.json -src 10.0.0.1:12345 -dst 198.18.0.1:80
//
// The first form explains one flow that the router forwards: what is hashed,
// the hash, the range that it falls in and the next hop. -nexthops lists the
// next hops in the order of the group, with weights. A dead one (b=2:dead) has
// left the group; the range of one whose neighbour is not valid (b=2:failed)
// falls to the next. -buckets makes the group a resilient one.
//
// With -socket the router sends the flow itself, by a socket that is bound to
// its source address, that is connected but not bound, or that does neither and
// sends by sendto: the kernel hashes what it knows when it looks for the route.
// -local is -socket bound.
//
// -csv reads flows from a file. Its first line names the columns: src, sport,
// dst, dport, proto, label, seed, policy and fields are needed, others are
// copied. Each line gets three more columns: hash32, nexthop and remark, which
// says what else decides, why nothing is predicted, or what is uncertain.
//
// -pcap predicts the next hop of every packet of a capture, of fragments, ICMP
// errors and tunnels too, of a short snap length too if it has the headers. A
// tunnel whose inside can't be read is marked as uncertain where the policy
// looks into it. - is the standard input.
//
// -live compares predictions with the kernel of this host. For the flow of -src
// and -dst, or for as many drawn flows to the prefix as -flows says, it asks
// over netlink which route the flow takes, in whichever table, reads the next
// hops of that route and their state, predicts the next hop, and asks the
// kernel for its choice. The flows are those of connected sockets of this host,
// of other ones by -socket, or with -iif flows that come in by an interface.
// Where the hash does not decide or nothing can be predicted, it says why, and
// which next hop the kernel takes. It needs Linux, but no privilege.
//
// -cover finds flows like that of -src and -dst that take every next hop, for
// probes: other source ports, or other flow labels where ports are not hashed.
// -walk predicts the path of a flow through several routers, from a file such
// as
//
//	{"routers": [
//	  {"name": "leaf", "policy": 1, "seed": 1, "groups": [{"nexthops": "spine1,spine2=2"}]},
//	  {"name": "spine1", "policy": 3, "fields": 55, "seed": 2,
//	   "groups": [{"to": "198.18.0.0/15", "nexthops": "a,b:dead,c", "buckets": 64}]}]}
//
// A next hop that has the name of a router leads there. Of the groups of a
// router that of the longest prefix counts. With -cover the flows take every
// link that can be taken, as few as are found, those of most new links first.
//
// -json prints JSON: one object, and with -csv and -pcap one for each line or
// packet.
//
// The exit code is 0 on success, 1 on a failure or, with -live, where the
// kernel chose another next hop than predicted, and 2 where the command line or
// the file of -walk is wrong. A flow that can't be predicted is no failure, but
// with -cover it is: no flows can be found then.
//
// Predictions hold for Linux 6.11 and later on little-endian machines: see
// hash.Linux611.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/netip"
	"os"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/commandline"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// options are the parsed flags.
type options struct {
	linux    hash.Linux611
	nexthops group
	socket   socket
	flow     hash.FlowKey
	hasFlow  bool
	csv      string
	pcap     string
	live     netip.Prefix
	flows    int
	in       string
	cover    bool
	walk     string
	from     string
	mark     uint
	json     bool
}

func run(args []string, stdout, stderr io.Writer) int {
	complain := log.New(stderr, "linuxpath: ", 0)
	o, err := parseOptions(args, stderr)
	if err != nil {
		return commandline.Refuse(complain, err)
	}
	answer := explain
	switch {
	case o.walk != "":
		answer = predictWalk
	case o.cover && !o.live.IsValid():
		answer = predictCover
	case o.csv != "":
		answer = predictCSV
	case o.pcap != "":
		answer = predictCapture
	case o.live.IsValid():
		answer = predictLive
	}
	if err := answer(o, stdout); err != nil {
		if _, wrong := errors.AsType[usageError](err); wrong {
			return commandline.Refuse(complain, err)
		}
		complain.Print(err)
		return commandline.Failed
	}
	return 0
}

// A usageError says that the command line or a file of routers is wrong, which
// shows only when it is used.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func parseOptions(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("linuxpath", flag.ContinueOnError)
	policy := flags.Uint("policy", 0, "fib_multipath_hash_policy, `0 to 3`")
	fields := flags.Uint("fields", 7, "fib_multipath_hash_fields, a `mask`, for policy 3")
	seed := flags.Uint("seed", 0, "fib_multipath_hash_seed, a `number` that is not 0")
	local := flags.Bool("local", false, "the router sends the flow itself: -socket bound")
	kind := flags.String("socket", "",
		"`kind` of the router's socket that sends the flow: bound, connected or sendto")
	nexthops := flags.String("nexthops", "",
		"next hops in the order of the group: `name[=weight][:dead|:failed],...`")
	buckets := flags.Int("buckets", 0,
		"`number` of buckets of a resilient group, as it is when it is made; 0: a hash-threshold group")
	src := flags.String("src", "", "source: `address[:port]`, IPv6 with a port in brackets")
	dst := flags.String("dst", "", "destination, likewise: `address[:port]`")
	proto := flags.String("proto", "tcp", "IP protocol, by `name or number`")
	label := flags.Uint("label", 0, "IPv6 flow label, a `number`")
	flags.StringVar(&o.csv, "csv", "", "`file` of flows; - is the standard input")
	flags.StringVar(&o.pcap, "pcap", "", "`capture` of packets; - is the standard input")
	live := flags.String("live", "", "`prefix` of a route of this host")
	flags.IntVar(&o.flows, "flows", 16, "`number` of flows for -live, 1 to 1000000")
	flags.StringVar(&o.in, "iif", "", "`interface` by which the flows of -live come in: they are forwarded")
	flags.UintVar(&o.mark, "mark", 0, "firewall mark of the flows of -live, a `number`")
	flags.BoolVar(&o.cover, "cover", false, "find source ports or flow labels of flows that take every next hop")
	flags.StringVar(&o.walk, "walk", "", "`file` of routers that the flow goes through")
	flags.StringVar(&o.from, "from", "", "`router` of -walk that the flow comes to first; default: the first one")
	flags.BoolVar(&o.json, "json", false, "write JSON")
	if err := commandline.Parse(flags, args, stderr); err != nil {
		return o, err
	}

	if o.linux, err = kernel(*seed, *policy, *fields); err != nil {
		return o, err
	}
	if *local {
		o.socket = bound
	}
	if *kind != "" {
		if o.socket, err = parseSocket(*kind); err != nil {
			return o, fmt.Errorf("-socket: %w", err)
		}
	}
	if *nexthops != "" {
		if o.nexthops, err = parseGroup(*nexthops); err != nil {
			return o, fmt.Errorf("-nexthops: %w", err)
		}
	}
	if *buckets != 0 {
		switch {
		case *nexthops == "":
			return o, errors.New("-buckets needs -nexthops")
		case *buckets < 0:
			return o, fmt.Errorf("-buckets: %d is negative", *buckets)
		}
		if o.nexthops, err = o.nexthops.resilient(*buckets); err != nil {
			return o, fmt.Errorf("-buckets: %w", err)
		}
	}
	if *src != "" || *dst != "" {
		if o.flow, err = parseFlow(*src, *dst, *proto, *label); err != nil {
			return o, err
		}
		o.hasFlow = true
	}
	if *live != "" {
		if o.live, err = netip.ParsePrefix(*live); err != nil {
			return o, fmt.Errorf("-live: %w", err)
		}
		o.live = o.live.Masked()
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	return o, o.check(given)
}

const maxFlows = 1_000_000 // which -live holds in memory

// check refuses flags that contradict each other or that miss another.
func (o options) check(given map[string]bool) error {
	modes := 0
	for _, mode := range []bool{o.csv != "", o.pcap != "", o.live.IsValid(), o.walk != ""} {
		if mode {
			modes++
		}
	}
	offline := !o.live.IsValid()
	switch {
	case modes > 1:
		return errors.New("-csv, -pcap, -live and -walk exclude one another")
	case modes == 0 && !o.hasFlow:
		return errors.New("say which flow: -src and -dst, -csv, -pcap, or -live")
	case (o.csv != "" || o.pcap != "") && o.hasFlow:
		return errors.New("-src and -dst are for a single flow")
	case o.walk != "" && !o.hasFlow:
		return errors.New("-walk: say which flow by -src and -dst")
	case o.cover && !o.hasFlow:
		return errors.New("-cover: say which flow by -src and -dst; its source port or label is changed")
	case given["from"] && o.walk == "":
		return errors.New("-from is for -walk")
	case o.walk != "" && o.socket.local():
		return errors.New("-local and -socket are not for -walk: its routers forward")
	case offline && o.walk == "" && o.nexthops.selector == nil:
		return errors.New("-nexthops is missing")
	case offline && given["flows"]:
		return errors.New("-flows is for -live")
	case offline && o.csv == "" && o.walk == "" && o.linux.Seed == 0:
		return errors.New("-seed: the kernel takes 0 for a random seed, so nothing can be predicted")
	case o.flows < 1 || o.flows > maxFlows:
		return fmt.Errorf("-flows: %d is not from 1 to %d", o.flows, maxFlows)
	case given["local"] && given["socket"]:
		return errors.New("-local is -socket bound: give one of them")
	case o.pcap != "" && o.socket.local():
		return errors.New("-local and -socket are not for -pcap")
	case offline && (given["iif"] || given["mark"]):
		return errors.New("-iif and -mark are for -live")
	case given["iif"] && o.socket.local():
		return errors.New("-iif is for forwarded flows, -socket for those of this host")
	case o.hasFlow && o.socket == unbound && o.flow.Proto() == hash.TCP:
		return errUnconnected
	case o.mark > 1<<32-1:
		return fmt.Errorf("-mark: %d has more than 32 bits", o.mark)
	}
	return o.checkUnused(given)
}

// checkUnused refuses flags that the chosen mode would ignore.
func (o options) checkUnused(given map[string]bool) error {
	var names []string
	why := ""
	switch {
	case o.csv != "":
		names, why = []string{"policy", "fields", "seed", "proto", "label"}, "-csv takes this from the columns"
	case o.pcap != "":
		names, why = []string{"proto", "label"}, "-pcap takes this from the packets"
	case o.walk != "":
		names, why = []string{"policy", "fields", "seed", "nexthops", "buckets"}, "-walk takes this from the file"
	case o.live.IsValid():
		names, why = []string{"policy", "fields", "seed", "nexthops"}, "-live takes this from the host"
	}
	if o.live.IsValid() && o.hasFlow && given["flows"] {
		return errors.New("-flows: with -src and -dst there is one")
	}
	for _, name := range names {
		if given[name] {
			return fmt.Errorf("-%s: %s", name, why)
		}
	}
	if !o.hasFlow && (given["proto"] || given["label"]) {
		return errors.New("-proto and -label go with -src and -dst")
	}
	return nil
}

// kernel returns the hash of a kernel with these settings.
func kernel(seed, policy, fields uint) (hash.Linux611, error) {
	switch {
	case policy > uint(hash.LinuxCustom):
		return hash.Linux611{}, fmt.Errorf("policy %d is none of 0 to 3", policy)
	case fields > 0xfff:
		return hash.Linux611{}, fmt.Errorf("fields %#x has bits above 0xfff", fields)
	case policy == uint(hash.LinuxCustom) && fields == 0:
		return hash.Linux611{}, errors.New("fields 0 is refused by the kernel")
	case seed > 1<<32-1:
		return hash.Linux611{}, fmt.Errorf("seed %d has more than 32 bits", seed)
	}
	return hash.Linux611{Seed: uint32(seed), Policy: hash.LinuxPolicy(policy), Fields: hash.LinuxFields(fields)}, nil
}
