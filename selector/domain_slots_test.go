package selector_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/internal/slots"
	"github.com/ecmp-go/ecmp/selector"
)

// hop returns a hop of weight 1.
func hop(id string, incarnation uint64) selector.Hop[string] {
	return selector.Hop[string]{ID: id, Weight: 1, Incarnation: incarnation}
}

func updateHops(t *testing.T, g *selector.Group[string], hops ...selector.Hop[string]) *selector.View {
	t.Helper()
	s, err := g.Update(hops)
	require.NoError(t, err)
	return s.View()
}

func TestOneSlotForEachMemberOfADomain(t *testing.T) {
	d := selector.NewDomain()
	g, h := newGroup(t, d, selector.GroupConfig{Name: "g"}), newGroup(t, d, selector.GroupConfig{Name: "h"})
	v, w := updateHops(t, g, hop("a", 0), hop("b", 7)), updateHops(t, h, hop("a", 0), hop("b", 8))
	assert.Equal(t, v.Slot(0), w.Slot(0), "one next hop")
	assert.NotEqual(t, v.Slot(1), w.Slot(1), "two incarnations")
	assert.Equal(t, selector.SlotStats{InUse: 3, Free: 1<<16 - 1 - 3}, d.SlotStats())
	owner, ok := d.Slots(slots.Insider{}).Owner(uint16(w.Slot(1)))
	assert.True(t, ok)
	assert.Equal(t, slots.Key{ID: "b", Incarnation: 8}, owner)
	assert.EqualValues(t, 8, w.Incarnation(1))
	_, ok = d.Slots(slots.Insider{}).Owner(uint16(selector.NoSlot))
	assert.False(t, ok)

	i, ok := v.BySlot(v.Slot(1))
	assert.True(t, ok)
	assert.EqualValues(t, 1, i)
	for _, slot := range []selector.Slot{selector.NoSlot, w.Slot(1), 1 << 16, 1<<32 - 1} {
		_, ok = v.BySlot(slot)
		assert.False(t, ok)
	}

	// a member is counted by the groups that have it
	updateHops(t, g, hop("b", 7))
	assert.True(t, d.Slots(slots.Insider{}).InUse(uint16(v.Slot(0))))
	updateHops(t, h, hop("b", 8))
	assert.False(t, d.Slots(slots.Insider{}).InUse(uint16(v.Slot(0))))
	assert.Equal(t, 2, d.SlotStats().InUse)
}

func TestMemberThatComesBackHasItsSlotAndAnotherIncarnationHasNot(t *testing.T) {
	d := selector.NewDomain()
	g := newGroup(t, d, selector.GroupConfig{})
	first := updateHops(t, g, hop("a", 1), hop("b", 1)).Slot(0)
	updateHops(t, g, hop("b", 1))
	assert.Equal(t, first, updateHops(t, g, hop("a", 1), hop("b", 1)).Slot(0))
	second := updateHops(t, g, hop("a", 2), hop("b", 1)).Slot(0)
	assert.NotEqual(t, first, second)
	assert.False(t, d.Slots(slots.Insider{}).InUse(uint16(first)))
	assert.Equal(t, first, updateHops(t, g, hop("a", 1), hop("b", 1)).Slot(0), "within the quarantine")
}

// TestSlotsOfManyGroups has 2,000 groups, each of 33 of 256 next hops.
func TestSlotsOfManyGroups(t *testing.T) {
	for _, scope := range []string{"", "vrf"} {
		d := selector.NewDomain()
		for n := range 2000 {
			g := newGroup(t, d, selector.GroupConfig{Name: fmt.Sprint(n), Strategy: selector.Modulo{}, Scope: scope})
			var list []selector.Hop[string]
			for i := range 33 {
				list = append(list, hop(fmt.Sprint("hop", (n+i*7)%256), 0))
			}
			updateHops(t, g, list...)
		}
		assert.Equal(t, 256, d.SlotStats().InUse)
	}
}

func TestScopeDecidesTheSaltAndWhoIsGone(t *testing.T) {
	d := selector.NewDomain()
	group := func(name, scope string) *selector.Group[string] {
		return newGroup(t, d, selector.GroupConfig{Name: name, Scope: scope})
	}
	g, h, alone, own := group("g", "vrf"), group("h", "vrf"), group("vrf", ""), group("i", "other")
	assert.Equal(t, g.Salt(), h.Salt())
	assert.NotEqual(t, g.Salt(), alone.Salt(), "names of scopes and of groups")
	assert.NotEqual(t, g.Salt(), own.Salt())
	v := updateHops(t, g, hop("a", 0), hop("b", 0))
	assert.Equal(t, g.Salt(), v.Salt())
	w := updateHops(t, h, hop("b", 0))
	updateHops(t, alone, hop("a", 0))
	updateHops(t, own, hop("a", 0))

	a, b := v.Slot(0), v.Slot(1)
	assert.True(t, w.InScope(a))
	v = updateHops(t, g, hop("b", 0))
	assert.False(t, w.InScope(a), "only groups of other scopes have it")
	assert.True(t, v.InScope(b))
	updateHops(t, h, hop("c", 0))
	assert.True(t, w.InScope(b))
	updateHops(t, g)
	assert.False(t, w.InScope(b))

	x := updateHops(t, alone, hop("b", 0))
	assert.False(t, x.InScope(a))
	assert.True(t, x.InScope(b))
}

func TestMembersWithoutSlotAreCountedWhenTheyJoin(t *testing.T) {
	d := selector.NewDomain()
	tables := d.Slots(slots.Insider{}).NewTable()
	many := make([]selector.Member, selector.MaxMembers)
	for i := range many {
		many[i] = selector.Member{ID: fmt.Sprint(i), Weight: 1}
	}
	full := newGroup(t, d, selector.GroupConfig{Name: "full", Strategy: constant(0)})
	mustUpdate(t, full, many...)
	g := newGroup(t, d, selector.GroupConfig{})
	for range 3 {
		assert.Equal(t, selector.NoSlot, mustUpdate(t, g, selector.Equal("late")...).View().Slot(0))
	}
	assert.EqualValues(t, 1, d.SlotStats().Refused)
	mustUpdate(t, full)
	assert.Equal(t, selector.NoSlot, mustUpdate(t, g, selector.Equal("late")...).View().Slot(0), "in quarantine")
	tables.Aged(tables.Epoch())
	assert.Equal(t, selector.SlotStats{Leaving: 1<<16 - 1, Refused: 1}, d.SlotStats())
	tables.Swept(tables.Epoch())
	assert.NotEqual(t, selector.NoSlot, mustUpdate(t, g, selector.Equal("late")...).View().Slot(0), "one came free")
}

// TestSelectorsThatAreNoTablesSeeHighBits is what lets a flow table tell from a
// pin alone whether its member is the one that the selector gives.
func TestSelectorsThatAreNoTablesSeeHighBits(t *testing.T) {
	const low = 1<<30 - 1
	for _, row := range catalog.All() {
		s := row.Strategy
		g := newGroup(t, nil, selector.GroupConfig{Strategy: s})
		v := mustUpdate(t, g, selector.Equal("a", "b", "c", "d", "e")...).View()
		_, tabled := v.Selector().(selector.Tabled)
		hashes, batch := make([]uint64, 1000), make([]int32, 1000)
		for i := range hashes {
			hashes[i] = uint64(i) * 0x9e3779b97f4a7c15
		}
		v.SelectBatch(batch, hashes)
		for i, h := range hashes {
			require.Equal(t, v.Select(h), batch[i], "%T", s)
			if !tabled {
				require.Equal(t, v.Selector().Select(h&^low), v.Select(h), "%T", s)
				require.Equal(t, v.Select(h), v.Select(h^low), "%T", s)
			}
		}
	}
}
