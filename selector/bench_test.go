package selector_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/dgryski/go-maglev"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

func benchmarkGroup(n int, weights ...uint32) []selector.Member {
	group := make([]selector.Member, n)
	for i := range group {
		group[i] = selector.Member{ID: fmt.Sprintf("10.0.0.%05d", i), Weight: weights[i%len(weights)]}
	}
	return group
}

func benchmarkHashes() []uint64 {
	r := rand.New(rand.NewPCG(4, 4))
	hashes := make([]uint64, 65536)
	for i := range hashes {
		hashes[i] = r.Uint64()
	}
	return hashes
}

// forStrategies runs f for each strategy, number of members and kind of
// weights.
func forStrategies(b *testing.B, f func(b *testing.B, s selector.Strategy, group []selector.Member)) {
	for _, row := range catalog.All() {
		for _, n := range []int{10, 100, 1000} {
			b.Run(fmt.Sprintf("strategy=%s/n=%d/weights=equal", row.Name, n), func(b *testing.B) {
				f(b, row.Strategy, benchmarkGroup(n, 1))
			})
			if row.EqualOnly {
				continue
			}
			b.Run(fmt.Sprintf("strategy=%s/n=%d/weights=unequal", row.Name, n), func(b *testing.B) {
				f(b, row.Strategy, benchmarkGroup(n, 1, 2, 3, 10))
			})
		}
	}
}

// BenchmarkSelect is one look-up through the interface, of random hashes in a
// loop: the table is in cache.
func BenchmarkSelect(b *testing.B) {
	hashes := benchmarkHashes()
	forStrategies(b, func(b *testing.B, s selector.Strategy, group []selector.Member) {
		built, err := selector.New(s, group)
		if err != nil {
			b.Fatal(err)
		}
		i := 0
		for b.Loop() {
			built.Select(hashes[i&65535])
			i++
		}
	})
}

// BenchmarkSelectBatch is one look-up, in bursts of 32.
func BenchmarkSelectBatch(b *testing.B) {
	hashes := benchmarkHashes()
	forStrategies(b, func(b *testing.B, s selector.Strategy, group []selector.Member) {
		built, err := selector.New(s, group)
		if err != nil {
			b.Fatal(err)
		}
		batch, dst, i := built.(selector.BatchSelector), make([]int32, 32), 0
		for b.Loop() {
			batch.SelectBatch(dst, hashes[i&65535:i&65535+32])
			i += 32
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/32, "ns/hash")
	})
}

// BenchmarkNext is the second choice of a hash, which a look-up asks for while
// the first one is down.
func BenchmarkNext(b *testing.B) {
	hashes := benchmarkHashes()
	forStrategies(b, func(b *testing.B, s selector.Strategy, group []selector.Member) {
		built, err := selector.New(s, group)
		if err != nil {
			b.Fatal(err)
		}
		ranker, ok := built.(selector.Ranker)
		if !ok {
			b.Skip("no order of preference")
		}
		owners := make([]int32, len(hashes))
		for i, h := range hashes {
			owners[i] = built.Select(h)
		}
		i := 0
		for b.Loop() {
			ranker.Next(hashes[i&65535], owners[i&65535])
			i++
		}
	})
}

// BenchmarkBuild includes the validation of the group.
func BenchmarkBuild(b *testing.B) {
	forStrategies(b, func(b *testing.B, s selector.Strategy, group []selector.Member) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Build(group); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkManyGroups looks up in a random one of 256 groups, as a router does
// that has one per prefix: tables compete for the cache.
func BenchmarkManyGroups(b *testing.B) {
	hashes := benchmarkHashes()
	for _, size := range []uint32{1021, 4093, 65537} {
		b.Run(fmt.Sprintf("strategy=maglev/size=%d", size), func(b *testing.B) {
			groups := make([]selector.Selector, 256)
			for g := range groups {
				var err error
				if groups[g], err = selector.New(selector.Maglev{Size: size, Seed: uint64(g)},
					benchmarkGroup(16, 1)); err != nil {
					b.Fatal(err)
				}
			}
			i := 0
			for b.Loop() {
				h := hashes[i&65535]
				groups[h&255].Select(h)
				i++
			}
		})
	}
}

// BenchmarkGoMaglev is the peer: look-up, and building without any check of its
// input.
func BenchmarkGoMaglev(b *testing.B) {
	hashes := benchmarkHashes()
	for _, n := range []int{10, 100, 1000} {
		var ids []string
		for _, m := range benchmarkGroup(n, 1) {
			ids = append(ids, m.ID)
		}
		b.Run(fmt.Sprintf("op=select/n=%d", n), func(b *testing.B) {
			table, i := maglev.New(ids, maglev.SmallM), 0
			for b.Loop() {
				table.Lookup(hashes[i&65535])
				i++
			}
		})
		b.Run(fmt.Sprintf("op=build/n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				maglev.New(ids, maglev.SmallM)
			}
		})
	}
}
