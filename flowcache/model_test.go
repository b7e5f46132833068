package flowcache_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/golden/sticky"
	"github.com/ecmp-go/ecmp/selector"
)

func modelConfig(flows int) flowcache.Config {
	return flowcache.Config{
		Domain: selector.NewDomain(), Flows: flows, Tick: 10 * time.Millisecond,
		Probation: 80 * time.Millisecond, EstablishedTCP: 900 * time.Millisecond, Established: 300 * time.Millisecond,
		Closing: 95 * time.Millisecond, PromoteAfter: 15 * time.Millisecond, DownGrace: 200 * time.Millisecond,
	}
}

// TestModel drives a table and the model alike with random packets, sweeps, marks, and changes of the group. Where the table
// has room for all flows it must answer exactly as the model; small ones may only refuse, or lose what may be lost.
func TestModel(t *testing.T) {
	for name, tt := range map[string]struct {
		flows, steps int
		exact        bool
	}{
		"ample":         {flows: 5000, steps: 300_000, exact: true},
		"one bucket":    {flows: 1, steps: 200_000},
		"three buckets": {flows: 18, steps: 300_000},
	} {
		t.Run(name, func(t *testing.T) {
			c := modelConfig(tt.flows)
			w := newWalk(t, c, rand.New(rand.NewPCG(uint64(tt.flows), 7)))
			for range tt.steps {
				p, got := w.step()
				if p == nil {
					continue
				}
				if tt.exact {
					require.Equal(t, w.model.Route(p, w.now), got, "%+v", *p)
				} else {
					require.NoError(t, w.model.Check(p, w.now, got))
				}
			}
			stats := w.table.Stats()
			require.Positive(t, stats.Moved)
			require.Positive(t, stats.Promoted)
			require.Positive(t, stats.Detoured)
			require.Positive(t, stats.Voided)
			require.Positive(t, stats.Expired)
			if !tt.exact {
				require.Positive(t, stats.Refused)
				require.Positive(t, stats.Evicted)
				require.Positive(t, stats.Reused)
			}
		})
	}
}

// FuzzModel is TestModel with the fuzzer's choices.
func FuzzModel(f *testing.F) {
	f.Add(uint64(1), uint16(1000), uint8(1))
	f.Add(uint64(2), uint16(3000), uint8(30))
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16, flows uint8) {
		w := newWalk(t, modelConfig(int(flows)+1), rand.New(rand.NewPCG(seed, 7)))
		for range steps {
			if p, got := w.step(); p != nil {
				require.NoError(t, w.model.Check(p, w.now, got))
			}
		}
	})
}

// A walk is a random history of a router.
type walk struct {
	*router
	model *sticky.Model
	rng   *rand.Rand
	views []*selector.View // the latest, and the one before
}

func newWalk(t *testing.T, c flowcache.Config, rng *rand.Rand) *walk {
	w := &walk{router: newRouter(t, c, "a", "b", "c"), model: sticky.New(c), rng: rng}
	w.views = []*selector.View{w.view(), w.view()}
	return w
}

// step does something at random; of a packet it returns the route.
func (w *walk) step() (*flowcache.Packet, flowcache.Route) {
	switch n := w.rng.IntN(1000); {
	case n < 2:
		w.change()
	case n < 10:
		w.domain.Mark(w.anyID()).SetDown(w.rng.IntN(3) == 0)
	case n < 20:
		w.table.Sweep(w.now, w.table.Buckets())
		w.model.Sweep(w.now)
	case n < 300:
		w.now += w.rng.Int64N(int64(8 * time.Millisecond))
	default:
		p := w.packet()
		return p, w.Route(p, w.now)
	}
	return nil, flowcache.Route{}
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
	w.views[0] = w.set(members...)
}

func (w *walk) packet() *flowcache.Packet {
	flags := []hash.TCPFlags{hash.SYN, hash.SYN | hash.ACK, hash.ACK, hash.ACK, hash.ACK, hash.ACK, hash.FIN | hash.ACK, hash.RST, 0}
	view := w.views[0]
	if w.rng.IntN(10) == 0 {
		view = w.views[1]
	}
	flow := w.rng.Uint64N(60)
	p := packet(view, flow, 17, 0)
	if flow%3 != 0 {
		p.Proto, p.Flags = 6, flags[w.rng.IntN(len(flags))]
	}
	p.LookupOnly = w.rng.IntN(10) == 0
	return &p
}
