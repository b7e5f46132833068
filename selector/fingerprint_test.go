package selector_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

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
		f := mustUpdate(t, newGroup(t, selector.Config{Strategy: v.strategy}), v.members...).View().Fingerprint()
		assert.Empty(t, seen[f], "%s has the fingerprint of another", name)
		seen[f] = name
		again := mustUpdate(t, newGroup(t, selector.Config{Strategy: v.strategy, Name: "elsewhere"}),
			v.members...).View().Fingerprint()
		assert.Equal(t, f, again, name)
	}
	a := mustUpdate(t, newGroup(t, selector.Config{Strategy: selector.Maglev{}}), abc...)
	b := mustUpdate(t, newGroup(t, selector.Config{Strategy: selector.Maglev{Size: 65537}}), abc...)
	assert.Equal(t, a.View().Fingerprint(), b.View().Fingerprint(), "the default, spelled out")
}

// embedded is a strategy from elsewhere that embeds one of ours, and places the
// other way round.
type embedded struct{ selector.Modulo }

func (embedded) Build(members []selector.Member) (selector.Selector, error) {
	return constant(len(members) - 1), nil
}

func TestFingerprintOfAStrategyThatEmbedsOneOfOurs(t *testing.T) {
	ours := mustUpdate(t, newGroup(t, selector.Config{Strategy: selector.Modulo{}}), selector.Equal("a", "b")...)
	theirs := mustUpdate(t, newGroup(t, selector.Config{Strategy: embedded{}}), selector.Equal("a", "b")...)
	assert.NotEqual(t, ours.View().Fingerprint(), theirs.View().Fingerprint())
}

// TestFingerprintsAreAContract pins fingerprints: routers of different releases
// compare them.
func TestFingerprintsAreAContract(t *testing.T) {
	for want, s := range map[uint64]selector.Strategy{
		0xe884e582d3b7b1c9: selector.Modulo{},
		0x67a2701ea6b51a2c: selector.Threshold{},
		0x4d4358144064b586: selector.Rendezvous{},
		0xf05baabff162c4a7: selector.Maglev{},
		0x43f88a953db99f20: selector.Jump{},
		0x30c89d1e7620b1a1: selector.Anchor{},
		0xa1a3e21e12103ebd: selector.Memento{},
		0x03d5e1a5a8fe20f5: selector.Resilient{},
		0x567e5f3ff5a44786: selector.Ring{},
		0x966929133277cebc: selector.MultiProbe{},
	} {
		v := mustUpdate(t, newGroup(t, selector.Config{Strategy: s}), selector.Equal("a", "b", "c")...).View()
		assert.Equal(t, fmt.Sprintf("%016x", want), fmt.Sprintf("%016x", v.Fingerprint()), "%T", s)
	}
}
