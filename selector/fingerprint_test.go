package selector_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

func TestFingerprintTellsWhatPlacementDependsOn(t *testing.T) {
	type variant struct {
		strategy selector.Strategy
		members  []selector.Member
	}
	abc := selector.Equal("a", "b", "c")
	seen := make(map[uint64]string)
	for name, v := range map[string]variant{
		"base":       {selector.Maglev{}, abc},
		"seed":       {selector.Maglev{Seed: 1}, abc},
		"size":       {selector.Maglev{Size: 1021}, abc},
		"strategy":   {selector.Rendezvous{}, abc},
		"other":      {selector.Modulo{}, abc},
		"keep order": {selector.Modulo{KeepOrder: true}, abc},
		"member":     {selector.Maglev{}, selector.Equal("a", "b", "d")},
		"fewer":      {selector.Maglev{}, selector.Equal("a", "b")},
		"joined":     {selector.Maglev{}, selector.Equal("a", "bc")},
		"weight": {selector.Maglev{}, []selector.Member{{ID: "a", Weight: 2}, {ID: "b", Weight: 1},
			{ID: "c", Weight: 1}}},
		"drained":     {selector.Maglev{}, []selector.Member{{ID: "a", Weight: 1}, {ID: "b", Weight: 1}, {ID: "c"}}},
		"all drained": {selector.Maglev{}, []selector.Member{{ID: "a"}}},
		"empty":       {selector.Maglev{}, nil},
		"foreign":     {constant(0), abc},
		"foreign 2":   {constant(1), abc},
	} {
		f := mustUpdate(t, newGroup(t, nil, selector.GroupConfig{Strategy: v.strategy}),
			v.members...).View().Fingerprint()
		assert.Empty(t, seen[f], "%s has the fingerprint of another", name)
		seen[f] = name
		again := mustUpdate(t, newGroup(t, nil, selector.GroupConfig{Strategy: v.strategy, Name: "elsewhere"}),
			v.members...).View().Fingerprint()
		assert.Equal(t, f, again, name)
	}
	a := mustUpdate(t, newGroup(t, nil, selector.GroupConfig{Strategy: selector.Maglev{}}), abc...)
	b := mustUpdate(t, newGroup(t, nil, selector.GroupConfig{Strategy: selector.Maglev{Size: 65537}}), abc...)
	assert.Equal(t, a.View().Fingerprint(), b.View().Fingerprint(), "the default, spelled out")
}

// embedded is a strategy from elsewhere that embeds one of ours, and places the
// other way round.
type embedded struct{ selector.Modulo }

func (embedded) Build(members []selector.Member) (selector.Selector, error) {
	return constant(len(members) - 1), nil
}

func TestFingerprintOfAStrategyThatEmbedsOneOfOurs(t *testing.T) {
	ours := mustUpdate(t, newGroup(t, nil, selector.GroupConfig{Strategy: selector.Modulo{}}),
		selector.Equal("a", "b")...)
	theirs := mustUpdate(t, newGroup(t, nil, selector.GroupConfig{Strategy: embedded{}}), selector.Equal("a", "b")...)
	assert.NotEqual(t, ours.View().Fingerprint(), theirs.View().Fingerprint())
}

// TestFingerprintForgetsTheHistoryOfADrainedGroup: without a selector nothing
// of it is left.
func TestFingerprintForgetsTheHistoryOfADrainedGroup(t *testing.T) {
	for _, row := range catalog.All() {
		fingerprint := func(history ...[]selector.Member) uint64 {
			g, err := selector.NewGroup[string](selector.NewDomain(), selector.GroupConfig{
				Name: "g", Strategy: row.Strategy,
			})
			require.NoError(t, err)
			for _, members := range history {
				_, err := g.Update(hopsOf(members))
				require.NoError(t, err)
			}
			return g.Load().View().Fingerprint()
		}
		drained := []selector.Member{{ID: "a"}, {ID: "b"}}
		once := fingerprint(drained)
		assert.Equal(t, once, fingerprint(selector.Equal("a", "b"), selector.Equal("b"), drained), row.Name)
		again := selector.Equal("a", "b")
		assert.Equal(t, fingerprint(again), fingerprint(selector.Equal("a", "b", "c"), drained, again), row.Name)
	}
}
