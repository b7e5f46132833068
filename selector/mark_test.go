package selector_test

import (
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
)

func TestGroupMarkIsOfThatGroupAlone(t *testing.T) {
	d := selector.NewDomain()
	g, h := newGroup(t, d, selector.GroupConfig{}), newGroup(t, d, selector.GroupConfig{})
	v := mustUpdate(t, g, selector.Equal("a", "b", "c")...).View()
	w := mustUpdate(t, h, selector.Equal("a", "b", "c")...).View()
	before := placement(v)

	g.Mark("b").SetDown(true)
	assert.True(t, g.Mark("b").Down())
	assert.False(t, d.Mark("b").Down())
	assert.False(t, h.Mark("b").Down())
	assert.False(t, v.Alive(1))
	assert.True(t, w.Alive(1))
	assert.Equal(t, before, placement(w))
	assert.NotContains(t, placement(v), "b")

	// down if either is
	d.Mark("b").SetDown(true)
	assert.NotContains(t, placement(w), "b")
	g.Mark("b").SetDown(false)
	assert.NotContains(t, placement(v), "b")
	g.Mark("b").SetDown(true)
	d.Mark("b").SetDown(false)
	assert.NotContains(t, placement(v), "b")
	assert.Equal(t, before, placement(w))
	g.Mark("b").SetDown(false)
	assert.Equal(t, before, placement(v))
}

// A mark is older than its member, and outlives it; views that are in use know
// of marks that are made later, also of members that the group has no more.
func TestGroupMarkHoldsForEveryViewOfTheGroup(t *testing.T) {
	d := selector.NewDomain()
	g := newGroup(t, d, selector.GroupConfig{})
	g.Mark("late").SetDown(true)
	runtime.GC()
	assert.True(t, g.Mark("late").Down(), "down is not forgotten")
	first := mustUpdate(t, g, selector.Equal("a", "late")...).View()
	assert.NotContains(t, placement(first), "late")
	second := mustUpdate(t, g, selector.Equal("a", "b")...).View()
	third := mustUpdate(t, g, selector.Equal("a", "b", "late")...).View()
	assert.NotContains(t, placement(third), "late")

	g.Mark("late").SetDown(false)
	assert.Contains(t, placement(first), "late")
	g.Mark("b").SetDown(true)
	assert.NotContains(t, placement(second), "b")
	mustUpdate(t, g, selector.Equal("a")...)
	g.Mark("b").SetDown(false)
	assert.Contains(t, placement(second), "b")
	g.Mark("b").SetDown(true)
	for _, v := range []*selector.View{second, third} {
		assert.NotContains(t, placement(v), "b")
	}
}

func TestGroupMarkOfAnOrderedGroup(t *testing.T) {
	g := newGroup(t, nil, selector.GroupConfig{Strategy: selector.Modulo{KeepOrder: true}})
	v := mustUpdate(t, g, selector.Equal("c", "a", "b")...).View()
	g.Mark("a").SetDown(true)
	assert.True(t, v.Alive(0))
	assert.False(t, v.Alive(1))
	assert.True(t, v.Alive(2))
	assert.NotContains(t, placement(v), "a")
}

// TestMarksAtOnce sets marks of both kinds while others look up: whoever begins
// after SetDown returned finds it in force, in whatever view.
func TestMarksAtOnce(t *testing.T) {
	d := selector.NewDomain()
	g := newGroup(t, d, selector.GroupConfig{})
	ids := []string{"a", "b", "c", "d"}
	old := mustUpdate(t, g, selector.Equal(ids...)...).View()
	var readers sync.WaitGroup
	for own, id := range ids[:2] { // each reader has a member of its own
		readers.Go(func() {
			marks := []*selector.Mark{d.Mark(id), g.Mark(id)}
			for n := range uint64(3000) {
				m := marks[n%2]
				m.SetDown(true)
				for _, v := range []*selector.View{old, g.Load().View()} {
					i := v.Select(n * 0x9e3779b97f4a7c15)
					if i >= 0 && !assert.NotEqual(t, id, v.Member(i).ID) {
						return
					}
				}
				m.SetDown(false)
				if !assert.True(t, old.Alive(int32(own))) {
					return
				}
			}
		})
	}
	for n := range 300 {
		d.Mark("c").SetDown(n%2 == 0)
		g.Mark("d").SetDown(n%3 == 0)
		mustUpdate(t, g, selector.Equal(ids[:3+n%2]...)...)
		g.Mark("d").SetDown(false) // somebody is up
	}
	readers.Wait()
}

func TestMarksAllocateNothingOnThePacketPath(t *testing.T) {
	d := selector.NewDomain()
	g := newGroup(t, d, selector.GroupConfig{})
	v := mustUpdate(t, g, benchmarkGroup(100, 1)...).View()
	for _, down := range []int{1, 50, 99, 100} {
		for i := range down {
			g.Mark(v.Member(int32(i)).ID).SetDown(true)
		}
		hashes, dst, mark := make([]uint64, 32), make([]int32, 32), g.Mark(v.Member(0).ID)
		v.Select(0)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			mark.SetDown(false)
			mark.SetDown(true)
			for i := range hashes {
				hashes[i] += 0x9e3779b97f4a7c15
			}
			v.SelectBatch(dst, hashes)
			v.Select(hashes[0])
		}))
	}
}

func TestClosedGroupsMarksCostNothing(t *testing.T) {
	d := selector.NewDomain()
	g := newGroup(t, d, selector.GroupConfig{})
	v := mustUpdate(t, g, selector.Equal("a", "b")...).View()
	g.Mark("a").SetDown(true)
	g.Close()
	assert.True(t, selector.NobodyIsDown(d))
	g.Mark("b").SetDown(true)
	assert.True(t, selector.NobodyIsDown(d))
	assert.True(t, v.Alive(0))
	d.Mark("a").SetDown(true)
	assert.False(t, selector.NobodyIsDown(d))
}

// The memory of heirs is all that a look-up ever takes, and it takes it once.
func TestHeirsAreRememberedOnce(t *testing.T) {
	d := selector.NewDomain()
	v := mustUpdate(t, newGroup(t, d, selector.GroupConfig{}), benchmarkGroup(100, 1)...).View()
	d.Mark(v.Member(7).ID).SetDown(true)
	hash, calls := uint64(0), 0
	perCall := testing.AllocsPerRun(100, func() {
		if calls++; calls == 1 {
			return // AllocsPerRun does not count the first
		}
		for range 1000 {
			hash += 0x9e3779b97f4a7c15
			v.Select(hash)
		}
	})
	assert.Zero(t, perCall, "not with every look-up")
}
