package main

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/ecmp-go/ecmp/benchmarks/internal/flows"
	"github.com/ecmp-go/ecmp/hash"
)

// full returns a table made for these flows, with all of them established.
func full(digests []uint64) (*flows.Table, error) {
	t, err := flows.NewTable(len(digests))
	if err != nil {
		return nil, err
	}
	t.Send(digests, hash.SYN)
	t.Digests(digests)
	if n := t.Digests(digests); n < len(digests)*999/1000 {
		return nil, fmt.Errorf("only %d of %d flows are pinned: %+v", n, len(digests), t.Stats())
	}
	return t, nil
}

// lookUp makes a side of something that looks up keys and returns how many it
// found.
func lookUp[K any](get func([]K) int, keys []K) side {
	return side{work: func(b int) int {
		part := window(keys, b)
		get(part)
		return len(part)
	}}
}

// meet is a duel of the flow table, in two ways, with another cache, which it
// fills.
func meet[K any](blocks int, c flows.Cache[K], keys []K, batch, one side) ([]times, error) {
	defer c.Close()
	c.Set(keys)
	return duel(blocks, batch, one, lookUp(c.Get, keys))
}

// chase makes a side of 32 pointer chases over as much memory as the table
// takes.
func chase(t *flows.Table, huge bool) side {
	c := flows.NewChase(t.Buckets(), huge)
	return side{work: func(int) int { c.Follow(blockSize); return blockSize }}
}

// hits look flows up that are pinned, each at random in the whole table.
func hits(m *measurement) (rows []row, err error) {
	for _, n := range m.sizes(10_000, 1_000_000, 10_000_000) {
		more, err := m.hits(n)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

func (m *measurement) hits(n int) ([]row, error) {
	keys := flows.Keys(0, n)
	digests := flows.Digests(keys)
	table, err := full(digests)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%d flows, ", n)
	limit := "reported"
	if n == 10_000_000 {
		limit = "at most 5x"
	}
	batch, one := lookUp(table.Digests, digests), lookUp(table.One, keys)
	hashed := lookUp(func(k []hash.FlowKey) int { return table.Keys(k, hash.ACK) }, keys)
	t, err := duel(m.blocks, batch, hashed, one, chase(table, false), chase(table, true))
	if err != nil {
		return nil, err
	}
	rows := []row{
		slower(name+"batch : 32 pointer chases", t[0], t[3], limit),
		slower(name+"batch : 32 pointer chases on huge pages", t[0], t[4], limit),
		{name + "batch, hash included", t[1].String(), "", "", "reported"},
		{name + "one by one, hash included", t[2].String(), "", "", "reported"},
	}
	for _, p := range flows.Peers(fold()) {
		t, err := meet(m.blocks, p.New(table.Cap()), keys, batch, one)
		if err != nil {
			return nil, err
		}
		rows = append(rows,
			faster(name+"batch : "+p.Name, t[0], t[2], batchBar(p.Kind, n)),
			faster(name+"one by one, hash included : "+p.Name, t[1], t[2], oneBar(p.Kind, n)))
	}
	for _, p := range flows.Peers(func(d uint64) uint32 { return uint32(bits.RotateLeft64(d, 32)) }) {
		if p.Name != "xsync" && p.Name != "phuslu" {
			continue
		}
		t, err := meet(m.blocks, p.New(table.Cap()), digests, batch, one)
		if err != nil {
			return nil, err
		}
		bar := "reported"
		if p.Kind == flows.Exact && n > 10_000 {
			bar = "at least 3x"
		}
		rows = append(rows,
			faster(name+"batch : "+p.Name+" with digest keys", t[0], t[2], bar),
			faster(name+"one by one, hash included : "+p.Name+" with digest keys", t[1], t[2], "reported"))
	}
	more, err := m.refreshes(name, table, digests)
	return append(rows, more...), err
}

// refreshes come last, since they leave pins of different age.
func (m *measurement) refreshes(name string, table *flows.Table, digests []uint64) ([]row, error) {
	sway := table.Worker()
	sway.Sway = int64(time.Second)
	t, err := duel(m.blocks, lookUp(sway.Digests, digests))
	if err != nil {
		return nil, err
	}
	forward := table.Worker()
	forward.Now += 32 * int64(time.Second)
	next := lookUp(forward.Digests, digests)
	next.prepare = func(int) error { forward.Now += 8 * int64(time.Second); return nil }
	u, err := duel(m.blocks, next)
	if err != nil {
		return nil, err
	}
	return []row{
		{name + "batch, tick moves to and fro in every batch", t[0].String(), "", "", "reported"},
		{name + "batch, every packet refreshes its pin", u[0].String(), "", "", "reported"},
	}, nil
}

// fold is the hash for the peer that has none of its own.
func fold() func(hash.FlowKey) uint32 {
	hasher := flows.Hasher()
	return func(k hash.FlowKey) uint32 { return uint32(hasher.Hash(k) >> 32) }
}

func batchBar(k flows.Kind, n int) string {
	switch {
	case n == 1_000_000 && k == flows.Exact:
		return "at least 9x"
	case n == 1_000_000:
		return "at least 12x"
	case n == 10_000_000 && k == flows.Exact:
		return "at least 12x"
	case n == 10_000_000:
		return "at least 16x"
	}
	return "reported"
}

func oneBar(k flows.Kind, n int) string {
	switch {
	case k != flows.Exact:
		return "reported"
	case n == 10_000:
		return "at least 2x"
	}
	return "at least 2.5x"
}
