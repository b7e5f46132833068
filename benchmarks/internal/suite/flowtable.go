package suite

import (
	"fmt"

	"github.com/ecmp-go/ecmp/benchmarks/internal/flows"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/hash"
)

// window is how many packets one pass sends; the next pass goes on behind it.
const window = 1 << 18

// FlowTable is packets of established and of new flows, beside the caches of
// other libraries.
func FlowTable() Suite {
	return Suite{
		Name: "FlowTable",
		About: "One operation of op=hit is one packet of an established flow, of op=insert the first packet of a flow, all over a table or cache with " +
			"room for them. Flows are in random order. form=batch32 makes its digests in the time; form=digests has them. op=sweep is one bucket of a sweep that finds nothing to do. flow-bytes is what a flow takes.",
		LeftOut: "Other caches know members by an int32 and nothing of states, slots or views, and take keys of 40 bytes, which they hash and compare: " +
			"two thirds of the advantage in a table beyond the cache come from keying by digest. otter, freelru and phuslu time out when idle, theine after a time to live, sync.Map and " +
			"xsync never. Time stands still: no pin is refreshed. One core does all. The command in flowtable measures churn, floods and two cores.",
		Cases: func(size Size) (cases []Case) {
			for _, n := range size.Flows {
				name := fmt.Sprintf("op=hit/flows=%d/impl=", n)
				if n > size.PeerFlows {
					cases = append(cases, Case{name + "ecmp/form=digests",
						func() (*Work, error) { return hitDigests(n) }})
					continue
				}
				keys := func() []hash.FlowKey { return flows.Keys(0, n) }
				hit := func(send func(*flows.Table, []hash.FlowKey)) func() (*Work, error) {
					return func() (*Work, error) { return hitKeys(keys(), send) }
				}
				cases = append(cases,
					Case{name + "ecmp/form=one", hit(func(t *flows.Table, k []hash.FlowKey) { t.One(k) })},
					Case{name + "ecmp/form=batch32",
						hit(func(t *flows.Table, k []hash.FlowKey) { t.Keys(k, hash.ACK) })},
					Case{name + "ecmp/form=digests", func() (*Work, error) { return hitDigests(n) }})
				for _, p := range peers() {
					cases = append(cases, Case{name + p.Name + "/form=one",
						func() (*Work, error) { return hitPeer(p, keys()) }})
				}
				for _, fill := range []string{"empty", "full"} {
					cases = append(cases, Case{fmt.Sprintf("op=sweep/flows=%d/fill=%s/impl=ecmp", n, fill),
						func() (*Work, error) { return sweep(keys(), fill == "full") }})
				}
				name = fmt.Sprintf("op=insert/flows=%d/impl=", n)
				cases = append(cases, Case{name + "ecmp/form=batch32",
					func() (*Work, error) { return insert(keys()), nil }})
				for _, p := range peers() {
					cases = append(cases, Case{name + p.Name + "/form=one",
						func() (*Work, error) { return insertPeer(p, keys()) }})
				}
			}
			return cases
		},
	}
}

func peers() []flows.Peer[hash.FlowKey] {
	hasher := flows.Hasher()
	return flows.Peers(func(k hash.FlowKey) uint32 { return uint32(hasher.Hash(k) >> 32) })
}

// windows returns a pass over the next window of a list, again from the start
// after the last.
func windows[K any](all []K, send func([]K)) *Work {
	size, at := min(window, len(all)), 0
	return &Work{Items: size, Pass: func() {
		if at+size > len(all) {
			at = 0
		}
		send(all[at : at+size])
		at += size
	}}
}

func hitKeys(keys []hash.FlowKey, send func(*flows.Table, []hash.FlowKey)) (*Work, error) {
	t, err := flows.NewTable(len(keys))
	if err != nil {
		return nil, err
	}
	t.Keys(keys, hash.SYN)
	found := t.Keys(keys, hash.ACK)
	w := windows(keys, func(k []hash.FlowKey) { send(t, k) })
	w.Figures = map[string]float64{"hit-share": share(found, len(keys))}
	return w, nil
}

func sweep(keys []hash.FlowKey, full bool) (*Work, error) {
	t, err := flows.NewTable(len(keys))
	if err != nil {
		return nil, err
	}
	if full {
		t.Keys(keys, hash.SYN)
		t.Keys(keys, hash.ACK)
	}
	return &Work{Items: t.Buckets(), Pass: func() { t.Sweep(t.Now, t.Buckets()) }}, nil
}

func hitDigests(n int) (*Work, error) {
	digests := subject.Hashes(3, n)
	before := live()
	t, err := flows.NewTable(n)
	if err != nil {
		return nil, err
	}
	held := live() - before
	t.Send(digests, hash.SYN)
	found := t.Send(digests, hash.ACK)
	w := windows(digests, func(d []uint64) { t.Digests(d) })
	w.Figures = map[string]float64{"hit-share": share(found, n), "flow-bytes": float64(held) / float64(n)}
	return w, nil
}

func hitPeer(p flows.Peer[hash.FlowKey], keys []hash.FlowKey) (*Work, error) {
	capacity, err := capacity(len(keys))
	if err != nil {
		return nil, err
	}
	before := live()
	c := p.New(capacity)
	c.Set(keys)
	held := live() - before
	w := windows(keys, func(k []hash.FlowKey) { c.Get(k) })
	w.Figures = map[string]float64{"flow-bytes": float64(held) / float64(len(keys))}
	return w, nil
}

func share(found, of int) float64 { return float64(found) / float64(of) }

// capacity is what a table for n flows has room for at most; the others get as
// much, lest they forget before they are full.
func capacity(n int) (int, error) {
	t, err := flows.NewTable(n)
	if err != nil {
		return 0, err
	}
	return t.Cap(), nil
}

func insert(keys []hash.FlowKey) *Work {
	var t *flows.Table
	return &Work{
		Items: len(keys),
		Reset: func() {
			var err error
			if t, err = flows.NewTable(len(keys)); err != nil {
				panic(err) // only for no flows or too many
			}
		},
		Pass: func() { t.Keys(keys, hash.SYN) },
	}
}

func insertPeer(p flows.Peer[hash.FlowKey], keys []hash.FlowKey) (*Work, error) {
	capacity, err := capacity(len(keys))
	var c flows.Cache[hash.FlowKey]
	return &Work{
		Items: len(keys),
		Reset: func() {
			if c != nil {
				c.Close()
			}
			c = p.New(capacity)
		},
		Pass: func() { c.Set(keys) },
	}, err
}
