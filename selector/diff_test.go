package selector_test

import (
	"fmt"
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

// slowDiff counts table slots as the words of Diff say.
func slowDiff(old, v *selector.View) selector.Diff {
	before, after := weightsByID(old), weightsByID(v)
	from, to := old.Selector().(selector.Tabled), v.Selector().(selector.Tabled)
	d := selector.Diff{Hashes: to.Slots(), Exact: true}
	for slot := range to.Slots() {
		a, b := old.Member(from.Owner(slot)).ID, v.Member(to.Owner(slot)).ID
		if a == b {
			continue
		}
		d.Moved++
		// what b has of what a has, which is 0 for who is not there
		was, is := big.NewRat(int64(before[b]), int64(before[a])), new(big.Rat).SetInt64(math.MaxInt64)
		if after[a] > 0 {
			is.SetFrac64(int64(after[b]), int64(after[a]))
		}
		if is.Cmp(was) > 0 {
			d.Forced++
		} else {
			d.Collateral++
		}
	}
	for id, w := range before {
		d.Due += max(0, float64(w)/total(before)-float64(after[id])/total(after))
	}
	return d
}

func weightsByID(v *selector.View) map[string]uint32 {
	weights := make(map[string]uint32)
	for _, m := range v.All() {
		weights[m.ID] = m.Weight
	}
	return weights
}

func total(weights map[string]uint32) (sum float64) {
	for _, w := range weights {
		sum += float64(w)
	}
	return sum
}

// diffOf returns the Diff from one list of members to another, in groups of two
// strategies.
func diffOf(t *testing.T, s, next selector.Strategy, before, after []selector.Member) selector.Diff {
	t.Helper()
	old := mustUpdate(t, newGroup(t, nil, selector.GroupConfig{Strategy: s}), before...)
	g := newGroup(t, nil, selector.GroupConfig{Strategy: next})
	if s == next {
		mustUpdate(t, g, before...)
	}
	return mustUpdate(t, g, after...).Diff(old)
}

// TestDiffOfScaledWeights: only ratios of weights count, whoever joins, leaves,
// drains or changes in weight.
func TestDiffOfScaledWeights(t *testing.T) {
	racecheck.OneGoroutine(t)
	rng := rand.New(rand.NewPCG(9, 9))
	for _, row := range catalog.All() {
		if row.Name == "resilient" {
			continue // its members trade by whose weight changed
		}
		for range 5 {
			before := row.Level(randomMembers(rng, "m", 2+rng.IntN(12), 9))
			after := row.Level(reweigh(rng, before, 20))
			scaled := slices.Clone(after)
			for i := range scaled {
				scaled[i].Weight *= 30
			}
			want := diffOf(t, row.Strategy, row.Strategy, before, after)
			got := diffOf(t, row.Strategy, row.Strategy, before, scaled)
			assert.InDelta(t, want.Due, got.Due, 1e-12)
			got.Due = want.Due
			assert.Equal(t, want, got, "%s from %v to %v", row.Name, before, after)
		}
	}
}

// TestDiffOfAJoinBesideOtherUnits is what core.md found: the weights of all are
// written in tenths, and one joins.
func TestDiffOfAJoinBesideOtherUnits(t *testing.T) {
	before, after := []selector.Member(nil), []selector.Member{{ID: "m55", Weight: 10}}
	for i := range 10 {
		id := fmt.Sprint("m", i)
		before, after = append(before, selector.Member{ID: id, Weight: 1}),
			append(after, selector.Member{ID: id, Weight: 10})
	}
	for s, least := range map[selector.Strategy]float64{
		selector.Modulo{}: 9, selector.Threshold{}: 2, selector.Maglev{}: 1.005,
	} {
		d := diffOf(t, s, s, before, after)
		assert.Greater(t, d.Ratio(), least, "%s", s)
		assert.InDelta(t, 1.0/11, d.Due, 1e-12)
		assert.InDelta(t, 1.0/11, float64(d.Forced)/float64(d.Hashes), .005, "%s", s)
	}
}

// TestDiffIgnoresBystanders: a drained member that owns nothing changes none of
// the counts.
func TestDiffIgnoresBystanders(t *testing.T) {
	racecheck.OneGoroutine(t)
	bystander := selector.Member{ID: "z"}
	for _, row := range catalog.All() {
		s := row.Strategy
		before := row.Level(selector.Equal("a", "b", "c", "d"))
		after := append(slices.Clone(before), selector.Member{ID: "e", Weight: 1})
		if !row.EqualOnly {
			after[2].Weight = 2
		}
		want := diffOf(t, s, s, before, after)
		assert.Positive(t, want.Moved)
		for _, d := range []selector.Diff{
			diffOf(t, s, s, append(before, bystander), append(after, bystander)),
			diffOf(t, s, s, before, append(after, bystander)),
			diffOf(t, s, s, append(before, bystander), after),
		} {
			assert.Equal(t, want, d, row.Name)
		}
	}
}

// TestDiffOfAWeight: where a strategy moves hashes to the member whose weight
// grew and to no other, nothing is collateral.
func TestDiffOfAWeight(t *testing.T) {
	before := selector.Equal("pod1", "pod2", "pod3", "pod4")
	for i := range before {
		before[i].Weight = 10
	}
	after := slices.Clone(before)
	after[2].Weight = 20
	for _, s := range []selector.Strategy{selector.Bounded{Slack: selector.UnlimitedSlack}, selector.Rendezvous{}} {
		for _, d := range []selector.Diff{diffOf(t, s, s, before, after), diffOf(t, s, s, after, before)} {
			assert.Positive(t, d.Moved)
			assert.Zero(t, d.Collateral, "%s", s)
			assert.InDelta(t, 2.0/5-1.0/4, d.Due, 1e-12)
			assert.InDelta(t, d.Due, float64(d.Moved)/float64(d.Hashes), .01)
		}
	}
	d := diffOf(t, selector.Modulo{}, selector.Modulo{}, before, after)
	assert.Greater(t, d.Ratio(), 1.2, "mod N moves hashes between the others too")

	weights := func(w ...uint32) []selector.Member {
		members := selector.Equal("a", "b", "c", "d")
		for i := range members {
			members[i].Weight = w[i]
		}
		return members
	}
	d = diffOf(t, selector.Modulo{}, selector.Modulo{}, weights(1, 1, 1, 1), weights(100, 101, 101, 101))
	assert.InDelta(t, .25-100.0/403, d.Due, 1e-12, "all weights grew, and shares hardly changed")
	assert.Greater(t, d.Collateral, 20_000)
}

// TestRendezvousMovesOnlyTheForced: whatever changes in weight, a hash goes to
// a member that gained on its old one.
func TestRendezvousMovesOnlyTheForced(t *testing.T) {
	racecheck.OneGoroutine(t)
	rng := rand.New(rand.NewPCG(9, 10))
	for range 50 {
		before := randomGroup(rng, 1+rng.IntN(12))
		d := diffOf(t, selector.Rendezvous{}, selector.Rendezvous{}, before, reweigh(rng, before, 20))
		require.Zero(t, d.Collateral, "%v", before)
	}
}

// TestDueOfAReplacement: a strategy without history moves twice what is due,
// one with history may swap in place.
func TestDueOfAReplacement(t *testing.T) {
	before, after := selector.Equal("a", "b", "c", "d"), selector.Equal("a", "b", "c", "e")
	d := diffOf(t, selector.Rendezvous{}, selector.Rendezvous{}, before, after)
	assert.InDelta(t, 1.0/4, d.Due, 1e-12)
	// a and e are the first two of five for a tenth of the hashes, which go from
	// one to the other.
	assert.InDelta(t, 2*d.Due-.1, float64(d.Forced)/float64(d.Hashes), .01)
	g := newGroup(t, nil, selector.GroupConfig{Strategy: selector.Resilient{}})
	old := mustUpdate(t, g, before...)
	d = mustUpdate(t, g, after...).Diff(old)
	assert.Equal(t, int(d.Due*float64(d.Hashes)), d.Forced)
}

// TestDiffAcrossStrategies: what moves for another strategy, seed or size is
// collateral, and members that come and go beside it are forced as ever.
func TestDiffAcrossStrategies(t *testing.T) {
	group, more := selector.Equal("a", "b", "c"), selector.Equal("a", "b", "c", "d")
	for _, next := range []selector.Strategy{
		selector.Maglev{}, selector.Bounded{Seed: 1}, selector.Bounded{Slots: 1024}, selector.Rendezvous{},
	} {
		d := diffOf(t, selector.Bounded{}, next, group, group)
		assert.InDelta(t, 2.0/3, float64(d.Moved)/float64(d.Hashes), .05, "%s", next)
		assert.Zero(t, d.Forced)
		assert.Zero(t, d.Due)
		assert.True(t, math.IsInf(d.Ratio(), 1))
		d = diffOf(t, selector.Bounded{}, next, group, more)
		assert.InDelta(t, 1.0/4, float64(d.Forced)/float64(d.Hashes), .02)
		assert.InDelta(t, 1.0/4, d.Due, 1e-12)
	}
}

// TestDiffOfAnIncarnation: a pod that was replaced by one of the same ID loses
// its hashes.
func TestDiffOfAnIncarnation(t *testing.T) {
	g := newGroup(t, nil, selector.GroupConfig{})
	hops := []selector.Hop[string]{{ID: "a", Weight: 1}, {ID: "b", Weight: 1, Incarnation: 1}}
	old, err := g.Update(hops)
	require.NoError(t, err)
	hops[1].Incarnation = 2
	s, err := g.Update(hops)
	require.NoError(t, err)
	d := s.Diff(old)
	assert.Equal(t, []int{d.Hashes / 2, d.Hashes / 2, 0}, []int{d.Moved, d.Forced, d.Collateral})
	assert.InDelta(t, .5, d.Due, 1e-12)
	for m, n := range s.View().Moves(old.View()) {
		assert.Equal(t, selector.Move{From: "b", To: "b"}, m)
		assert.Equal(t, d.Moved, n)
	}
}

func TestDiffFromNothing(t *testing.T) {
	for _, row := range catalog.All() {
		g := newGroup(t, nil, selector.GroupConfig{Strategy: row.Strategy})
		full := mustUpdate(t, g, selector.Equal("a", "b")...)
		for _, d := range []selector.Diff{full.Diff(nil), full.View().Diff(nil)} {
			assert.Equal(t, []int{d.Hashes, d.Hashes}, []int{d.Moved, d.Forced})
			assert.InDelta(t, 1, d.Due, 0)
		}
		sum := 0
		for m, n := range full.View().Moves(nil) {
			assert.Empty(t, m.From)
			sum += n
		}
		assert.Equal(t, full.Diff(nil).Hashes, sum)
	}
}

// TestMoves: they are those of the slots, in order, and add up to Diff.
func TestMoves(t *testing.T) {
	racecheck.OneGoroutine(t)
	rng := rand.New(rand.NewPCG(9, 11))
	for _, row := range catalog.All() {
		before := randomMembers(rng, "m", 8, 9)
		after := append(reweigh(rng, before, 20), selector.Member{ID: "joined", Weight: 3})
		g := newGroup(t, nil, selector.GroupConfig{Strategy: row.Strategy})
		old := mustUpdate(t, g, row.Level(before)...).View()
		now := mustUpdate(t, g, row.Level(after)...).View()
		if table, ok := now.Selector().(selector.Tabled); ok {
			want := make(map[selector.Move]int)
			was := old.Selector().(selector.Tabled)
			require.Equal(t, was.Slots(), table.Slots(), row.Name)
			for slot := range table.Slots() {
				from, to := old.Member(was.Owner(slot)).ID, now.Member(table.Owner(slot)).ID
				if from != to {
					want[selector.Move{From: from, To: to}]++
				}
			}
			assert.Equal(t, want, maps.Collect(now.Moves(old)))
		}
		sum, last := 0, selector.Move{}
		for m, n := range now.Moves(old) {
			assert.Negative(t, strings.Compare(last.From+"\x00"+last.To, m.From+"\x00"+m.To))
			sum, last = sum+n, m
		}
		assert.Positive(t, sum)
		assert.Equal(t, now.Diff(old).Moved, sum)
		for range now.Moves(old) {
			break
		}
	}
}

// TestShares: exact for tables, an estimate for others.
func TestShares(t *testing.T) {
	group := []selector.Member{{ID: "a", Weight: 1}, {ID: "b"}, {ID: "c", Weight: 3}}
	for _, row := range catalog.All() {
		group := row.Level(group)
		v := mustUpdate(t, newGroup(t, nil, selector.GroupConfig{Strategy: row.Strategy}), group...).View()
		shares, sum := v.Shares(), 0.0
		for i, share := range shares {
			sum += share
			due := float64(group[i].Weight) / float64(group[0].Weight+group[2].Weight)
			assert.InDelta(t, due, share, .01+5*row.Imbalance()*due, row.Name)
			assert.InDelta(t, due, v.Due()[i], 1e-12)
		}
		assert.InDelta(t, 1, sum, 1e-9)
		assert.Zero(t, shares[1])
		if table, ok := v.Selector().(selector.Tabled); ok {
			counts := make([]float64, 3)
			for slot := range table.Slots() {
				counts[table.Owner(slot)] += 1 / float64(table.Slots())
			}
			assert.InDeltaSlice(t, counts, shares, 1e-9)
		}
		d := selector.NewDomain()
		g := newGroup(t, d, selector.GroupConfig{Strategy: row.Strategy})
		marked := mustUpdate(t, g, group...).View()
		d.Mark("a").SetDown(true)
		assert.Equal(t, shares, marked.Shares(), "marks are advice")
	}
	drained := mustUpdate(t, newGroup(t, nil, selector.GroupConfig{}), selector.Member{ID: "a"})
	assert.Equal(t, []float64{0}, drained.View().Shares())
	assert.Equal(t, []float64{0}, drained.View().Due())
	assert.Empty(t, newGroup(t, nil, selector.GroupConfig{}).Load().View().Shares())
}

// TestSharesOfTiers counts where hashes are placed, with drained members and
// with backups.
func TestSharesOfTiers(t *testing.T) {
	racecheck.OneGoroutine(t)
	const hashes = 1 << 16
	rng := rand.New(rand.NewPCG(7, 8))
	for _, row := range catalog.All() {
		for _, backups := range []bool{false, true} {
			hops := make([]selector.Hop[string], 7)
			for i := range hops {
				weight := uint32(i % 3)
				if row.EqualOnly {
					weight = min(weight, 1)
				}
				hops[i] = selector.Hop[string]{ID: fmt.Sprint("m", i), Weight: weight, Backup: backups && i > 3}
			}
			v := updateHops(t, newGroup(t, nil, selector.GroupConfig{Strategy: row.Strategy}), hops...)
			counts := make([]float64, len(hops))
			for range hashes {
				counts[v.Unmarked(rng.Uint64())] += 1. / hashes
			}
			assert.InDeltaSlice(t, counts, v.Shares(), .01, "%s, backups %t", row.Name, backups)
			for i, h := range hops {
				if h.Weight == 0 || h.Backup {
					assert.Zero(t, v.Shares()[i], "%s, backups %t", row.Name, backups)
				}
			}
		}
	}
}

func TestDiffOfTablesIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	g := newGroup(t, nil, selector.GroupConfig{})
	random := func() *selector.Snapshot[string] {
		members := []selector.Member{{ID: "always", Weight: 1}}
		joins := rng.IntN(3)
		for id := 'a'; id <= 'h'; id++ {
			if joins == 0 || rng.IntN(3) > 0 {
				members = append(members, selector.Member{ID: string(id), Weight: rng.Uint32N(4) + uint32(rng.IntN(2))})
			}
		}
		return mustUpdate(t, g, members...)
	}
	old := random()
	for range 100 {
		s := random()
		d := s.Diff(old)
		want := slowDiff(old.View(), s.View())
		require.InDelta(t, want.Due, d.Due, 1e-12)
		want.Due = d.Due
		require.Equal(t, want, d)
		require.Equal(t, d.Moved, d.Forced+d.Collateral)
		old = s
	}
}

func TestDiffByProbes(t *testing.T) {
	g := newGroup(t, nil, selector.GroupConfig{Strategy: selector.Rendezvous{}})
	old := mustUpdate(t, g, selector.Equal("a", "b", "c")...)
	s := mustUpdate(t, g, selector.Equal("a", "b", "c", "d")...)
	d := s.Diff(old)
	assert.Equal(t, 65536, d.Hashes)
	assert.False(t, d.Exact)
	assert.InDelta(t, 65536/4, d.Moved, 600)
	assert.Equal(t, d.Moved, d.Forced)
	assert.Zero(t, s.Diff(s).Moved)

	small := mustUpdate(t, newGroup(t, nil, selector.GroupConfig{Strategy: selector.Maglev{Size: 101}}),
		selector.Equal("a", "b")...)
	large := mustUpdate(t, newGroup(t, nil, selector.GroupConfig{Strategy: selector.Maglev{Size: 1021}}),
		selector.Equal("a", "b")...)
	assert.False(t, large.Diff(small).Exact, "tables of different sizes")
	assert.False(t, small.Diff(large).Exact)
}

func TestDiffWithAGroupThatTakesNothing(t *testing.T) {
	g := newGroup(t, nil, selector.GroupConfig{})
	empty := g.Load()
	full := mustUpdate(t, g, selector.Equal("a", "b")...)
	for _, d := range []selector.Diff{full.Diff(empty), empty.Diff(full)} {
		assert.Equal(t, d.Hashes, d.Forced)
		assert.Equal(t, d.Moved, d.Forced)
		assert.InDelta(t, 1, d.Due, 0)
	}
	assert.Equal(t, selector.Diff{Hashes: 1 << 16}, empty.Diff(empty))
}

func TestDisruptionRatio(t *testing.T) {
	for want, d := range map[float64]selector.Diff{
		1:           {},
		1.25:        {Moved: 5, Forced: 4, Collateral: 1},
		math.Inf(1): {Moved: 1, Collateral: 1},
	} {
		assert.InDelta(t, want, d.Ratio(), 1e-9, "%+v", d)
	}
	assert.InDelta(t, 1.0, selector.Diff{Moved: 3, Forced: 3}.Ratio(), 1e-9)
}
