package benchmarks_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/ecmp-go/ecmp/benchmarks/internal/metrics"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// sampleSize is how many hashes are placed to see what moved and how even the load is.
const sampleSize = 1 << 20

// An event changes a group of equal members.
type event struct {
	name  string
	apply func(members []selector.Member) []selector.Member
}

// events are in the middle of the order of IDs, where a change costs positional strategies (Modulo, Threshold, Jump) about
// as much as on average. Only members that join do so at the end, as members that are numbered do.
var events = []event{
	{"add", func(m []selector.Member) []selector.Member { return append(m, newcomer(len(m))) }},
	{"remove", func(m []selector.Member) []selector.Member { return slices.Delete(m, len(m)/2, len(m)/2+1) }},
	{"remove10pct", func(m []selector.Member) []selector.Member {
		i := -1
		return slices.DeleteFunc(m, func(selector.Member) bool { i++; return i%10 == 5 })
	}},
	{"replace", func(m []selector.Member) []selector.Member {
		return append(slices.Delete(m, len(m)/2, len(m)/2+1), newcomer(len(m)))
	}},
	{"drain", func(m []selector.Member) []selector.Member { m[len(m)/2].Weight = 0; return m }},
	{"weight", func(m []selector.Member) []selector.Member { m[len(m)/2].Weight *= 2; return m }},
}

func newcomer(i int) selector.Member { return selector.Member{ID: subject.ID(i), Weight: 1} }

// BenchmarkRemap reports what an event moves. Timed is the build of the selector that follows it.
func BenchmarkRemap(b *testing.B) {
	hashes := subject.Hashes(1, sampleSize)
	for _, s := range subject.Strategies() {
		for _, n := range subject.Sizes() {
			place := func(members []selector.Member) metrics.Placement {
				return metrics.Place(build(b, s, members), members, hashes)
			}
			before := sync.OnceValue(func() metrics.Placement { return place(subject.Members(n, 1)) })
			for _, e := range events {
				after := e.apply(subject.Members(n, 1))
				moves := sync.OnceValue(func() metrics.Moves { return metrics.Compare(before(), place(after)) })
				b.Run(fmt.Sprintf("strategy=%s/n=%d/event=%s", s.Name, n, e.name), func(b *testing.B) {
					m := moves()
					b.ReportAllocs()
					for b.Loop() {
						build(b, s, after)
					}
					b.ReportMetric(m.Moved, "moved-share")
					b.ReportMetric(m.Forced, "forced-share")
					b.ReportMetric(m.Collateral, "collateral-share")
					b.ReportMetric(m.Ratio(), "disruption-ratio")
				})
			}
		}
	}
}

func TestEvents(t *testing.T) {
	for _, n := range subject.Sizes() {
		before := subject.Members(n, 1)
		for _, e := range events {
			after := e.apply(slices.Clone(before))
			left, joined, weights := difference(before, after)
			want := map[string][3]int{
				"add": {0, 1, 0}, "remove": {1, 0, 0}, "remove10pct": {n / 10, 0, 0}, "replace": {1, 1, 0},
				"drain": {0, 0, 1}, "weight": {0, 0, 1},
			}
			if got := [3]int{left, joined, weights}; got != want[e.name] {
				t.Errorf("%s of %d: %v members left, joined, changed their weight", e.name, n, got)
			}
		}
	}
}

func difference(before, after []selector.Member) (left, joined, weights int) {
	was := map[string]uint32{}
	for _, m := range before {
		was[m.ID] = m.Weight
	}
	for _, m := range after {
		weight, stayed := was[m.ID]
		switch {
		case !stayed:
			joined++
		case weight != m.Weight:
			weights++
		}
		delete(was, m.ID)
	}
	return len(was), joined, weights
}
