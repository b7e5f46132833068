package selector_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/golden/place"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

func ownersOf(group []selector.Member, built selector.Selector) []string {
	t := built.(selector.Tabled)
	owners := make([]string, t.Slots())
	for b := range owners {
		owners[b] = group[t.Owner(b)].ID
	}
	return owners
}

// reweigh returns a list that follows group, in which up to three members
// change, leave or join.
func reweigh(r *rand.Rand, group []selector.Member, most int) []selector.Member {
	next := slices.Clone(group)
	for range 1 + r.IntN(3) {
		switch i := r.IntN(len(next)); r.IntN(4) {
		case 0:
			next = slices.Delete(next, i, i+1)
		case 1:
			next = append(next, selector.Member{ID: fmt.Sprintf("%08x", r.Uint32()), Weight: r.Uint32N(12)})
		default:
			next[i].Weight = r.Uint32N(12)
		}
		if len(next) == 0 {
			return reweigh(r, group, most)
		}
	}
	if r.IntN(10) == 0 {
		for i := range next {
			next[i].Weight *= 3
		}
	}
	r.Shuffle(len(next), func(i, j int) { next[i], next[j] = next[j], next[i] })
	if n := len(positiveIDs(next)); n == 0 || n > most {
		return reweigh(r, group, most)
	}
	return next
}

func TestResilientEqualsModel(t *testing.T) {
	racecheck.OneGoroutine(t)
	r := rand.New(rand.NewPCG(8, 1))
	for range 30 {
		n := 1 + r.IntN(12)
		buckets := n + r.IntN(80)
		group := randomGroup(r, n)
		seed := r.Uint64N(2) * r.Uint64()
		built := build(t, selector.Resilient{Buckets: uint32(buckets), Seed: seed}, group)
		owners := place.Resilient(nil, modelled(group), make([]string, buckets), seed)
		require.Equal(t, owners, ownersOf(group, built), "%v", group)
		for range 12 {
			for i := range group {
				group[i].Weight = min(group[i].Weight, 1<<24)
			}
			next := reweigh(r, group, buckets)
			built = rebuild(t, build(t, selector.Resilient{Buckets: uint32(buckets), Seed: seed}, group), group, next)
			owners = place.Resilient(nil, modelled(group), make([]string, buckets), seed)
			owners = place.Resilient(modelled(group), modelled(next), owners, seed)
			require.Equal(t, owners, ownersOf(next, built), "%v, %v", group, next)
			after := reweigh(r, next, buckets)
			built = rebuild(t, built, next, after)
			owners = place.Resilient(modelled(next), modelled(after), owners, seed)
			require.Equal(t, owners, ownersOf(after, built), "%v, %v", next, after)
			group = after
		}
	}
}

// TestResilientEqualsModelOverHistories is for what takes a past: members that
// did not change and hold too many give to those that joined, while others that
// did not change get buckets from those that left.
func TestResilientEqualsModelOverHistories(t *testing.T) {
	racecheck.OneGoroutine(t)
	r := rand.New(rand.NewPCG(8, 9))
	for range 60 {
		group := selector.Equal(names(r, 3+r.IntN(10))...)
		buckets := 100 + r.IntN(100)
		built := build(t, selector.Resilient{Buckets: uint32(buckets)}, group)
		owners := ownersOf(group, built)
		for range 40 {
			next := reweigh(r, group, buckets)
			for i := range next {
				next[i].Weight = min(next[i].Weight, 1<<20)
			}
			built = rebuild(t, built, group, next)
			owners = place.Resilient(modelled(group), modelled(next), owners, 0)
			require.Equal(t, owners, ownersOf(next, built), "%v, %v", group, next)
			group = next
		}
	}
}

// TestResilientMovesTheMinimum: over long histories of changes of up to three
// members, nothing moves without need and shares stay near their due.
func TestResilientMovesTheMinimum(t *testing.T) {
	racecheck.OneGoroutine(t)
	r := rand.New(rand.NewPCG(8, 2))
	const buckets = 1000
	for range 20 {
		group := randomGroup(r, 10)
		for i := range group {
			group[i].Weight = 1 + group[i].Weight%8
		}
		built := build(t, selector.Resilient{Buckets: buckets}, group)
		for range 100 {
			next := reweigh(r, group, 40)
			after := rebuild(t, built, group, next)
			was, is := ownersOf(group, built), ownersOf(next, after)
			weight := map[string]uint32{}
			for _, m := range group {
				weight[m.ID] = m.Weight
			}
			gained, lost := map[string]bool{}, everyone(group)
			for _, m := range next {
				gained[m.ID], lost[m.ID] = m.Weight > weight[m.ID], m.Weight < weight[m.ID]
			}
			held := map[string]float64{}
			for b := range was {
				held[is[b]]++
				if was[b] != is[b] && !lost[was[b]] && !gained[is[b]] {
					require.Fail(t, "moved without need", "bucket %d from %s to %s", b, was[b], is[b])
				}
			}
			sum := 0.0
			for _, m := range next {
				sum += float64(m.Weight)
			}
			for _, m := range next {
				require.InDelta(t, buckets*float64(m.Weight)/sum, held[m.ID], 3, "%v", next)
			}
			group, built = next, after
		}
	}
}

// everyone returns every member as one that left.
func everyone(group []selector.Member) map[string]bool {
	all := map[string]bool{}
	for _, m := range group {
		all[m.ID] = true
	}
	return all
}

// TestResilientSingleChanges counts exactly: what a change moves is what it
// must.
func TestResilientSingleChanges(t *testing.T) {
	racecheck.OneGoroutine(t)
	r := rand.New(rand.NewPCG(8, 3))
	for _, n := range []int{2, 8, 100} {
		group := selector.Equal(names(r, n)...)
		for range 3 {
			for i := range group {
				group[i].Weight = []uint32{1, 2, 3, 10}[i%4]
			}
			built := build(t, selector.Resilient{}, group)
			held := map[string]int{}
			for _, id := range ownersOf(group, built) {
				held[id]++
			}
			for i, m := range group {
				without := slices.Delete(slices.Clone(group), i, i+1)
				after := rebuild(t, built, group, without)
				require.Equal(t, held[m.ID], movedBetween(ownersOf(group, built), ownersOf(without, after)))
				back := rebuild(t, after, without, group)
				again := 0
				for _, id := range ownersOf(group, back) {
					if id == m.ID {
						again++
					}
				}
				require.Equal(t, again, movedBetween(ownersOf(without, after), ownersOf(group, back)))
				require.InDelta(t, held[m.ID], again, 2)
				if i > 5 {
					break
				}
			}
		}
	}
}

func movedBetween(a, b []string) int {
	moved := 0
	for i := range a {
		if a[i] != b[i] {
			moved++
		}
	}
	return moved
}

// TestResilientEqualWeights: whatever came before, shares are within one bucket
// of each other.
func TestResilientEqualWeights(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 4))
	group := selector.Equal(names(r, 20)...)
	built := build(t, selector.Resilient{Buckets: 509}, group)
	for range 300 {
		next := churn(r, group, 60)
		for i := range next {
			next[i].Weight = min(next[i].Weight, 1)
		}
		built = rebuild(t, built, group, next)
		held := map[string]int{}
		for _, id := range ownersOf(next, built) {
			held[id]++
		}
		n := len(positiveIDs(next))
		for _, id := range positiveIDs(next) {
			require.Contains(t, []int{509 / n, (509 + n - 1) / n}, held[id])
		}
		group = next
	}
}

func TestResilientTypes(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 5))
	group := selector.Equal(names(r, 257)...)
	group[3].Weight = 0
	small := build(t, selector.Resilient{}, group[:256])
	large := rebuild(t, small, group[:256], group)
	assert.Equal(t, []int{1, 2, 1}, []int{
		selector.EntrySize(small), selector.EntrySize(large), selector.EntrySize(rebuild(t, large, group, group[:9])),
	})
	assert.Equal(t, selector.DefaultBuckets, large.(selector.Tabled).Slots())
}

func TestResilientRefuses(t *testing.T) {
	group := append(selector.Equal("b", "a", "c"), selector.Member{ID: "drained"})
	for size, want := range map[uint32]string{
		2:         "selector: bad table size: fewer buckets than members: 2 (limit 3)",
		1<<24 + 1: "selector: bad table size: too many buckets: 16777217 (limit 16777216)",
	} {
		_, err := selector.Resilient{Buckets: size}.Build(group)
		require.ErrorIs(t, err, selector.ErrTableSize)
		require.EqualError(t, err, want)
	}
	built := build(t, selector.Resilient{Buckets: 3}, group).(selector.Rebuilder)
	testPrevious(t, built, group)
	group[3].Weight = 1
	_, err := built.Rebuild(group, []int32{0, 1, 2, 3})
	require.ErrorIs(t, err, selector.ErrTableSize)
}
