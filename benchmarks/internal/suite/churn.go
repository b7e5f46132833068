package suite

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/ecmp-go/ecmp/benchmarks/internal/flows"
	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/hash"
)

// churnParts is how many passes send as many new flows as a table holds.
const churnParts = 16

// churnCases put new flows into a table or a cache that holds as many as it is
// for.
func churnCases(n int) (cases []Case) {
	for _, end := range []string{"timeout", "none"} {
		name := fmt.Sprintf("op=churn/flows=%d/end=%s/impl=", n, end)
		cases = append(cases, Case{name + "ecmp/form=batch32", func() (*Work, error) {
			t, err := flows.NewTable(n)
			if err != nil {
				return nil, err
			}
			return newFlows(n, func(keys []hash.FlowKey) { sendNew(t, keys, n, end == "timeout") }), nil
		}})
		for _, p := range peers() {
			if p.Kind != flows.Bounded {
				continue
			}
			cases = append(cases, Case{name + p.Name + "/form=one", func() (*Work, error) {
				c := p.New(n)
				w := newFlows(n, c.Set)
				w.Close = c.Close
				return w, nil
			}})
		}
	}
	return cases
}

// newFlows fills something with n flows, and returns the work of others. They
// come again when three times as many have come in the meantime.
func newFlows(n int, send func([]hash.FlowKey)) *Work {
	keys, at := flows.Keys(0, 4*n), n
	send(keys[:n])
	size := n / churnParts
	return &Work{Items: size, Pass: func() {
		if at+size > len(keys) {
			at = 0
		}
		send(keys[at : at+size])
		at += size
	}}
}

// sendNew sends a SYN of each key. A pin on probation lives for 8 seconds at
// the default: the clock moves so that it is gone after n others, or stands
// still.
func sendNew(t *flows.Table, keys []hash.FlowKey, n int, expire bool) {
	const parts = 64
	for i := range parts {
		part := keys[i*len(keys)/parts : (i+1)*len(keys)/parts]
		t.Keys(part, hash.SYN)
		if expire {
			t.Now += 8 * time.Second * time.Duration(len(part)) / time.Duration(n)
		}
	}
}

// upkeepCases are what is done beside packets, with n flows; the sweep is of
// half as many again.
func upkeepCases(n int) (cases []Case) {
	add := func(what string, n int, impl string, w func(*flows.Table, []uint64) *Work) {
		cases = append(cases, Case{fmt.Sprintf("op=upkeep/what=%s/flows=%d/impl=%s", what, n, impl),
			func() (*Work, error) { return established(n, w) }})
	}
	for _, u := range []struct {
		what string
		n    int
		pass func(*flows.Table)
	}{
		{"sweep", n * 3 / 2, func(t *flows.Table) { t.Pass() }},
		{"save", n, func(t *flows.Table) { must(t.Save(io.Discard, 1, t.Now)) }},
		{"count", n, func(t *flows.Table) { t.Pins(1) }},
	} {
		add(u.what, u.n, "ecmp", func(t *flows.Table, _ []uint64) *Work {
			return &Work{Items: 1, Pass: func() { u.pass(t) }}
		})
		add(u.what, u.n, "memory", func(t *flows.Table, _ []uint64) *Work {
			memory, sum := make([]uint64, t.Cap()), uint64(0)
			return &Work{Items: 1, Pass: func() {
				for _, w := range memory {
					sum |= w
				}
			}}
		})
	}
	add("restore", n, "ecmp", func(t *flows.Table, digests []uint64) *Work {
		var saved bytes.Buffer
		must(t.Save(&saved, 1, t.Now))
		var empty *flows.Table
		return &Work{
			Items: 1, Figures: results.Exact(numbers{"saved-bytes": float64(saved.Len()) / float64(n)}),
			Reset: func() {
				var err error
				empty, err = flows.NewTable(len(digests))
				must(err)
			},
			Pass: func() {
				_, err := empty.Restore(bytes.NewReader(saved.Bytes()), 1, 0)
				must(err)
			},
		}
	})
	// Both states are kept, so that their selectors are shared and not built in
	// the time.
	void := func(t *flows.Table, _ []uint64) *Work {
		ten := t.Group.Load()
		must(t.Update(9))
		nine := t.Group.Load()
		return &Work{
			Items: 1, Reset: func() { must(t.Update(10)) }, Pass: func() { must(t.Update(9)) },
			Close: func() { runtime.KeepAlive(ten); runtime.KeepAlive(nine) },
		}
	}
	add("void", n, "ecmp/form=full", void)
	add("void", n, "ecmp/form=empty", func(*flows.Table, []uint64) *Work {
		t, err := flows.NewTable(1)
		must(err)
		return void(t, nil)
	})
	return cases
}

// must panics: what fails here is a mistake in a case.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
