package benchmarks_test

import (
	"fmt"
	"testing"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// BenchmarkGroups times look-ups as a router does them, each in a random one of many groups of 16 members: load the
// snapshot, select. With many groups, the time is that of fetching their memory. One operation is one key.
func BenchmarkGroups(b *testing.B) {
	keys := subject.RandomKeys(1).Hashes
	routes := subject.Hashes(2, len(keys))
	for _, s := range append(subject.Strategies(), subject.Strategy{Name: "maglev-4099", Strategy: selector.Maglev{Size: 4099}}) {
		for _, count := range []int{1, 16, 256} {
			b.Run(fmt.Sprintf("strategy=%s/groups=%d", s.Name, count), func(b *testing.B) {
				groups := makeGroups(b, s, count)
				b.ReportAllocs()
				passes(b, len(keys), func() int {
					sum := 0
					for i, h := range keys {
						sum += groups[routes[i]%uint64(len(groups))].Load().Select(h)
					}
					return sum
				})
			})
		}
	}
}

// makeGroups returns groups of one domain that have no member in common, so that no two share a selector.
func makeGroups(tb testing.TB, s selector.Strategy, count int) []*selector.Group[int] {
	tb.Helper()
	const size = 16
	domain := selector.NewDomain()
	all := subject.Members(count*size, 1)
	groups := make([]*selector.Group[int], count)
	for i := range groups {
		groups[i] = makeGroup(tb, fmt.Sprint(i), s, domain, all[i*size:][:size])
	}
	return groups
}
