package benchmarks_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
)

// passes times passes over a number of items, and reports the time of one item.
// So even -benchtime 1x says something.
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
