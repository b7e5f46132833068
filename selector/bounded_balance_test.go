package selector_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

// change returns what a change of a group moves.
func change(t *testing.T, s selector.Strategy, before, after []selector.Member) selector.Diff {
	t.Helper()
	g, err := selector.NewGroup[struct{}](selector.NewDomain(), selector.GroupConfig{Name: "g", Strategy: s})
	require.NoError(t, err)
	publish := func(members []selector.Member) *selector.Snapshot[struct{}] {
		hops := make([]selector.Hop[struct{}], len(members))
		for i, m := range members {
			hops[i].ID, hops[i].Weight = m.ID, m.Weight
		}
		snapshot, err := g.Update(hops)
		require.NoError(t, err)
		return snapshot
	}
	old := publish(before)
	d := publish(after).Diff(old)
	require.True(t, d.Exact)
	return d
}

// TestUnlimitedSlackMovesOnlyTheForced: by members that join, leave, drain, and
// gain or lose weight, one at a time. Every slot that moves leaves a member
// that lost weight or comes to one that gained it. Diff would compare a change
// of weights with what is due, which the slots that a member wins are near and
// not equal to.
func TestUnlimitedSlackMovesOnlyTheForced(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 4))
	moved := [4]int{}
	for range 200 {
		b := selector.Bounded{Slots: 1 << (6 + r.IntN(7)), Slack: selector.UnlimitedSlack, Seed: r.Uint64()}
		before := randomGroup(r, 2+r.IntN(40))
		for i := range before {
			before[i].Weight = before[i].Weight%1000 + 1
		}
		after := slices.Clone(before)
		i, kind := r.IntN(len(after)), r.IntN(4)
		switch kind {
		case 0:
			after = slices.Delete(after, i, i+1)
		case 1:
			after = append(after, selector.Member{ID: "new", Weight: 1 + r.Uint32N(1000)})
		case 2:
			after[i].Weight = 0
		case 3:
			after[i].Weight = 1 + r.Uint32N(2000)
		}
		weights := func(group []selector.Member) map[string]uint32 {
			m := map[string]uint32{}
			for _, member := range group {
				m[member.ID] = member.Weight
			}
			return m
		}
		was, is := weights(before), weights(after)
		from, to := owners(build(t, b, before)), owners(build(t, b, after))
		for slot := range from {
			loser, winner := before[from[slot]].ID, after[to[slot]].ID
			if loser != winner {
				moved[kind]++
				require.True(t, is[loser] < was[loser] || is[winner] > was[winner],
					"slot %d moves from %s to %s: %+v, from %v to %v", slot, loser, winner, b, before, after)
			}
		}
		if kind < 2 {
			require.Equal(t, 1.0, change(t, b, before, after).Ratio()) //nolint:testifylint // it is 1 exactly
		}
	}
	for kind, n := range moved {
		assert.Greater(t, n, 500, "change %d", kind)
	}
}

// TestBoundedShares: without slack every member has its due, to within one
// slot; with slack, no member has more than one slot above its due of the table
// enlarged by the slack.
func TestBoundedShares(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for range 100 {
		group := randomGroup(r, 1+r.IntN(64))
		slots := 1 << (6 + r.IntN(9))
		sum := 0.0
		for _, m := range group {
			sum += float64(m.Weight)
		}
		for _, s := range slacks {
			if s.model < 0 {
				continue
			}
			count := make([]float64, len(group))
			for _, owner := range owners(build(t, selector.Bounded{Slots: uint32(slots), Slack: s.slack}, group)) {
				count[owner]++
			}
			for i, m := range group {
				most := math.Ceil(float64(slots)*(1+float64(s.model)/1000)) * float64(m.Weight) / sum
				require.LessOrEqual(t, count[i], most+1, "member %d of %v, slack %v", i, group, s.slack)
				if s.slack == selector.NoSlack {
					require.GreaterOrEqual(t, count[i], most-1, "member %d of %v", i, group)
				}
			}
		}
	}
}

// TestBoundedCurve holds the line that suite Slack of benchmarks measures, with
// few seeds.
func TestBoundedCurve(t *testing.T) {
	racecheck.OneGoroutine(t)
	const seeds = 4
	maglev, none := selector.Maglev{}, selector.Bounded{Slack: selector.NoSlack}
	ratios := func(s selector.Strategy, n int) (remove, add, replace float64) {
		for seed := range uint64(seeds) {
			r := rand.New(rand.NewPCG(6, seed))
			all := selector.Equal(names(r, n+1)...)
			r.Shuffle(n+1, func(i, j int) { all[i], all[j] = all[j], all[i] })
			remove += change(t, s, all[:n], all[1:n]).Ratio() / seeds
			add += change(t, s, all[:n], all).Ratio() / seeds
			replace += change(t, s, all[:n], all[1:]).Ratio() / seeds
		}
		return remove, add, replace
	}
	for n, limit := range map[int]float64{10: 1, 32: 1.002, 64: 1.006, 100: 1.03, 500: 1.55, 1000: 2} {
		remove, add, replace := ratios(selector.Bounded{}, n)
		assert.LessOrEqual(t, remove, limit, "%d members", n)
		assert.LessOrEqual(t, add, limit, "%d members", n)
		assert.LessOrEqual(t, replace, limit, "%d members", n)
	}
	for _, n := range []int{16, 100, 511, 1008} {
		remove, add, replace := ratios(none, n)
		remove2, add2, replace2 := ratios(maglev, n)
		assert.Less(t, remove, remove2, "%d members", n)
		assert.Less(t, add, add2, "%d members", n)
		assert.Less(t, replace, replace2, "%d members", n)
	}
}

func TestBoundedBalance(t *testing.T) {
	racecheck.OneGoroutine(t)
	share := func(s selector.Slack, group []selector.Member) (lowest, rms float64) {
		count, sum := make([]float64, len(group)), 0.0
		for _, owner := range owners(build(t, selector.Bounded{Slack: s}, group)) {
			count[owner]++
		}
		for _, m := range group {
			sum += float64(m.Weight)
		}
		lowest = 1
		for i, m := range group {
			share := count[i] / (selector.DefaultBoundedSlots * float64(m.Weight) / sum)
			lowest = min(lowest, share)
			rms += (share - 1) * (share - 1) / float64(len(group))
		}
		return lowest, math.Sqrt(rms)
	}
	r := rand.New(rand.NewPCG(5, 6))
	for n := 2; n <= 16; n++ {
		for range 4 {
			lowest, _ := share(selector.UnlimitedSlack, selector.Equal(names(r, n)...))
			assert.Greater(t, lowest, 0.9, "%d members", n)
		}
	}
	for n, limit := range map[int]float64{8: 0.02, 100: 0.045} {
		group := selector.Equal(names(r, n)...)
		for i := range group {
			group[i].Weight = []uint32{1, 2, 3, 10}[i%4]
		}
		_, none := share(selector.NoSlack, group)
		assert.Less(t, none, 0.003, "%d members", n)
		_, usual := share(selector.DefaultSlack, group)
		assert.Less(t, usual, limit, "%d members", n)
	}
}
