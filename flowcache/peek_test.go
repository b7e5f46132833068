package flowcache_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

// Whatever happened before, Peek says what Route then does, and leaves the
// table as it was.
func TestPeekSaysWhatRouteDoesAndChangesNothing(t *testing.T) {
	racecheck.OneGoroutine(t)
	seen := make(map[flowcache.Verdict]int)
	states := make(map[flowcache.State]int)
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 9))
		r := newRouter(t, flowcache.Config{Flows: 4000}, "a", "b", "c", "d")
		saved := func() string {
			var b bytes.Buffer
			require.NoError(t, r.table.Save(&b, 1, r.now))
			return b.String()
		}
		for range 60 {
			switch rnd.IntN(6) {
			case 0, 1:
				members := []selector.Member{{ID: "e", Weight: 1}}
				for _, id := range []string{"a", "b", "c", "d"} {
					if rnd.IntN(4) > 0 {
						members = append(members, selector.Member{ID: id, Weight: uint32(rnd.IntN(3))})
					}
				}
				if rnd.IntN(8) == 0 {
					members = nil
				}
				r.set(members...)
			case 2:
				r.domain.Mark([]string{"a", "b", "c", "d"}[rnd.IntN(4)]).SetDown(rnd.IntN(3) > 0)
			case 3:
				r.wait([]time.Duration{second, 10 * second, 40 * second, 400 * second}[rnd.IntN(4)])
				r.table.Sweep(r.now)
			case 4:
				if v := r.view(); v.Len() > 0 {
					r.table.Release(v, int32(rnd.IntN(v.Len())), flowcache.ReleaseConfig{
						Deadline: time.Duration(rnd.IntN(3)) * 20 * second}, r.now)
				}
			}
			before, counted := saved(), r.table.Stats()
			var packets []sent
			var routes []flowcache.Route
			asked := make(map[uint64]bool)
			for range 30 {
				flow := rnd.Uint64N(60)
				if asked[flow] {
					continue // the first packet may change what the second meets
				}
				asked[flow] = true
				proto, flags := uint8(hash.UDP), hash.TCPFlags(0)
				if flow%2 == 0 {
					proto = hash.TCP
					flags = []hash.TCPFlags{hash.ACK, hash.ACK, hash.SYN, hash.SYN | hash.ACK, hash.FIN, 0}[rnd.IntN(6)]
				}
				p := packet(r.view(), flow, proto, flags)
				if rnd.IntN(5) == 0 {
					p.Mode = flowcache.LookupOnly
				}
				route, pin, pinned := r.table.Peek(p.Packet, p.View, r.now)
				if pinned {
					states[pin.State]++
				}
				packets, routes = append(packets, p), append(routes, route)
			}
			require.Equal(t, before, saved(), "the pins, their members, states and ages")
			require.Equal(t, counted, r.table.Stats())
			for i, p := range packets {
				require.Equal(t, r.Route(p.Packet, p.View, r.now), routes[i])
				seen[routes[i].Verdict]++
			}
		}
	}
	for v := range flowcache.Verdict(flowcache.NumVerdicts) {
		if v != flowcache.Refused && v != flowcache.Rebalanced {
			assert.Positive(t, seen[v], v)
		}
	}
	for _, s := range []flowcache.State{flowcache.Probation, flowcache.Adopted, flowcache.Closing,
		flowcache.Established, flowcache.EstablishedTCP} {
		assert.Positive(t, states[s], s)
	}
}

// The pin says how long ago the flow was heard of.
func TestPeekTellsThePin(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a", "b")
	p := packet(r.view(), 1, hash.TCP, hash.ACK)
	_, _, pinned := r.table.Peek(p.Packet, p.View, r.now)
	require.False(t, pinned)
	member := r.connect(1)
	r.wait(100 * second)
	route, pin, pinned := r.table.Peek(p.Packet, p.View, r.now)
	require.True(t, pinned)
	assert.Equal(t, flowcache.Pinned, route.Verdict)
	assert.Equal(t, member, p.View.Member(route.Member).ID)
	assert.Equal(t, flowcache.EstablishedTCP, pin.State)
	assert.Equal(t, p.View.Slot(route.Member), pin.Slot)
	assert.InDelta(t, 100, pin.Age.Seconds(), 1)
	assert.Equal(t, pin.Key.Bucket(), r.only().Key.Bucket(), "where the table has it")
	r.wait(gone - 100*second)
	route, _, pinned = r.table.Peek(p.Packet, p.View, r.now)
	assert.False(t, pinned, "it has expired")
	assert.Equal(t, flowcache.Placed, route.Verdict)
}

// only returns the one pin that there is.
func (r *router) only() (only flowcache.Pin) {
	for only = range r.table.All(r.now) {
		break
	}
	return only
}

func TestPeekDoesNotAllocate(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a", "b")
	r.connect(1)
	p := packet(r.view(), 1, hash.TCP, hash.ACK)
	assert.Zero(t, testing.AllocsPerRun(100, func() { r.table.Peek(p.Packet, p.View, r.now) }))
}
