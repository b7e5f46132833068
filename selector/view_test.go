package selector_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

// A view reads some tables by itself: what it selects is what its selector
// does, also after a change and for many members.
func TestViewSelectsAsItsSelector(t *testing.T) {
	hashes := append(benchmarkHashes()[:5000], 0, 1<<63, ^uint64(0))
	for _, row := range catalog.All() {
		g := newGroup(t, nil, selector.GroupConfig{Strategy: row.Strategy})
		for _, n := range []int{300, 9, 10} {
			v := mustUpdate(t, g, benchmarkGroup(n, 1)...).View()
			many := make([]int32, len(hashes))
			v.SelectBatch(many, hashes)
			mask := ^uint64(1<<30 - 1)
			if _, ok := v.Selector().(selector.Tabled); ok {
				mask = ^uint64(0)
			}
			for i, h := range hashes {
				require.Equal(t, v.Selector().Select(h&mask), v.Select(h), "%s of %d", row.Name, n)
				require.Equal(t, v.Select(h), many[i], "%s of %d", row.Name, n)
			}
		}
	}
}

// upsideDown embeds a table of ours and selects the other way round.
type upsideDown struct{ selector.Tabled }

func (u upsideDown) Build(members []selector.Member) (selector.Selector, error) {
	s, err := selector.Maglev{Size: 251}.Build(members)
	return upsideDown{s.(selector.Tabled)}, err
}

func (u upsideDown) Select(h uint64) int32 { return u.Tabled.Select(^h) }

func TestViewOfASelectorThatEmbedsATableOfOurs(t *testing.T) {
	v := mustUpdate(t, newGroup(t, nil, selector.GroupConfig{Strategy: upsideDown{}}),
		selector.Equal("a", "b", "c")...).View()
	for _, h := range benchmarkHashes()[:100] {
		require.Equal(t, v.Selector().Select(h), v.Select(h))
	}
}

// Members are found by ID whatever order the view has them in.
func TestViewFindsMembersByID(t *testing.T) {
	for _, s := range []selector.Strategy{selector.Maglev{Size: 251}, selector.Threshold{KeepOrder: true}} {
		g := newGroup(t, nil, selector.GroupConfig{Strategy: s})
		list := hops(selector.Equal("d", "a", "c", "b")...)
		list[1].Incarnation = 7
		v, err := g.Update(list)
		require.NoError(t, err)
		for i, m := range v.All() {
			at, ok := v.Index(m.ID)
			assert.True(t, ok)
			assert.Equal(t, i, at, "%T", s)
			assert.Equal(t, v.Slot(i), v.SlotOf(m.ID, v.Incarnation(i)))
			assert.Equal(t, selector.NoSlot, v.SlotOf(m.ID, 8))
			assert.Equal(t, "to "+m.ID, *v.At(i))
		}
		for _, id := range []string{"", "aa", "e"} {
			at, ok := v.Index(id)
			assert.False(t, ok)
			assert.EqualValues(t, -1, at)
			assert.Equal(t, selector.NoSlot, v.SlotOf(id, 0))
		}
		_, ok := g.Load().View().Index("a")
		assert.True(t, ok)
	}
	_, ok := newGroup(t, nil, selector.GroupConfig{}).Load().Index("a")
	assert.False(t, ok, "there is nobody")
}

func TestDownFollowsTheOrderOfTheStrategy(t *testing.T) {
	d := selector.NewDomain()
	g := newGroup(t, d, selector.GroupConfig{Strategy: selector.Rendezvous{}})
	v := mustUpdate(t, g, selector.Equal("a", "b", "c", "d")...).View()
	for h := range uint64(1000) {
		h = h * 0x9e3779b97f4a7c15 &^ (1<<30 - 1)
		ranker := v.Selector().(selector.Ranker)
		var order []int32
		for i := v.Selector().Select(h); i >= 0; i = ranker.Next(h, i) {
			order = append(order, i)
		}
		for _, i := range order {
			require.Equal(t, i, v.Select(h))
			d.Mark(v.Member(i).ID).SetDown(true)
		}
		require.EqualValues(t, -1, v.Select(h), "every member is down")
		for _, i := range order {
			d.Mark(v.Member(i).ID).SetDown(false)
		}
	}
}

func TestUpdateIgnoresMarks(t *testing.T) {
	d := selector.NewDomain()
	d.Mark("b").SetDown(true)
	marked := mustUpdate(t, newGroup(t, d, selector.GroupConfig{}), selector.Equal("a", "b", "c")...)
	plain := mustUpdate(t, newGroup(t, nil, selector.GroupConfig{}), selector.Equal("a", "b", "c")...)
	assert.Equal(t, plain.View().Fingerprint(), marked.View().Fingerprint())
	assert.Equal(t, selector.Diff{Hashes: 1021, Exact: true}, marked.Diff(plain))
	assert.NotContains(t, placement(marked.View()), "b", "down before the group was there")
}

func TestSelectBatchEqualsSelect(t *testing.T) {
	d := selector.NewDomain()
	strategies := []selector.Strategy{constant(1)}
	for _, row := range catalog.All() {
		strategies = append(strategies, row.Strategy)
	}
	for _, s := range strategies {
		v := mustUpdate(t, newGroup(t, d, selector.GroupConfig{Strategy: s}),
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
				require.Equal(t, v.Select(h), dst[i])
			}
		}
		assert.Panics(t, func() { v.SelectBatch(make([]int32, 0, 8), []uint64{1}) })
	}
}

func TestPacketPathAllocatesNothing(t *testing.T) {
	d := selector.NewDomain()
	g := newGroup(t, d, selector.GroupConfig{})
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
	g, h := newGroup(t, d, selector.GroupConfig{Name: "g"}), newGroup(t, d, selector.GroupConfig{Name: "h"})
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
	ids := make(map[string]bool)
	for _, group := range []*selector.Group[string]{g, h} {
		for _, m := range group.Load().View().All() {
			ids[m.ID] = true
		}
	}
	assert.Equal(t, len(ids), d.SlotStats().InUse)
}

// TestStringsAreOneShortLine: of a snapshot, its view and every selector, which
// may have a table of 2^18 slots.
func TestStringsAreOneShortLine(t *testing.T) {
	for _, row := range catalog.All() {
		for _, setting := range row.Settings() {
			for _, weight := range []uint32{1, 3} {
				members := row.Level([]selector.Member{{ID: "a", Weight: weight}, {ID: "b", Weight: 1}, {ID: "c"}})
				d := selector.NewDomain()
				s := mustUpdate(t, newGroup(t, d, selector.GroupConfig{Name: "web", Strategy: setting}), members...)
				d.Mark("b").SetDown(true)
				built := fmt.Sprint(s.Selector())
				assert.Less(t, len(built), 40)
				assert.NotContains(t, built, "0x")
				want := fmt.Sprintf(`group "web", version 1, 3 members (1 drained, 1 down), %s, fingerprint %016x`,
					built, s.Fingerprint())
				assert.Equal(t, want, fmt.Sprint(s))
				assert.Equal(t, want, fmt.Sprint(s.View()))
			}
		}
	}
	empty := newGroup(t, nil, selector.GroupConfig{Name: "web"}).Load()
	assert.Contains(t, empty.String(),
		`group "web", version 0, 0 members (0 drained, 0 down), no selector, fingerprint `)
	foreign := mustUpdate(t, newGroup(t, nil, selector.GroupConfig{Strategy: upsideDown{}}), selector.Equal("a")...)
	assert.Contains(t, foreign.String(), ", selector_test.upsideDown, ")
	assert.Equal(t, "table of 65536 slots", fmt.Sprint(build(t, selector.Bounded{}, selector.Equal("a"))))
}
