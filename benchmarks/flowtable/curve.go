package main

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/ecmp-go/ecmp/benchmarks/internal/flows"
)

func randomDigests(n int) []uint64 {
	rng := rand.NewPCG(3, 4)
	digests := make([]uint64, n)
	for i := range digests {
		digests[i] = rng.Uint64()
	}
	return digests
}

// curve is the cost of a hit in batches, and what a flow takes, from small
// tables to large ones.
func curve(m *measurement) (rows []row, err error) {
	for _, n := range m.sizes(10_000, 100_000, 1_000_000, 10_000_000, 100_000_000) {
		digests := randomDigests(n)
		without, before := collect()
		table, err := full(digests)
		if err != nil {
			return nil, err
		}
		with, after := collect()
		t, err := duel(m.blocks, lookUp(table.Digests, digests), chase(table, false), chase(table, true))
		if err != nil {
			return nil, err
		}
		s := table.Stats()
		rows = append(rows,
			slower(fmt.Sprintf("%d flows, batch : 32 pointer chases", n), t[0], t[1], "reported"),
			slower(fmt.Sprintf("%d flows, batch : 32 pointer chases on huge pages", n), t[0], t[2], "reported"),
			row{fmt.Sprintf("%d flows, bytes a flow", n), fmt.Sprintf("%.2f", float64(after-before)/float64(n)), "",
				"", "at most 11 from 1M on"},
			row{fmt.Sprintf("%d flows, on the way there", n), stats(s), "", "", "0 refused from 1M on"},
			row{fmt.Sprintf("%d flows, a cycle of the garbage collector with the table : without", n),
				with.String(), without.String(),
				duration(with.median() - without.median()), "under 1 ms apart"})
		runtime.KeepAlive(table)
	}
	return rows, nil
}

// collect times cycles of the garbage collector, and returns the bytes that are
// in use after them.
func collect() (cycles times, bytes int64) {
	runtime.GC() // of what was dropped before
	for range 15 {
		began := time.Now()
		runtime.GC()
		cycles = append(cycles, float64(time.Since(began).Nanoseconds()))
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return cycles, int64(m.HeapAlloc)
}

// cores lets two workers share a table.
func cores(m *measurement) ([]row, error) {
	n := min(10_000_000, m.flows)
	digests := randomDigests(n)
	table, err := full(digests)
	if err != nil {
		return nil, err
	}
	workers := []*flows.Table{table.Worker(), table.Worker()}
	t, err := duel(m.blocks, lookUp(table.Digests, digests), side{work: func(b int) int {
		var wg sync.WaitGroup
		for i, w := range workers {
			wg.Go(func() { w.Digests(window(digests, 2*b+i)) })
		}
		wg.Wait()
		return 2 * len(window(digests, b))
	}})
	if err != nil {
		return nil, err
	}
	return []row{{fmt.Sprintf("%d flows, batch, two cores : one", n), t[1].String(), t[0].String(),
		fmt.Sprintf("%.2fx", t[0].median()/t[1].median()), "at least 1.6x"}}, nil
}
