package benchmarks_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/dgryski/go-maglev"

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
			b.ReportMetric(held(construct), "held-bytes")
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

// held returns how many bytes a thing that construct makes keeps from the garbage collector.
func held(construct func() any) float64 {
	things := make([]any, 16)
	before := live()
	for i := range things {
		things[i] = construct()
	}
	after := live()
	runtime.KeepAlive(things)
	return float64(after-before) / float64(len(things))
}

func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestHeld(t *testing.T) {
	const size = 1 << 20
	if got := held(func() any { return make([]byte, size) }); got < size*0.99 || got > size*1.05 {
		t.Errorf("%v bytes are held by %d", got, size)
	}
}
