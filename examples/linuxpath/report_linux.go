package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/ecmp-go/ecmp/examples/linuxpath/internal/fib"
)

// A liveRoute is a route that flows of -live take.
type liveRoute struct {
	Prefix   string    `json:"prefix"`
	Table    uint32    `json:"table"`
	Kind     string    `json:"kind"`
	Policy   int       `json:"policy"`
	Fields   string    `json:"fields,omitempty"` // of policy 3
	Seed     uint32    `json:"seed"`
	Nexthops []liveHop `json:"nexthops"`
	Buckets  int       `json:"buckets,omitempty"` // of a resilient group
	metric   uint32
}

type liveHop struct {
	Name   string `json:"name"`
	Weight uint32 `json:"weight"`
	State  string `json:"state,omitempty"`
}

// kindName returns the words for where the next hops of a route are.
func kindName(k fib.Kind) string {
	switch k {
	case fib.Object:
		return "next-hop object"
	case fib.Resilient:
		return "resilient group"
	}
	return "list in the route"
}

func (r liveRoute) text(b *strings.Builder) {
	fmt.Fprintf(b, "%s", r.Prefix)
	if r.Table != mainTable {
		fmt.Fprintf(b, " in table %d", r.Table)
	}
	fmt.Fprintf(b, ", %s: policy %d, seed %d", r.Kind, r.Policy, r.Seed)
	if r.Fields != "" {
		fmt.Fprintf(b, ", fields %s", r.Fields)
	}
	if r.Buckets > 0 {
		fmt.Fprintf(b, ", %d buckets", r.Buckets)
	}
	b.WriteByte('\n')
	for _, hop := range r.Nexthops {
		fmt.Fprintf(b, "  via %s weight %d", hop.Name, hop.Weight)
		if hop.State != "" {
			fmt.Fprintf(b, " %s", hop.State)
		}
		b.WriteByte('\n')
	}
}

func (c comparison) write(o options, w io.Writer) error {
	if o.json {
		return newEncoder(w).Encode(c)
	}
	var b strings.Builder
	for _, r := range c.Routes {
		r.text(&b)
	}
	for _, p := range c.Flows {
		hash, nexthop := p.Hash32, p.Nexthop
		if hash == "" {
			hash = "-"
		}
		if nexthop == "" {
			nexthop = "-"
		}
		fmt.Fprintf(&b, "%s  %s  %s  (%s)\n", hash, p.Flow, nexthop, p.verdict())
	}
	fmt.Fprintf(&b, "%d of %d as predicted", c.Agree, len(c.Flows))
	if c.Unpredicted > 0 {
		fmt.Fprintf(&b, ", %d not predicted", c.Unpredicted)
	}
	if c.Unchecked > 0 {
		fmt.Fprintf(&b, ", %d not compared", c.Unchecked)
	}
	b.WriteByte('\n')
	for _, p := range c.Flows {
		if p.Uncertain != "" {
			fmt.Fprintf(&b, "uncertain: %s\n", p.Uncertain)
			break
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
