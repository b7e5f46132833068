package suite

import (
	"fmt"
	"slices"

	"github.com/ecmp-go/ecmp/benchmarks/internal/flows"
	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// Pins is what becomes of pins.
func Pins() Suite {
	return Suite{
		Name:  "Pins",
		Exact: true,
		Cases: func(size Size) (cases []Case) {
			for _, n := range size.Flows {
				if n <= slices.Max(size.Forms) {
					name := fmt.Sprintf("what=fill/flows=%d", n)
					cases = append(cases, Case{name, func() (*Work, error) { return fill(n) }})
				}
			}
			cases = append(cases, Case{"what=flood", flood})
			for _, prepared := range []bool{true, false} {
				name := "what=prepare/prepared=" + map[bool]string{true: "yes", false: "no"}[prepared]
				cases = append(cases, Case{name, func() (*Work, error) { return prepare(prepared) }})
			}
			return cases
		},
	}
}

// counted returns the work of nothing more, with what was counted.
func counted(n numbers, t *flowcache.Table) *Work {
	s := t.Stats()
	n["inserted"], n["refused"] = float64(s.Inserted), float64(s.Refused)
	n["evicted"], n["relocated"] = float64(s.Evicted), float64(s.Relocated)
	return &Work{Items: 1, Pass: func() {}, Figures: results.Exact(n)}
}

func fill(n int) (w *Work, err error) {
	return established(n, func(t *flows.Table, _ []uint64) *Work { return counted(numbers{}, t.Table) })
}

func flood() (*Work, error) {
	const slots, settled, attack, handshakes, during, rounds = 262_144, 150_000, 4_000_000, 1000, 50_000, 20
	t, err := flows.NewTable(slots * 3 / 4)
	if err != nil {
		return nil, err
	}
	friends := flows.Digests(flows.Keys(0, settled+rounds*handshakes))
	attackers := flows.Digests(flows.Keys(1, attack))
	t.Send(friends[:settled], hash.SYN)
	admitted := 0
	for range 3 {
		admitted = t.Digests(friends[:settled])
	}
	t.Send(attackers, hash.SYN)
	kept := t.Digests(friends[:settled])
	survived := 0
	for i := range rounds {
		greeting := friends[settled+i*handshakes:][:handshakes]
		t.Send(greeting, hash.SYN)
		t.Send(attackers[i*during:][:during], hash.SYN)
		survived += t.Digests(greeting)
	}
	return counted(numbers{
		"admitted": share(admitted, settled), "kept": share(kept, admitted),
		"handshakes": share(survived, rounds*handshakes),
	}, t.Table), nil
}

func prepare(prepared bool) (*Work, error) {
	const now, before, announced, after = 1 << 40, 100, 10, 105
	digests := subject.Hashes(3, 200_000)
	members := subject.Members(before+announced, 1)
	domain := selector.NewDomain()
	table, err := flowcache.NewTable(flowcache.Config{Domain: domain, Flows: len(digests)})
	if err != nil {
		return nil, err
	}
	c := selector.GroupConfig{Name: "vip", Strategy: selector.Rendezvous{}}
	group, err := selector.NewGroup[struct{}](domain, c)
	if err != nil {
		return nil, err
	}
	sticky := flowcache.NewSticky(table)
	route := func(d uint64, flags hash.TCPFlags) string {
		v := group.Load().View()
		r := sticky.Route(flowcache.Packet{Digest: d ^ v.Salt(), Flags: flags, Class: flowcache.ClassTCP}, v, now)
		return v.Member(r.Member).ID
	}
	if _, err := group.Update(subject.Hops(members[:before])); err != nil {
		return nil, err
	}
	if prepared {
		if _, err := group.Announce(members[before:]...); err != nil {
			return nil, err
		}
	}
	was := make([]string, len(digests))
	for k, d := range digests {
		was[k] = route(d, hash.SYN)
	}
	pins, kept := 0, 0
	for range table.All(now) {
		pins++
	}
	if _, err := group.Update(subject.Hops(members[:after])); err != nil {
		return nil, err
	}
	for k, d := range digests {
		if route(d, hash.ACK) == was[k] {
			kept++
		}
	}
	return counted(numbers{"flows": float64(len(digests)), "pins": float64(pins), "kept": float64(kept)}, table), nil
}
