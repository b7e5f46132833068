package selector_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
)

func TestSlotsNameStays(t *testing.T) {
	d := selector.NewDomain()
	g, h := newGroup(t, selector.Config{Name: "g", Domain: d}), newGroup(t, selector.Config{Name: "h", Domain: d})
	v := mustUpdate(t, g, selector.Equal("a", "b")...).View()
	w := mustUpdate(t, h, selector.Equal("a", "b")...).View()
	slots := map[uint16]bool{selector.NoSlot: true, v.Slot(0): true, v.Slot(1): true, w.Slot(0): true, w.Slot(1): true}
	require.Len(t, slots, 5, "another stay, another slot")
	group, member, ok := d.SlotOwner(w.Slot(1))
	assert.True(t, ok)
	assert.Equal(t, "h b", group+" "+member)

	next := mustUpdate(t, g, selector.Equal("0", "b")...).View()
	assert.Equal(t, v.Slot(1), next.Slot(1))
	i, ok := next.BySlot(v.Slot(1))
	assert.True(t, ok)
	assert.Equal(t, 1, i)
	_, ok = next.BySlot(v.Slot(0))
	assert.False(t, ok)
	assert.False(t, d.SlotInUse(v.Slot(0)))
	_, _, ok = d.SlotOwner(v.Slot(0))
	assert.False(t, ok)

	back := mustUpdate(t, g, selector.Equal("a", "b")...).View()
	assert.NotEqual(t, v.Slot(0), back.Slot(0))
	_, ok = back.BySlot(selector.NoSlot)
	assert.False(t, ok)
	assert.Equal(t, selector.SlotStats{InUse: 4, Free: 1<<16 - 1 - 4}, d.SlotStats())
}

func TestQuarantineHoldsRetiredSlots(t *testing.T) {
	d := selector.NewDomain()
	g := newGroup(t, selector.Config{Domain: d})
	quarantined := func() int { return d.SlotStats().Quarantined }
	mustUpdate(t, g, selector.Equal("before")...)
	mustUpdate(t, g)
	assert.Zero(t, quarantined(), "nobody asks for a quarantine")

	one, two := d.Quarantine(), d.Quarantine()
	mustUpdate(t, g, selector.Equal("a")...)
	mustUpdate(t, g)
	require.Equal(t, 1, quarantined())
	first := one.Epoch()
	mustUpdate(t, g, selector.Equal("b")...)
	mustUpdate(t, g)
	require.Equal(t, 2, quarantined())
	one.Release(first)
	require.Equal(t, 2, quarantined(), "two has not released")
	two.Release(first)
	require.Equal(t, 1, quarantined(), "b left after the epoch began")
	two.Release(two.Epoch())
	one.Release(1 << 60) // an epoch that has not begun counts as the present one
	require.Equal(t, 0, quarantined())

	mustUpdate(t, g, selector.Equal("c")...)
	mustUpdate(t, g)
	require.Equal(t, 1, quarantined())
	runtime.KeepAlive(one)
	runtime.KeepAlive(two)
	for range 10 {
		runtime.GC()
	}
	assert.Zero(t, quarantined(), "a table that is gone holds nothing")
}

func TestTheSlowestTableDecidesWhenASlotIsFree(t *testing.T) {
	for _, order := range [][3]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
		d := selector.NewDomain()
		g := newGroup(t, selector.Config{Domain: d})
		tables := []*selector.Quarantine{d.Quarantine(), d.Quarantine(), d.Quarantine()}
		mustUpdate(t, g, selector.Equal("a")...)
		mustUpdate(t, g)
		for _, i := range order {
			require.Equal(t, 1, d.SlotStats().Quarantined)
			tables[i].Release(tables[i].Epoch())
		}
		require.Zero(t, d.SlotStats().Quarantined)
		runtime.KeepAlive(tables)
	}
}

func TestMembersWithoutSlotAreCountedWhenTheyJoin(t *testing.T) {
	d := selector.NewDomain()
	many := make([]selector.Member, selector.MaxMembers)
	for i := range many {
		many[i] = selector.Member{ID: fmt.Sprint(i), Weight: 1}
	}
	full := newGroup(t, selector.Config{Strategy: constant(0), Domain: d})
	mustUpdate(t, full, many...)
	g := newGroup(t, selector.Config{Domain: d})
	for range 3 {
		assert.Equal(t, selector.NoSlot, mustUpdate(t, g, selector.Equal("late")...).View().Slot(0))
	}
	assert.EqualValues(t, 1, d.SlotStats().Refused)
	mustUpdate(t, full)
	assert.NotEqual(t, selector.NoSlot, mustUpdate(t, g, selector.Equal("late")...).View().Slot(0), "one came free")
}
