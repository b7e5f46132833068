package benchmarks_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// passes times passes over a number of items, and reports the time of one item. So even -benchtime 1x says something.
func passes[R any](b *testing.B, items int, pass func() R) {
	for b.Loop() {
		pass()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(items), "ns/op")
}

func build(tb testing.TB, s selector.Strategy, members []selector.Member) selector.Selector {
	tb.Helper()
	built, err := selector.New(s, members)
	require.NoError(tb, err)
	return built
}

// batches returns look-ups in bursts by a selector that has them, as those of the library do.
func batches(tb testing.TB, s selector.Selector) subject.Lookup {
	tb.Helper()
	batch, ok := s.(selector.BatchSelector)
	require.True(tb, ok)
	return subject.Batches(batch)
}

func makeGroup(tb testing.TB, name string, s selector.Strategy, d *selector.Domain, members []selector.Member) *selector.Group[int] {
	tb.Helper()
	group, err := selector.NewGroup[int](selector.Config{Name: name, Strategy: s, Domain: d})
	require.NoError(tb, err)
	hops := make([]selector.Hop[int], len(members))
	for i, m := range members {
		hops[i].Member = m
	}
	_, err = group.Update(hops)
	require.NoError(tb, err)
	return group
}
