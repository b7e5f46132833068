package benchmarks_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/flows"
	"github.com/ecmp-go/ecmp/hash"
)

// BenchmarkFlowPeers times look-ups of pinned flows, all of a table's in random order, in the flow table, in bursts of 32 with their
// digests made, and in the caches of other libraries, which are given keys of 40 bytes. hit-share is that of the flows that were
// found: some caches forget before they are full. The command in flowtable compares them in one run.
func BenchmarkFlowPeers(b *testing.B) {
	for _, n := range []int{10_000, 1 << 18} {
		keys := flows.Keys(0, n)
		hasher := flows.Hasher()
		table, err := flows.NewTable(n)
		require.NoError(b, err)
		table.Keys(keys, hash.SYN)
		table.Keys(keys, hash.ACK)
		run := func(name string, get func([]hash.FlowKey) int) {
			b.Run(fmt.Sprintf("impl=%s/flows=%d", name, n), func(b *testing.B) {
				hits := 0
				passes(b, n, func() int { hits = get(keys); return hits })
				b.ReportMetric(float64(hits)/float64(n), "hit-share")
			})
		}
		run("ecmp", func(k []hash.FlowKey) int { return table.Keys(k, hash.ACK) })
		for _, p := range flows.Peers(func(k hash.FlowKey) uint32 { return uint32(hasher.Hash(k) >> 32) }) {
			c := p.New(table.Cap())
			c.Set(keys)
			run(p.Name, c.Get)
		}
	}
}
