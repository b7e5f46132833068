package benchmarks_test

import (
	"fmt"
	"math/bits"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

const (
	manyGroups   = 2048
	groupMembers = 16
)

// manyStrategies are the recommended settings and small tables, for members of
// up to 256, in one byte a slot.
func manyStrategies() []subject.Strategy {
	return []subject.Strategy{
		{Name: "maglev-65537", Strategy: selector.Maglev{}},
		{Name: "maglev-4099", Strategy: selector.Maglev{Size: 4099}},
		{Name: "maglev-1021", Strategy: selector.Maglev{Size: 1021}},
		{Name: "bounded-65536", Strategy: selector.Bounded{}},
		{Name: "bounded-4096", Strategy: selector.Bounded{Slots: 4096}},
		{Name: "bounded-1024", Strategy: selector.Bounded{Slots: 1024}},
		{Name: "resilient-1024", Strategy: selector.Resilient{Buckets: 1024}},
		{Name: "anchor", Strategy: selector.Anchor{Capacity: groupMembers + 2}},
		{Name: "memento", Strategy: selector.Memento{}},
		{Name: "rendezvous", Strategy: selector.Rendezvous{}},
	}
}

// BenchmarkManyGroups times look-ups, each in the selector of a random one of
// 2,048 groups of 16 members, none of which share: the time is that of fetching
// the table. The yardstick is a table of 65,536 two-byte slots for each group,
// 128 KiB, as a library makes it that does not know how many members there are.
// One operation is one key.
func BenchmarkManyGroups(b *testing.B) {
	keys := subject.RandomKeys(1).Hashes
	routes := subject.Hashes(2, len(keys))
	b.Run("table=128KiB", func(b *testing.B) {
		tables := make([][]uint16, manyGroups)
		for i := range tables {
			tables[i] = make([]uint16, 1<<16)
			for slot := range tables[i] {
				tables[i][slot] = uint16(slot % groupMembers)
			}
		}
		passes(b, len(keys), func() int {
			sum := 0
			for i, h := range keys {
				t := tables[routes[i]%manyGroups]
				slot, _ := bits.Mul64(h, uint64(len(t)))
				sum += int(t[slot])
			}
			return sum
		})
	})
	for _, s := range manyStrategies() {
		b.Run("strategy="+s.Name, func(b *testing.B) {
			all := subject.Members(manyGroups*groupMembers, 1)
			selectors := make([]selector.Selector, manyGroups)
			for i := range selectors {
				selectors[i] = build(b, s, all[i*groupMembers:][:groupMembers])
			}
			passes(b, len(keys), func() int {
				sum := 0
				for i, h := range keys {
					sum += selectors[routes[i]%manyGroups].Select(h)
				}
				return sum
			})
		})
	}
}

// BenchmarkFailOver times what happens when a member of all 2,048 groups goes
// down: the mark, after which every look-up avoids it, with one look-up in each
// group; and then the rebuild of all groups without it, of equal groups, which
// share a selector, and of groups that have the member in common only.
func BenchmarkFailOver(b *testing.B) {
	for _, s := range manyStrategies()[1:] {
		for _, kind := range []string{"equal", "distinct"} {
			domain := selector.NewDomain()
			all := subject.Members(manyGroups*groupMembers, 1)
			groups := make([]*selector.Group[int], manyGroups)
			whole := make([][]selector.Hop[int], manyGroups)
			prepare := func(b *testing.B) {
				if groups[0] != nil {
					return
				}
				for i := range groups {
					members := append([]selector.Member{{ID: "failing", Weight: 1}}, all[:groupMembers-1]...)
					if kind == "distinct" {
						copy(members[1:], all[i*groupMembers:])
					}
					for _, m := range members {
						whole[i] = append(whole[i], selector.Hop[int]{ID: m.ID, Weight: m.Weight})
					}
					g, err := selector.NewGroup[int](selector.Config{Name: fmt.Sprint(i), Strategy: s.Strategy,
						Domain: domain})
					require.NoError(b, err)
					_, err = g.Update(whole[i])
					require.NoError(b, err)
					groups[i] = g
				}
			}
			name := fmt.Sprintf("strategy=%s/groups=%s/step=", s.Name, kind)
			b.Run(name+"mark", func(b *testing.B) {
				prepare(b)
				mark := domain.Mark("failing")
				for b.Loop() {
					mark.SetDown(true)
					for i, g := range groups {
						snapshot := g.Load()
						if m := snapshot.Select(uint64(i) << 53); snapshot.View().Member(m).ID == "failing" {
							b.Fatal("a group does not avoid the member")
						}
					}
					mark.SetDown(false)
				}
			})
			b.Run(name+"rebuild", func(b *testing.B) {
				prepare(b)
				for b.Loop() {
					for i, g := range groups {
						if _, err := g.Update(whole[i][1:]); err != nil {
							b.Fatal(err)
						}
					}
					b.StopTimer()
					for i, g := range groups {
						if _, err := g.Update(whole[i]); err != nil {
							b.Fatal(err)
						}
					}
					b.StartTimer()
				}
			})
		}
	}
}
