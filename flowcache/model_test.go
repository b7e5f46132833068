package flowcache_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/golden/sticky"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/internal/slots"
	"github.com/ecmp-go/ecmp/selector"
)

func modelConfig(flows int) flowcache.Config {
	return flowcache.Config{
		Domain: selector.NewDomain(), Flows: flows, Tick: 10 * time.Millisecond,
		Probation: 80 * time.Millisecond, EstablishedTCP: 900 * time.Millisecond, Established: 300 * time.Millisecond,
		Closing: 95 * time.Millisecond, PromoteAfter: 15 * time.Millisecond, DownGrace: 200 * time.Millisecond,
		Classes: []flowcache.ClassConfig{{Name: "short", Idle: 50 * time.Millisecond},
			{Name: "long", Idle: 6 * time.Second, Sure: true}},
	}
}

// steps is how many steps a test with a model takes with each table. More than
// ten million packets of each of the two are
//
//	ECMP_MODEL_STEPS=4000000 go test -race -run 'Model' -timeout 1h ./flowcache
func steps(t *testing.T, otherwise int) int {
	t.Helper()
	env := os.Getenv("ECMP_MODEL_STEPS")
	if env == "" {
		if testing.Short() {
			return otherwise / 8
		}
		return otherwise
	}
	n, err := strconv.Atoi(env)
	require.NoError(t, err)
	return n
}

// TestModel drives a table and the model alike with random packets, sweeps,
// marks, and changes of the group. Where the table has room for all flows it
// must answer exactly as the model; small ones may only refuse, or lose what
// may be lost.
func TestModel(t *testing.T) {
	racecheck.OneGoroutine(t)
	for name, tt := range map[string]struct {
		flows, steps int
		exact        bool
	}{
		"ample":         {flows: 5000, steps: 150_000, exact: true},
		"one bucket":    {flows: 1, steps: 100_000},
		"three buckets": {flows: 18, steps: 150_000},
		"seven buckets": {flows: 42, steps: 150_000},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWalk(t, modelConfig(tt.flows), rand.New(rand.NewPCG(uint64(tt.flows), 7)))
			w.exact = tt.exact
			for range steps(t, tt.steps) {
				w.step()
			}
			t.Logf("%d packets, %+v", w.packets, w.table.Stats())
			stats := w.table.Stats()
			require.Positive(t, stats.Moved)
			require.Positive(t, stats.Promoted)
			require.Positive(t, stats.Detoured)
			if tt.exact {
				require.Positive(t, stats.Voided)
			}
			require.Positive(t, stats.Expired)
			if !tt.exact {
				require.Positive(t, stats.Refused)
				require.Positive(t, stats.Evicted)
				require.Positive(t, stats.Reused)
			}
			if tt.exact {
				require.Positive(t, stats.Rebalanced)
				require.Positive(t, w.model.Ended)
			}
			if w.table.Buckets() > 1 && !tt.exact {
				require.Positive(t, stats.Relocated)
			}
		})
	}
}

// TestModelAtAnyTime begins before 0, at the ends of time, and in between.
func TestModelAtAnyTime(t *testing.T) {
	racecheck.OneGoroutine(t)
	for _, start := range []time.Duration{-3 * time.Second, -100 * time.Second, -1, 0, 1 << 62, -1 << 62,
		math.MinInt64 + time.Hour, math.MaxInt64 - 2*time.Hour} {
		w := newWalk(t, modelConfig(5000), rand.New(rand.NewPCG(5, 7)))
		w.exact, w.now = true, start
		for range 5000 {
			w.step()
		}
		require.Positive(t, w.table.Stats().Expired, start)
	}
}

// FuzzModel is TestModel with the fuzzer's choices.
func FuzzModel(f *testing.F) {
	f.Add(uint64(1), uint16(1000), uint8(1))
	f.Add(uint64(2), uint16(3000), uint8(30))
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16, flows uint8) {
		w := newWalk(t, modelConfig(int(flows)+1), rand.New(rand.NewPCG(seed, 7)))
		for range steps {
			w.step()
		}
	})
}

// A walk is a random history of a router, beside the model's.
type walk struct {
	*router
	model   *sticky.Model
	rng     *rand.Rand
	views   []*selector.View // the latest, the one before, and an old one
	other   *selector.Group[string]
	exact   bool // the table has room for all
	packets int
}

func newWalk(t *testing.T, c flowcache.Config, rng *rand.Rand) *walk {
	w := &walk{router: newRouter(t, c, "a", "b", "c"), model: sticky.New(c), rng: rng}
	w.views = []*selector.View{w.view(), w.view(), w.view()}
	var err error
	w.other, err = selector.NewGroup[string](w.domain, selector.GroupConfig{Name: "other", Strategy: selector.Modulo{}})
	require.NoError(t, err)
	return w
}

// step does something at random, and checks it.
func (w *walk) step() {
	switch n := w.rng.IntN(1000); {
	case n < 4:
		w.change()
	case n < 6:
		_, err := w.group.Announce()
		require.NoError(w.t, err)
		w.setStrategy(w.rng)
		w.views[1] = w.views[0]
		w.announce()
	case n < 8:
		w.group.Settle(w.view().Version() - w.rng.Uint64N(2))
	case n < 22:
		mark := w.domain.Mark(w.anyID())
		if w.rng.IntN(2) == 0 {
			mark = w.group.Mark(w.anyID())
		}
		mark.SetDown(w.rng.IntN(3) == 0)
	case n < 42:
		w.table.SweepBuckets(w.now, w.table.Buckets())
		w.model.Sweep(w.now)
	case n < 45 && w.exact:
		w.model.Moves, w.model.Idle = w.rng.IntN(20), time.Duration(w.rng.IntN(int(200*time.Millisecond)))
		w.table.Rebalance(w.model.Moves, w.model.Idle)
	case n < 48:
		w.release()
	case n < 50:
		w.updateOther()
	case n < 500:
		w.now += time.Duration(w.rng.Int64N(int64(12 * time.Millisecond)))
	case n < 512:
		w.now += time.Duration(w.rng.Int64N(int64(2 * time.Second)))
		w.table.SweepBuckets(w.now, w.table.Buckets())
		w.model.Sweep(w.now)
	case n < 900:
		p := w.packet(w.anyView())
		w.check(&p, w.Route(p.Packet, p.View, w.now))
	default:
		w.burst()
	}
}

// burst routes some packets at once. It has one view: with two, packets of one
// flow may void each other's pins.
func (w *walk) burst() {
	list, view := make([]sent, w.rng.IntN(40)), w.anyView()
	for i := range list {
		list[i] = w.packet(view)
	}
	packets, views := burst(list)
	routes := make([]flowcache.Route, len(packets))
	w.RouteBatch(routes, packets, views, w.now)
	for i := range list {
		w.check(&list[i], routes[i])
	}
}

func (w *walk) check(p *sent, got flowcache.Route) {
	w.packets++
	if !w.exact {
		require.NoError(w.t, w.model.Check(&p.Packet, p.View, w.now, got))
		return
	}
	before, had := w.model.Pins[p.Digest]
	require.Equal(w.t, w.model.Route(&p.Packet, p.View, w.now), got, "%+v", *p)
	if !had {
		return
	}
	silence, timeout := w.now-before.Heard, w.model.Timeout(before.State)
	if silence <= timeout {
		require.True(w.t, w.model.Alive(before, w.now), "pins live at least as long as they are to")
	}
	if silence > timeout*9/8+2*w.model.Unit(before.State) {
		require.False(w.t, w.model.Alive(before, w.now), "pins live at most so much longer")
	}
}

// release releases a drained member of the newest view. A table that may lose
// pins does not count moves as the model does, so it has no rate.
func (w *walk) release() {
	v := w.views[0]
	for i, m := range v.All() {
		if m.Weight == 0 {
			c := flowcache.ReleaseConfig{Deadline: time.Duration(w.rng.Int64N(int64(2 * time.Second)))}
			if w.exact {
				c.Rate = w.rng.IntN(2) * 20
			}
			w.table.Release(v, i, c, w.now)
			w.model.Release(v, i, c, w.now)
			return
		}
	}
}

// updateOther gives another group, which has no flows, some of the members.
func (w *walk) updateOther() {
	var list []selector.Hop[string]
	for id := 'a'; id <= 'f'; id++ {
		if w.rng.IntN(4) == 0 {
			list = append(list, selector.Hop[string]{ID: string(id)})
		}
	}
	_, err := w.other.Update(list)
	require.NoError(w.t, err)
	w.model.Expose(func(s selector.Slot) bool { return !w.domain.Slots(slots.Insider{}).InUse(uint16(s)) })
}

func (w *walk) anyID() string { return string(rune('a' + w.rng.IntN(6))) }

func (w *walk) change() {
	var members []selector.Member
	for id := 'a'; id <= 'f'; id++ {
		if w.rng.IntN(2) == 0 {
			members = append(members, selector.Member{ID: string(id), Weight: w.rng.Uint32N(3)})
		}
	}
	w.views[1] = w.views[0]
	if w.rng.IntN(60) == 0 {
		w.views[2] = w.views[0]
	}
	w.update(members)
	w.model.Expose(func(s selector.Slot) bool { return !w.domain.Slots(slots.Insider{}).InUse(uint16(s)) })
	w.announce()
}

// update changes the members, and settles the change or not.
func (w *walk) update(members []selector.Member) {
	list := make([]selector.Hop[string], len(members))
	for i, m := range members {
		list[i] = selector.Hop[string]{ID: m.ID, Weight: m.Weight, Value: m.ID, Backup: w.rng.IntN(4) == 0,
			Incarnation: w.rng.Uint64N(5) / 4}
	}
	var err error
	if w.rng.IntN(2) == 0 {
		_, err = w.group.Update(list)
	} else {
		_, err = w.group.UpdateAt(w.view().Version()+1, list)
	}
	require.NoError(w.t, err)
}

// strategies are those that the group goes through. Rendezvous alone can
// announce members.
var strategies = []selector.Strategy{selector.Rendezvous{}, selector.Bounded{Slots: 1024}, selector.Maglev{Size: 1021},
	selector.Maglev{Size: 2039}, selector.Resilient{Buckets: 256}, selector.Threshold{KeepOrder: true}}

// setStrategy changes the strategy, and settles the change or not. Nobody may be
// announced.
func (r *router) setStrategy(rng *rand.Rand) {
	r.t.Helper()
	s, err := strategies[rng.IntN(len(strategies))], error(nil)
	if rng.IntN(2) == 0 {
		_, err = r.group.SetStrategy(s)
	} else {
		_, err = r.group.SetStrategyAt(r.view().Version()+1, s)
	}
	require.NoError(r.t, err)
}

// announce announces somebody, or nobody.
func (w *walk) announce() {
	var announced []selector.Member
	if w.rng.IntN(3) == 0 {
		announced = selector.Equal(w.anyID())
	}
	_, err := w.group.Announce(announced...)
	if !errors.Is(err, selector.ErrNotMinimal) {
		require.NoError(w.t, err)
	}
	w.views[0] = w.view()
}

func (w *walk) anyView() *selector.View {
	switch w.rng.IntN(20) {
	case 0, 1:
		return w.views[1]
	case 2:
		return w.views[2]
	}
	return w.views[0]
}

func (w *walk) packet(view *selector.View) sent {
	flags := []hash.TCPFlags{hash.SYN, hash.SYN | hash.ACK, hash.ACK, hash.ACK, hash.ACK, hash.ACK,
		hash.FIN | hash.ACK, hash.RST, 0}
	flow := w.rng.Uint64N(70)
	p := packet(view, flow, 17, 0)
	if flow%3 != 0 {
		p.Class, p.Flags = flowcache.ClassTCP, flags[w.rng.IntN(len(flags))]
	}
	if flow%7 < 2 {
		p.Class = flowcache.FirstClass + flowcache.Class(flow%7)
	}
	switch w.rng.IntN(20) {
	case 0, 1:
		p.Mode = flowcache.LookupOnly
	case 2:
		p.Mode = flowcache.Skip
	}
	return p
}
