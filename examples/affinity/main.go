// Affinity routes requests to language-model servers, so that those which begin
// alike meet the same server and its prefix cache, and none is overloaded.
//
//	go run ./examples/affinity
//	go run ./examples/affinity -key session -factor 1.5 -seed 7
//
// A server that has just read a prompt has it in its cache, and reads another
// one that begins alike much faster. So requests of a session, of a tenant, or
// with the same first words should go to the same server; but some sessions,
// tenants and words are in great demand. The router places keys by Bounded, and
// lets a server have at most factor times the mean number of requests in
// flight. Beyond that, requests go to the next server in the order of their
// key.
//
// First it plays a trace in virtual time, and compares the router with other
// rules. A hit is a piece of a prompt that is in the cache of its server. The
// peak is the number of requests in flight at the fullest server over the mean
// of all servers, on average over the requests; at worst is the greatest of the
// servers that requests went to. The first token is when the answer begins. It
// says which rule is best at each.
//
// Then it runs the router in front of HTTP servers on loopback addresses: one
// has twice the weight of the others, and one is drained under load and then
// removed.
//
// The file router.go is the example, and the others are its surroundings: the
// trace, the model of a server, the other rules, and the HTTP servers. A seed
// gives the same output to the byte. -json prints JSON.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"slices"

	"github.com/ecmp-go/ecmp/internal/commandline"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	complain := log.New(stderr, "affinity: ", 0)
	flags := flag.NewFlagSet("affinity", flag.ContinueOnError)
	requests := flags.Int("requests", 10_000, "`number` of requests, 1,000 to 1,000,000")
	factor := flags.Float64("factor", 1.25, "cap as a `multiple` of the mean load, 1 to 100")
	seed := flags.Uint64("seed", 1, "`number` from which the trace is drawn")
	by := flags.String("key", "prefix", "`what` requests are routed by: session, prefix or tenant")
	asJSON := flags.Bool("json", false, "print JSON")
	err := commandline.Parse(flags, args, stderr)
	place := slices.IndexFunc(keys, func(k key) bool { return k.name == *by })
	switch {
	case err != nil:
	case *requests < 1000 || *requests > 1_000_000:
		err = fmt.Errorf("-requests: %d is not between 1000 and 1000000", *requests)
	case !(*factor >= 1 && *factor <= 100):
		err = fmt.Errorf("-factor: %v is not between 1 and 100", *factor)
	case place < 0:
		err = fmt.Errorf("-key: %q is none of session, prefix and tenant", *by)
	}
	if err != nil {
		return commandline.Refuse(complain, err)
	}
	trace := newTrace(*requests, *seed)
	r := report{Trace: describe(trace, *seed)}
	for _, rule := range rules {
		r.Rules = append(r.Rules, compare(trace, keys[place], rule, *factor))
	}
	for i, k := range keys {
		if i != place {
			r.Keys = append(r.Keys, compare(trace, k, rules[0], *factor), compare(trace, k, rules[1], *factor))
		}
	}
	r.Live, err = play(trace[:600], *factor)
	if err == nil {
		err = r.write(stdout, *asJSON)
	}
	if err != nil {
		complain.Print(err)
		return commandline.Failed
	}
	return 0
}

// compare plays the trace under one rule.
func compare(trace []request, k key, r rule, factor float64) outcome {
	fleet := make([]*machine, servers)
	for i := range fleet {
		fleet[i] = &machine{server: &server{id: fmt.Sprint("server", i+1)}, cache: newCache()}
	}
	choose := r.over(fleet, factor)
	o := simulate(trace, fleet, func(q request) int { return choose(q, k.of(q)) })
	o.Rule, o.Key = r.name, k.name
	return o
}

// must returns a value that can't fail to be.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
