package selector_test

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
)

func TestMarkIsInForceInEveryGroupAtOnce(t *testing.T) {
	d := selector.NewDomain()
	var groups []*selector.Group[string]
	for _, s := range everyStrategy() {
		g := newGroup(t, selector.Config{Strategy: s, Domain: d})
		mustUpdate(t, g, selector.Equal("a", "b", "c", "d")...)
		groups = append(groups, g)
	}
	before := make([][]string, len(groups))
	for i, g := range groups {
		before[i] = placement(g.Load().View())
	}
	d.Mark("b").SetDown(true)
	assert.True(t, d.Mark("b").Down())
	for i, g := range groups {
		v := g.Load().View()
		assert.False(t, v.Alive(1))
		assert.True(t, v.Alive(0))
		for k, id := range placement(v) {
			require.NotEqual(t, "b", id)
			if before[i][k] != "b" {
				require.Equal(t, before[i][k], id, "only the member that is down loses flows")
			}
		}
	}
	d.Mark("b").SetDown(false)
	for i, g := range groups {
		assert.Equal(t, before[i], placement(g.Load().View()))
	}
}

// A view reads some tables by itself: what it selects is what its selector
// does, also after a change and for many members.
func TestViewSelectsAsItsSelector(t *testing.T) {
	hashes := append(benchmarkHashes()[:5000], 0, 1<<63, ^uint64(0))
	for _, s := range everyStrategy() {
		g := newGroup(t, selector.Config{Strategy: s})
		for _, n := range []int{300, 9, 10} {
			v := mustUpdate(t, g, benchmarkGroup(n, 1)...).View()
			many := make([]int32, len(hashes))
			v.SelectBatch(many, hashes)
			for i, h := range hashes {
				require.Equal(t, v.Selector().Select(h), v.Select(h), "%T of %d", s, n)
				require.EqualValues(t, v.Select(h), many[i], "%T of %d", s, n)
			}
		}
	}
}

func TestDownFollowsTheOrderOfTheStrategy(t *testing.T) {
	d := selector.NewDomain()
	g := newGroup(t, selector.Config{Strategy: selector.Rendezvous{}, Domain: d})
	v := mustUpdate(t, g, selector.Equal("a", "b", "c", "d")...).View()
	for h := range uint64(1000) {
		h *= 0x9e3779b97f4a7c15
		ranker := v.Selector().(selector.Ranker)
		var order []int
		for i := v.Selector().Select(h); i >= 0; i = ranker.Next(h, i) {
			order = append(order, i)
		}
		for _, i := range order {
			require.Equal(t, i, v.Select(h))
			d.Mark(v.Member(i).ID).SetDown(true)
		}
		require.Equal(t, -1, v.Select(h), "every member is down")
		for _, i := range order {
			d.Mark(v.Member(i).ID).SetDown(false)
		}
	}
}

func TestDownWithoutAnOrderGoesOnInOrderOfIndex(t *testing.T) {
	d := selector.NewDomain()
	g := newGroup(t, selector.Config{Strategy: constant(2), Domain: d})
	members := selector.Equal("a", "b", "c", "d")
	members[3].Weight = 0
	v := mustUpdate(t, g, members...).View()
	for _, want := range []int{2, 0, 1, -1} { // d is drained
		require.Equal(t, want, v.Select(0))
		dst := make([]int32, 1)
		v.SelectBatch(dst, []uint64{0})
		require.EqualValues(t, want, dst[0])
		if want >= 0 {
			d.Mark(v.Member(want).ID).SetDown(true)
		}
	}
}

func TestUpdateIgnoresMarks(t *testing.T) {
	d := selector.NewDomain()
	d.Mark("b").SetDown(true)
	marked := mustUpdate(t, newGroup(t, selector.Config{Domain: d}), selector.Equal("a", "b", "c")...)
	plain := mustUpdate(t, newGroup(t, selector.Config{}), selector.Equal("a", "b", "c")...)
	assert.Equal(t, plain.View().Fingerprint(), marked.View().Fingerprint())
	assert.Equal(t, selector.Diff{Hashes: 1021, Exact: true}, marked.Diff(plain))
	assert.NotContains(t, placement(marked.View()), "b", "down before the group was there")
}

func TestDownIsNotForgotten(t *testing.T) {
	d := new(selector.Domain) // the zero value is ready
	d.Mark("a").SetDown(true)
	runtime.GC()
	assert.True(t, d.Mark("a").Down())
	v := mustUpdate(t, newGroup(t, selector.Config{Domain: d}), selector.Equal("a")...).View()
	assert.Equal(t, -1, v.Select(1))
}

func TestSelectBatchEqualsSelect(t *testing.T) {
	d := selector.NewDomain()
	for _, s := range []selector.Strategy{constant(1), selector.Maglev{}, selector.Rendezvous{}} {
		v := mustUpdate(t, newGroup(t, selector.Config{Strategy: s, Domain: d}),
			selector.Equal("a", "b", "c")...).View()
		for _, down := range []bool{false, true} {
			d.Mark("b").SetDown(down)
			hashes := make([]uint64, 77)
			for i := range hashes {
				hashes[i] = uint64(i) * 0x9e3779b97f4a7c15
			}
			dst := make([]int32, 80)
			v.SelectBatch(dst, hashes)
			for i, h := range hashes {
				require.EqualValues(t, v.Select(h), dst[i])
			}
		}
		assert.Panics(t, func() { v.SelectBatch(make([]int32, 0, 8), []uint64{1}) })
	}
}

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

func TestGroupsThatAreAlikeShareOneSelector(t *testing.T) {
	d := selector.NewDomain()
	group := func(s selector.Strategy, members ...selector.Member) selector.Selector {
		return mustUpdate(t, newGroup(t, selector.Config{Strategy: s, Domain: d}), members...).View().Selector()
	}
	ab := group(selector.Maglev{}, selector.Equal("a", "b")...)
	assert.Same(t, ab, group(selector.Maglev{}, selector.Equal("b", "a")...))
	assert.NotSame(t, ab, group(selector.Maglev{Seed: 1}, selector.Equal("a", "b")...))
	assert.NotSame(t, ab, group(selector.Maglev{}, selector.Equal("a", "c")...))
	assert.NotSame(t, ab, group(selector.Maglev{}, selector.Member{ID: "a", Weight: 2},
		selector.Member{ID: "b", Weight: 1}))
	assert.NotSame(t, ab, mustUpdate(t, newGroup(t, selector.Config{Strategy: selector.Maglev{}}),
		selector.Equal("a", "b")...).View().Selector(),
		"another domain")

	var built atomic.Int64
	for range 3 {
		for _, which := range []int{1, 2, 3} {
			group(counted{which, &built}, selector.Equal("a", "b")...)
		}
	}
	assert.EqualValues(t, 3, built.Load(), "strategies take turns with equal members")

	l := lists{owners: []int{1}}
	assert.NotPanics(t, func() { group(l, selector.Equal("a", "b")...) }, "a strategy that can't be compared")
}

// counted is a strategy that counts its builds. Its selectors are large enough
// to be collected apart from others.
type counted struct {
	which int
	built *atomic.Int64
}

func (c counted) Build([]selector.Member) (selector.Selector, error) {
	c.built.Add(1)
	return constant(0), nil
}

// lists is a strategy that can't be compared.
type lists struct{ owners []int }

func (l lists) Build([]selector.Member) (selector.Selector, error) { return constant(l.owners[0]), nil }

func TestPacketPathAllocatesNothing(t *testing.T) {
	d := selector.NewDomain()
	g := newGroup(t, selector.Config{Domain: d})
	slot := mustUpdate(t, g, selector.Equal("a", "b", "c")...).View().Slot(1)
	hashes, dst := make([]uint64, 32), make([]int32, 32)
	for _, down := range []bool{false, true} {
		d.Mark("b").SetDown(down)
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			s := g.Load()
			v := s.View()
			for i := range hashes {
				hashes[i] += 0x9e3779b97f4a7c15
				i, ok := v.BySlot(slot)
				_ = s.At(i)
				_ = ok && v.Alive(i) && !v.Drained(i) && v.Latest()
			}
			s.SelectBatch(dst, hashes)
			s.Select(hashes[0])
			d.Mark("b").SetDown(down)
		}))
	}
}

// TestReadersAndWriters runs look-ups against updates, marks and other groups;
// the race detector watches.
func TestReadersAndWriters(t *testing.T) {
	d := selector.NewDomain()
	g, h := newGroup(t, selector.Config{Name: "g", Domain: d}), newGroup(t, selector.Config{Name: "h", Domain: d})
	sets := [][]selector.Member{selector.Equal("a", "b", "c"), selector.Equal("a", "c"),
		selector.Equal("a", "b", "c", "d")}
	var stop atomic.Bool
	var writers, readers sync.WaitGroup
	for _, group := range []*selector.Group[string]{g, g, h} {
		writers.Go(func() {
			for n := 0; !stop.Load(); n++ {
				if _, err := group.Update(hops(sets[n%3]...)); !assert.NoError(t, err) {
					return
				}
				d.Mark("b").SetDown(n%2 == 0)
			}
		})
	}
	for range 3 {
		readers.Go(func() {
			version := uint64(0)
			last := g.Load().View()
			for n := range uint64(20_000) {
				s := g.Load()
				v := s.View()
				if v != last && !assert.False(t, last.Latest(), "a newer view can be loaded") {
					return
				}
				last = v
				i := s.Select(n * 0x9e3779b97f4a7c15)
				if v.Len() == 0 {
					continue
				}
				if !assert.Equal(t, "to "+v.Member(i).ID, *s.At(i)) || !assert.GreaterOrEqual(t, v.Version(), version) {
					return
				}
				if j, ok := v.BySlot(v.Slot(i)); !assert.True(t, ok) || !assert.Equal(t, i, j) {
					return
				}
				version = v.Version()
			}
		})
	}
	readers.Wait()
	stop.Store(true)
	writers.Wait()
	stats := d.SlotStats()
	assert.Equal(t, g.Load().View().Len()+h.Load().View().Len(), stats.InUse)
}
