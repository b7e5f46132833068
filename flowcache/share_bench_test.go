package flowcache_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// BenchmarkImport times a pin that another table sends, in messages of 512 in
// the order of its buckets: one that is there already, as most are that leases
// send, and one of a flow that has none here.
func BenchmarkImport(b *testing.B) {
	const pins, message = 900_000, 512
	d := selector.NewDomain()
	group, err := selector.NewGroup[int](d, selector.GroupConfig{Name: "vip", Strategy: selector.Bounded{}})
	require.NoError(b, err)
	hops := make([]selector.Hop[int], 10)
	for i := range hops {
		hops[i] = selector.Hop[int]{ID: string(rune('a' + i)), Weight: 1}
	}
	s, err := group.Update(hops)
	require.NoError(b, err)
	newTable := func() *flowcache.Table {
		t, err := flowcache.NewTable(flowcache.Config{Domain: d, Flows: 1_000_000})
		require.NoError(b, err)
		return t
	}
	from, rng := newTable(), rand.New(rand.NewPCG(1, 2))
	sticky := flowcache.NewSticky(from)
	for range pins {
		p := flowcache.Packet{Digest: rng.Uint64(), Flags: hash.ACK, Class: flowcache.ClassTCP}
		sticky.Route(p, s.View(), 0)
		sticky.Route(p, s.View(), 0)
	}
	list := slices.Collect(from.Deviating(flowcache.Scan{View: s.View(), All: true}, 0))
	importAll := func(to *flowcache.Sticky) (done flowcache.Imported) {
		for m := range slices.Chunk(list, message) {
			x := to.Import(m, 0)
			done.Added += x.Added
			done.Kept += x.Kept
		}
		return done
	}
	perPin := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(list)), "ns/pin")
	}
	b.Run("there", func(b *testing.B) {
		to := flowcache.NewSticky(newTable())
		importAll(to)
		for b.Loop() {
			require.Equal(b, len(list), importAll(to).Kept)
		}
		perPin(b)
	})
	b.Run("new", func(b *testing.B) {
		for range b.N {
			b.StopTimer()
			to := flowcache.NewSticky(newTable())
			b.StartTimer()
			require.InDelta(b, len(list), importAll(to).Added, 100)
		}
		perPin(b)
	})
}
