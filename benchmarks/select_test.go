package benchmarks_test

import (
	"fmt"
	"testing"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
)

// BenchmarkSelect times look-ups of random keys that are in the cache, of our strategies and of other libraries'. One
// operation is one key.
func BenchmarkSelect(b *testing.B) {
	keys := subject.RandomKeys(1)
	run := func(strategy, impl string, n int, form string, prepare func(b *testing.B) subject.Lookup) {
		b.Run(fmt.Sprintf("strategy=%s/impl=%s/n=%d/form=%s", strategy, impl, n, form), func(b *testing.B) {
			lookup := prepare(b)
			b.ReportAllocs()
			passes(b, subject.KeyCount, func() int { return lookup(keys) })
		})
	}
	for _, s := range subject.Strategies() {
		for _, n := range subject.Sizes() {
			members := subject.Members(n, 1)
			run(s.Name, "ecmp", n, "one", func(b *testing.B) subject.Lookup { return subject.One(build(b, s, members)) })
			run(s.Name, "ecmp", n, "batch32", func(b *testing.B) subject.Lookup { return batches(b, build(b, s, members)) })
		}
	}
	for _, p := range subject.Peers() {
		for _, n := range subject.Sizes() {
			run(p.Strategy, p.Name, n, "one", func(*testing.B) subject.Lookup { return p.New(subject.IDs(n)) })
		}
	}
}
