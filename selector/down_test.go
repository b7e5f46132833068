package selector_test

import (
	"cmp"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/internal/golden/place"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

// downModel returns the model of look-ups while members of a view are down.
func downModel(s selector.Selector, members []selector.Member) place.Down {
	m := place.Down{Own: func(h uint64) int { return int(s.Select(h)) }}
	for _, member := range members {
		m.Positive = append(m.Positive, member.Weight > 0)
	}
	if r, ok := s.(selector.Ranker); ok {
		m.Next = func(h uint64, after int) int { return int(r.Next(h, int32(after))) }
	}
	if t, ok := s.(selector.Tabled); ok {
		m.Slots = t.Slots()
	}
	return m
}

// modelOf is downModel for a strategy of this package.
func modelOf(strategy selector.Strategy, s selector.Selector, members []selector.Member) place.Down {
	m := downModel(s, members)
	draws := func(h uint64) int { return place.Threshold(modelled(members), false, h) }
	switch s := strategy.(type) {
	case selector.Rendezvous:
		m.All = true
	case selector.MultiProbe:
		m.Again = draws
	case selector.Ring:
		if place.RingPoints(modelled(members), int(cmp.Or(s.Points, selector.DefaultPoints)), s.Seed) > 1<<18 {
			m.Again = draws
		}
	}
	return m
}

// A markedGroup is a group with marks, of the domain and its own.
type markedGroup struct {
	domain      *selector.Domain
	group       *selector.Group[string]
	all, ofHere map[string]bool // who is down
}

func newMarkedGroup(t *testing.T, s selector.Strategy) *markedGroup {
	d := selector.NewDomain()
	return &markedGroup{d, newGroup(t, d, selector.GroupConfig{Strategy: s}), map[string]bool{}, map[string]bool{}}
}

// mark sets one mark of a member.
func (g *markedGroup) mark(id string, here, down bool) {
	if here {
		g.group.Mark(id).SetDown(down)
		g.ofHere[id] = down
		return
	}
	g.domain.Mark(id).SetDown(down)
	g.all[id] = down
}

// up tells of each member of a view whether it is up.
func (g *markedGroup) up(v *selector.View) []bool {
	up := make([]bool, v.Len())
	for i, m := range v.All() {
		up[i] = !g.all[m.ID] && !g.ofHere[m.ID]
	}
	return up
}

// check compares a view with the model for some hashes.
func (g *markedGroup) check(t *testing.T, v *selector.View, m place.Down, hashes []uint64) {
	t.Helper()
	up, batch := g.up(v), make([]int32, len(hashes))
	for i := range v.All() {
		require.Equal(t, up[i], v.Alive(i))
	}
	v.SelectBatch(batch, hashes)
	for i, h := range hashes {
		require.EqualValues(t, m.Select(h, up), v.Select(h), "%x, %v", h, up)
		require.Equal(t, v.Select(h), batch[i])
	}
}

// TestDownEqualsModel marks members of random groups of every strategy at
// random, and holds views that are in use, the latest and an old one, to the
// model.
func TestDownEqualsModel(t *testing.T) {
	racecheck.OneGoroutine(t)
	r := rand.New(rand.NewPCG(13, 1))
	for _, row := range catalog.All() {
		for _, s := range row.Settings() {
			for _, n := range []int{1, 2, 7, 40, 300} {
				g := newMarkedGroup(t, s)
				group := row.Level(randomGroup(r, n))
				old := mustUpdate(t, g.group, group...).View()
				oldModel := modelOf(s, old.Selector(), membersOf(old))
				group = group[:max(1, n-n/5)]
				group[0].Weight |= 1
				v := mustUpdate(t, g.group, row.Level(group)...).View()
				model := modelOf(s, v.Selector(), membersOf(v))
				for _, share := range []float64{0, 0.1, 0.5, 0.9, 1, 0.99, 0} {
					for i := range old.All() {
						id := old.Member(i).ID
						g.mark(id, false, r.Float64() < share)
						g.mark(id, true, r.Float64() < share/2)
					}
					g.check(t, v, model, probes(r, 8))
					g.check(t, old, oldModel, probes(r, 4))
				}
			}
		}
	}
}

func membersOf(v *selector.View) []selector.Member {
	var members []selector.Member
	for _, m := range v.All() {
		members = append(members, m)
	}
	return members
}

// A wild is a strategy from elsewhere: its selector is what Build returns, and
// it has no other method.
type wild struct{ selector.Strategy }

type (
	plain  struct{ of selector.Selector }
	tabled struct {
		plain
		table selector.Tabled
	}
)

func (w wild) Build(members []selector.Member) (selector.Selector, error) {
	s, err := w.Strategy.Build(members)
	if t, ok := s.(selector.Tabled); ok {
		return tabled{plain{s}, t}, err
	}
	return plain{s}, err
}

func (p plain) Select(h uint64) int32 { return p.of.Select(h) }
func (p tabled) Slots() int           { return p.table.Slots() }
func (p tabled) Owner(slot int) int32 { return p.table.Owner(slot) }

// TestDownOfStrategiesFromElsewhere has selectors without an order, and tables
// without one.
func TestDownOfStrategiesFromElsewhere(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 2))
	for _, row := range catalog.All() {
		s := wild{row.Strategy}
		g := newMarkedGroup(t, s)
		v := mustUpdate(t, g.group, row.Level(randomGroup(r, 40))...).View()
		model := downModel(v.Selector(), membersOf(v))
		for _, share := range []float64{0.1, 0.5, 0.9, 1} {
			for i := range v.All() {
				g.mark(v.Member(i).ID, r.IntN(2) == 0, r.Float64() < share)
			}
			g.check(t, v, model, probes(r, 100))
		}
	}
}

// FuzzDown is TestDownEqualsModel with the fuzzer's choices.
func FuzzDown(f *testing.F) {
	f.Add(uint64(1), uint8(0), uint8(3), uint64(1), uint64(0))
	f.Add(uint64(2), uint8(4), uint8(70), uint64(0x1ffffffff), uint64(0xff))
	f.Add(uint64(3), uint8(7), uint8(9), ^uint64(0), uint64(0))
	rows := catalog.All()
	f.Fuzz(func(t *testing.T, seed uint64, strategy, members uint8, down, here uint64) {
		row, r := rows[int(strategy)%len(rows)], rand.New(rand.NewPCG(seed, 13))
		g := newMarkedGroup(t, row.Strategy)
		v := mustUpdate(t, g.group, row.Level(randomGroup(r, int(members)+1))...).View()
		for i := range v.All() {
			g.mark(v.Member(i).ID, false, down>>(i%64)&1 == 1)
			g.mark(v.Member(i).ID, true, here>>(i%61)&1 == 1)
		}
		g.check(t, v, modelOf(row.Strategy, v.Selector(), membersOf(v)), probes(r, 20))
	})
}

// TestOnlyHashesOfMembersThatAreDownMove marks one member after another: a hash
// moves only when the member goes down that it was at.
func TestOnlyHashesOfMembersThatAreDownMove(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 3))
	hashes := probes(r, 500)
	for _, row := range catalog.All() {
		g := newMarkedGroup(t, row.Strategy)
		v := mustUpdate(t, g.group, benchmarkGroup(20, 1)...).View()
		at := make([]int32, len(hashes))
		v.SelectBatch(at, hashes)
		order := r.Perm(v.Len())
		for _, i := range order[:19] {
			g.mark(v.Member(int32(i)).ID, r.IntN(2) == 0, true)
			for n, h := range hashes {
				now := v.Select(h)
				if at[n] != int32(i) {
					require.Equal(t, at[n], now, row.Name)
				}
				require.NotEqual(t, int32(i), now, row.Name)
				at[n] = now
			}
		}
	}
}

// TestMarkedThenRemovedMovesOnce is the promise of the heir, of every strategy
// that has an order of members and moves nothing without need.
func TestMarkedThenRemovedMovesOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 4))
	hashes := probes(r, 5000)
	for _, row := range catalog.All() {
		g := newMarkedGroup(t, row.Strategy)
		group := benchmarkGroup(10, 1)
		v := mustUpdate(t, g.group, group...).View()
		_, ranked := v.Selector().(selector.Ranker)
		if _, dealt := row.Strategy.(selector.Resilient); !ranked || dealt {
			continue // buckets of Resilient go to whoever is due most of them then
		}
		own := make([]int32, len(hashes))
		v.SelectBatch(own, hashes)
		g.mark(group[3].ID, true, true)
		var while []string
		for _, h := range hashes {
			while = append(while, v.Member(v.Select(h)).ID)
		}
		g.mark(group[3].ID, true, false)
		w := mustUpdate(t, g.group, append(append([]selector.Member{}, group[:3]...), group[4:]...)...).View()
		again := 0
		for n, h := range hashes {
			if own[n] == 3 && w.Member(w.Select(h)).ID != while[n] {
				again++
			}
		}
		// some tables move a little without need
		assert.LessOrEqual(t, float64(again), float64(len(hashes))/10*3*(row.Disruption-1), row.Name)
	}
}

// TestDownIsSharedFairly has half and nine tenths of 40 members down: what the
// others carry is even, but for what a random draw and the strategy make of it.
func TestDownIsSharedFairly(t *testing.T) {
	racecheck.OneGoroutine(t)
	r := rand.New(rand.NewPCG(13, 5))
	const samples = 200_000
	for _, row := range catalog.All() {
		g := newMarkedGroup(t, row.Strategy)
		v := mustUpdate(t, g.group, benchmarkGroup(40, 1)...).View()
		order := r.Perm(40)
		for down := range 36 {
			g.mark(v.Member(int32(order[down])).ID, false, true)
			if down != 19 && down != 35 {
				continue
			}
			count, survivors := make([]float64, 40), float64(39-down)
			for range samples {
				count[v.Select(r.Uint64())]++
			}
			for _, i := range order[down+1:] {
				assert.InEpsilon(t, samples/survivors, count[i], 0.35, "%s, %d down", row.Name, down+1)
			}
		}
	}
}
