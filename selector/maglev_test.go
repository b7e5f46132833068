package selector_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/dgryski/go-maglev"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
)

// names returns n random names, sorted.
func names(r *rand.Rand, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%016x", r.Uint64())[:1+r.IntN(15)] + fmt.Sprint("-", i)
	}
	slices.Sort(list)
	return list
}

func TestMaglevEqualsGoMaglev(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	for size, counts := range map[uint32][]int{
		65537:  {1, 2, 3, 10, 100, 256, 257, 300, 1000},
		655373: {3, 300},
		251:    {1, 2, 100, 251},
		2:      {1, 2},
		3:      {1, 2, 3},
	} {
		for _, n := range counts {
			ids := names(r, n)
			want := maglev.New(ids, uint64(size))
			group := selector.Equal(ids...)
			r.Shuffle(n, func(i, j int) { group[i], group[j] = group[j], group[i] })
			got := build(t, selector.Maglev{Size: size}, group).(selector.Tabled)
			for slot := range int(size) {
				if w, g := ids[want.Lookup(uint64(slot))], group[got.Owner(slot)].ID; w != g {
					require.Equal(t, w, g, "%d members, %d slots, slot %d", n, size, slot)
				}
			}
		}
	}
}

// TestTableTypes: a byte a slot for up to 256 members, counting the drained,
// since they have indexes.
func TestTableTypes(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	group := selector.Equal(names(r, 257)...)
	group[3].Weight = 0
	assert.IsType(t, &selector.RankedTable[uint8]{}, build(t, selector.Maglev{}, group[:256]))
	assert.IsType(t, &selector.RankedTable[uint16]{}, build(t, selector.Maglev{}, group))
}

// TestMaglevSeed: another seed is another placement, of the same balance.
func TestMaglevSeed(t *testing.T) {
	group := selector.Equal("a", "b", "c", "d")
	a := build(t, selector.Maglev{}, group).(selector.Tabled)
	b := build(t, selector.Maglev{Seed: 1}, group).(selector.Tabled)
	equal := 0
	count := make([]int, len(group))
	for slot := range a.Slots() {
		if a.Owner(slot) == b.Owner(slot) {
			equal++
		}
		count[b.Owner(slot)]++
	}
	assert.InDelta(t, a.Slots()/4, equal, 600)
	assert.ElementsMatch(t, []int{16385, 16384, 16384, 16384}, count)
}

// TestLightMember: a member that is due less than a slot may own none, but it
// is in the order of preference.
func TestLightMember(t *testing.T) {
	group := []selector.Member{{ID: "heavy", Weight: 1_000_000}, {ID: "light", Weight: 1}}
	built := build(t, selector.Maglev{Size: 251}, group)
	for h := range uint64(251) {
		assert.Equal(t, []int{0, 1}, order(built, h<<56))
	}
}

func TestNextOfStrangers(t *testing.T) {
	group := append(selector.Equal("b", "a", "c"), selector.Member{ID: "drained"})
	unequal := slices.Clone(group)
	unequal[0].Weight = 2
	for _, s := range everyStrategy() {
		for _, g := range [][]selector.Member{group[:3], group, unequal} {
			ranker, ok := build(t, s, levelled(s, g)).(selector.Ranker)
			if !ok {
				continue
			}
			for _, after := range []int{-1, -2, 3, 4, math.MaxInt} {
				assert.Equal(t, -1, ranker.Next(12345, after), "%T, %d", s, after)
			}
		}
	}
}

// TestManyMembers: no strategy hangs or fails at the greatest number of members
// and the greatest sum of weights.
func TestManyMembers(t *testing.T) {
	group := make([]selector.Member, selector.MaxMembers)
	for i := range group {
		group[i] = selector.Member{ID: fmt.Sprintf("%05d", i), Weight: 65535}
	}
	heaviest, unequal := slices.Clone(group), slices.Clone(group)
	for i := range heaviest {
		heaviest[i].Weight = 65537
	}
	heaviest[0].Weight = selector.MaxWeight - 65537*(selector.MaxMembers-1)
	for i := range unequal {
		unequal[i].Weight = uint32(i)
	}
	for _, s := range everyStrategy() {
		if _, ok := s.(selector.Ring); ok {
			s = selector.Ring{Points: 1} // ten million points would do, but take a second
		}
		for _, g := range [][]selector.Member{group, unequal, heaviest} {
			built := build(t, s, levelled(s, g))
			seen, batch := map[int]bool{}, make([]int32, 1)
			for h := range uint64(300) {
				m := built.Select(h << 55)
				require.Positive(t, g[m].Weight)
				built.(selector.BatchSelector).SelectBatch(batch, []uint64{h << 55})
				require.Equal(t, m, int(batch[0]), "%T", s)
				seen[m] = true
			}
			assert.Greater(t, len(seen), 250, "%T", s)
		}
	}
}
