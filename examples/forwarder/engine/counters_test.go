package engine

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/racecheck"
)

// A frame that goes nowhere counts for the group that it is for, as the slow
// model says, whether a prefix or a listener leads there.
func TestDropsCountByGroup(t *testing.T) {
	racecheck.OneGoroutine(t)
	type drop struct {
		group  *Group
		reason Drop
	}
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		s := drawServed(t, r)
		empty := make(map[*Group]bool)
		routes := new(Routes)
		for p, g := range s.prefixes {
			routes.Insert(p, g)
			empty[g] = r.IntN(2) == 0
		}
		for _, l := range s.listeners {
			empty[l.Group] = r.IntN(2) == 0
		}
		for g, is := range empty {
			if is {
				_, err := g.Update(nil)
				require.NoError(t, err)
			}
		}
		listeners, err := NewListeners(s.listeners)
		require.NoError(t, err)
		w := NewWorker(Config{Routes: routes, Listeners: listeners})
		want := make(map[drop]uint64)
		var frames [][]byte
		for id := range uint32(40) {
			for _, addr := range servedAddresses() {
				for _, p := range drawSent(t, r, addr, id)[:8] { // all but fragments
					ttl := byte(r.IntN(4))
					if p.frame[12] == 0x08 {
						p.frame[untagged+8] = ttl
					} else {
						p.frame[untagged+7] = ttl
					}
					frames = append(frames, p.frame)
					switch g := s.group(p.dst, p.proto, p.port); {
					case g == nil:
					case ttl <= 1:
						want[drop{g, Expired}]++
					case empty[g]:
						want[drop{g, NoMember}]++
					}
				}
			}
		}
		w.Burst(make([]Decision, len(frames)), frames, 0)
		got := func() map[drop]uint64 {
			all := make(map[drop]uint64)
			for g, dropped := range w.Counters().Groups() {
				for reason, n := range dropped {
					all[drop{g, reason}] = n
				}
			}
			return all
		}
		require.Equal(t, want, got())
		assertConserved(t, w.Counters(), len(frames))

		// what left is forgotten, and the others go on
		gone := make(map[*Group]bool)
		for d := range want {
			gone[d.group] = gone[d.group] || r.IntN(3) == 0
		}
		for d := range want {
			if gone[d.group] {
				delete(want, d)
			}
		}
		w.Counters().Forget(func(g *Group) bool { return gone[g] })
		require.Equal(t, want, got())
		assert.NotEmpty(t, want)
	}
}
