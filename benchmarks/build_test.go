package benchmarks_test

import (
	"fmt"
	"testing"

	"github.com/dgryski/go-maglev"

	"github.com/ecmp-go/ecmp/benchmarks/internal/metrics"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
)

// BenchmarkBuild times the build of a selector for equal members. B/op is what it allocates, held-bytes what it keeps: the
// selector's memory for as long as it lives.
func BenchmarkBuild(b *testing.B) {
	run := func(strategy, impl string, n int, construct func() any) {
		b.Run(fmt.Sprintf("strategy=%s/impl=%s/n=%d", strategy, impl, n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				construct()
			}
			b.ReportMetric(metrics.Held(construct), "held-bytes")
		})
	}
	for _, n := range subject.Sizes() {
		members, ids := subject.Members(n, 1), subject.IDs(n)
		for _, s := range subject.Strategies() {
			run(s.Name, "ecmp", n, func() any { return build(b, s, members) })
		}
		run("maglev", "go-maglev", n, func() any { return maglev.New(ids, maglev.SmallM) })
	}
}
