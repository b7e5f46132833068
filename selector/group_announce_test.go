package selector_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

func hopsOf(members []selector.Member) []selector.Hop[string] {
	hops := make([]selector.Hop[string], len(members))
	for i, m := range members {
		hops[i] = selector.Hop[string]{ID: m.ID, Weight: m.Weight, Value: m.ID}
	}
	return hops
}

func randomMembers(rng *rand.Rand, prefix string, n int, weights uint32) []selector.Member {
	members := make([]selector.Member, n)
	for i := range members {
		members[i] = selector.Member{ID: fmt.Sprintf("%s%d", prefix, rng.IntN(1<<30)), Weight: 1 + rng.Uint32N(weights)}
	}
	return members
}

// TestSettledHashesStayWhoeverJoins lets the members that were announced join
// in random order, some of them never.
func TestSettledHashesStayWhoeverJoins(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var minimal []selector.Strategy
	equalOnly := map[selector.Strategy]bool{}
	for _, row := range catalog.All() {
		for _, s := range row.Settings() {
			if m, ok := s.(selector.Minimal); ok && m.Minimal() {
				minimal, equalOnly[s] = append(minimal, s), row.EqualOnly
			}
		}
	}
	for run := range 80 {
		strategy := minimal[run%len(minimal)]
		weights := []uint32{1, 5}[rng.IntN(2)]
		if equalOnly[strategy] {
			weights = 1
		}
		members := randomMembers(rng, "m", 1+rng.IntN(20), weights)
		drained := selector.Member{ID: "drained", Weight: weights}
		announced := append(randomMembers(rng, "a", 1+rng.IntN(5), weights), drained)
		g, err := selector.NewGroup[string](selector.NewDomain(), selector.GroupConfig{Name: "g", Strategy: strategy})
		require.NoError(t, err)
		members = append(members, selector.Member{ID: drained.ID})
		_, err = g.Update(hopsOf(members))
		require.NoError(t, err)
		s, err := g.Announce(announced...)
		require.NoError(t, err)
		require.Same(t, s, g.Load())
		require.True(t, s.View().Latest())
		require.EqualValues(t, 1, s.View().Version())

		settled := make(map[uint64]string)
		for range 500 {
			h := rng.Uint64()
			if i := s.Select(h); s.View().Settled(h, i) {
				settled[h] = *s.At(i)
			}
		}
		rng.Shuffle(len(announced), func(i, j int) { announced[i], announced[j] = announced[j], announced[i] })
		for _, m := range announced {
			before := len(settled)
			members = slices.DeleteFunc(members, func(o selector.Member) bool { return o.ID == m.ID })
			members = append(members, m)
			s, err := g.Update(hopsOf(members))
			require.NoError(t, err)
			for h, id := range settled {
				i := s.Select(h)
				require.Equal(t, id, *s.At(i))
				if m.ID != announced[len(announced)-1].ID {
					require.True(t, s.View().Settled(h, i), "it stays settled while others are to join")
				}
			}
			require.Len(t, settled, before)
		}
		for h := range settled {
			require.False(t, g.Load().View().Settled(h, g.Load().Select(h)), "nobody is announced any more")
		}
	}
}

func TestShareOfSettledHashes(t *testing.T) {
	g, err := selector.NewGroup[string](selector.NewDomain(), selector.GroupConfig{Name: "g",
		Strategy: selector.Rendezvous{}})
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(3, 4))
	_, err = g.Update(hopsOf(randomMembers(rng, "m", 30, 1)))
	require.NoError(t, err)
	s, err := g.Announce(randomMembers(rng, "a", 10, 1)...)
	require.NoError(t, err)
	settled := 0
	for range 10_000 {
		h := rng.Uint64()
		if s.View().Settled(h, s.Select(h)) {
			settled++
		}
	}
	assert.InDelta(t, .75, float64(settled)/10_000, .02)
}

func TestNothingIsSettledWithoutAnnouncement(t *testing.T) {
	for _, announced := range [][]selector.Member{nil, selector.Equal("a"), {{ID: "x"}}} {
		g, err := selector.NewGroup[string](selector.NewDomain(), selector.GroupConfig{Name: "g",
			Strategy: selector.Rendezvous{}})
		require.NoError(t, err)
		s, err := g.Announce(announced...)
		require.NoError(t, err)
		assert.EqualValues(t, -1, s.Select(1))
		s, err = g.Update(hopsOf(selector.Equal("a", "b")))
		require.NoError(t, err)
		for h := range uint64(100) {
			assert.False(t, s.View().Settled(h<<56, s.Select(h<<56)), "%v", announced)
		}
	}
}

func TestHashOfADownMemberIsNotSettled(t *testing.T) {
	g, err := selector.NewGroup[string](selector.NewDomain(), selector.GroupConfig{Name: "g",
		Strategy: selector.Rendezvous{}})
	require.NoError(t, err)
	_, err = g.Update(hopsOf(selector.Equal("a", "b")))
	require.NoError(t, err)
	s, err := g.Announce(selector.Equal("c")...)
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(5, 6))
	for range 100 {
		h := rng.Uint64()
		own := s.Select(h)
		mark := g.Domain().Mark(*s.At(own))
		mark.SetDown(true)
		assert.False(t, s.View().Settled(h, s.Select(h)))
		mark.SetDown(false)
	}
}

func TestAnnounceErrors(t *testing.T) {
	for _, s := range []selector.Strategy{selector.Maglev{}, selector.Jump{}, selector.Bounded{}} {
		g, err := selector.NewGroup[string](selector.NewDomain(), selector.GroupConfig{Name: "g", Strategy: s})
		require.NoError(t, err)
		_, err = g.Announce(selector.Equal("a")...)
		require.ErrorIs(t, err, selector.ErrNotMinimal)
		_, err = g.Announce()
		require.NoError(t, err)
	}

	g, err := selector.NewGroup[string](selector.NewDomain(), selector.GroupConfig{Name: "g",
		Strategy: selector.Rendezvous{}})
	require.NoError(t, err)
	before, err := g.Update(hopsOf(selector.Equal("a", "b")))
	require.NoError(t, err)
	for want, announced := range map[error][]selector.Member{
		selector.ErrDuplicate: selector.Equal("x", "x"),
		selector.ErrEmptyID:   selector.Equal(""),
		selector.ErrWeightSum: {{ID: "x", Weight: selector.MaxWeight}},
	} {
		_, err = g.Announce(announced...)
		require.ErrorIs(t, err, want)
		assert.Same(t, before, g.Load())
	}

	_, err = g.Announce(selector.Member{ID: "x", Weight: selector.MaxWeight - 2})
	require.NoError(t, err)
	s, err := g.Update(hopsOf(selector.Equal("a", "b", "c")))
	require.NoError(t, err, "whom it does not announce can join")
	assert.False(t, s.View().Settled(1, s.Select(1)))
}

// TestAnnounceKeepsItsOwnList: the list given may be used again.
func TestAnnounceKeepsItsOwnList(t *testing.T) {
	settled := func(reuse bool) (list []bool) {
		g, err := selector.NewGroup[string](selector.NewDomain(), selector.GroupConfig{
			Name: "g", Strategy: selector.Rendezvous{},
		})
		require.NoError(t, err)
		announced := selector.Equal("e", "f")
		_, err = g.Announce(announced...)
		require.NoError(t, err)
		if reuse {
			announced[0], announced[1] = selector.Member{ID: "x", Weight: 9}, selector.Member{ID: "y", Weight: 9}
		}
		s, err := g.Update(hopsOf(selector.Equal("a", "b", "c")))
		require.NoError(t, err)
		for i := range uint64(1000) {
			h := i * 0x9e3779b97f4a7c15
			list = append(list, s.View().Settled(h, s.Select(h)))
		}
		return list
	}
	require.Equal(t, settled(false), settled(true))
}
