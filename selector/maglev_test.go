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

	"github.com/ecmp-go/ecmp/internal/golden/place"
	"github.com/ecmp-go/ecmp/internal/racecheck"
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
	racecheck.OneGoroutine(t)
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

func TestMaglevTableSize(t *testing.T) {
	group := selector.Equal("a", "b", "c", "d", "e", "f")
	drained := append(selector.Equal("a", "b", "c"), selector.Member{ID: "d"}, selector.Member{ID: "e"})
	for _, c := range []struct {
		size    uint32
		limit   uint64
		message string
	}{
		{1, 6, "selector: bad table size: fewer slots than members: 1 (limit 6)"},
		{5, 6, "selector: bad table size: fewer slots than members: 5 (limit 6)"},
		{65536, 0, "selector: bad table size: not a prime: 65536"},
		{65535, 0, "selector: bad table size: not a prime: 65535"},
		{4093 * 4093, 0, "selector: bad table size: not a prime: 16752649"},
		{1 << 24, 0, "selector: bad table size: not a prime: 16777216"},
		{1<<24 + 43, 1 << 24, "selector: bad table size: too many slots: 16777259 (limit 16777216)"},
		{math.MaxUint32, 1 << 24, "selector: bad table size: too many slots: 4294967295 (limit 16777216)"},
	} {
		built, err := selector.Maglev{Size: c.size}.Build(group)
		assert.Nil(t, built)
		require.ErrorIs(t, err, selector.ErrTableSize)
		var e *selector.GroupError
		require.ErrorAs(t, err, &e)
		assert.Equal(t, [2]uint64{uint64(c.size), c.limit}, [2]uint64{e.Value, e.Limit})
		assert.Equal(t, -1, e.Index)
		require.EqualError(t, err, c.message)
	}
	_, err := selector.Maglev{Size: 1}.Build(group[:1])
	require.ErrorIs(t, err, selector.ErrTableSize, "one slot has no permutations")
	for size, list := range map[uint32][]selector.Member{2: group[:1], 3: drained, 7: group, 4093: group} {
		_, err := selector.Maglev{Size: size}.Build(list)
		require.NoError(t, err, size)
	}
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

func TestMaglevEqualsModel(t *testing.T) {
	racecheck.OneGoroutine(t)
	r := rand.New(rand.NewPCG(1, 4))
	for _, size := range []uint32{2, 3, 53, 251, 1021, 1021, 4093, 4093, 4093, 65537, 65537} {
		for _, n := range []int{1, 2, 10, 40, 300} {
			if n > int(size) {
				continue
			}
			group := randomGroup(r, n)
			model := modelled(group)
			seed := r.Uint64N(2) * r.Uint64()
			maglev := build(t, selector.Maglev{Size: size, Seed: seed}, group).(selector.Tabled)
			owners := place.Maglev(model, int(size), seed)
			require.Equal(t, int(size), maglev.Slots())
			for slot, owner := range owners {
				require.EqualValues(t, owner, maglev.Owner(slot), "%d members, %d slots, slot %d", n, size, slot)
			}
			if size > 5000 {
				continue
			}
			for range 3 {
				h := r.Uint64()
				slot := int(slotOf(h, uint64(size)))
				want := place.MaglevOrder(model, int(size), seed, owners[slot], slot)
				require.Equal(t, want, order(maglev.(selector.Selector), h), "%d members, %d slots, %#x", n, size, h)
			}
		}
	}
}
