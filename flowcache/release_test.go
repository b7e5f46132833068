package flowcache_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

// TestReleaseEndsADrain drains a member of 10,000 flows, a third busy TCP, a
// third busy UDP and a third silent, and gives it a minute.
func TestReleaseEndsADrain(t *testing.T) {
	racecheck.OneGoroutine(t)
	const n, deadline, rate = 10_000, time.Minute, 500
	r := newRouter(t, flowcache.Config{Flows: 30_000}, "a")
	send := func(f uint64) (string, flowcache.Verdict) {
		if f%3 == 1 {
			return r.send(packet(r.view(), f, hash.UDP, 0))
		}
		return r.tcp(f, hash.ACK)
	}
	for range 2 {
		for f := range uint64(n) {
			_, _ = send(f)
		}
		r.wait(2 * time.Second)
	}
	v := r.set(selector.Member{ID: "a"}, selector.Member{ID: "b", Weight: 1})
	r.wait(10 * time.Second)
	start := r.now
	r.table.Release(v, 0, flowcache.ReleaseConfig{Deadline: deadline, Rate: rate}, r.now)
	moved := make(map[uint64]int)
	for r.now <= start+deadline+2*time.Second {
		before := len(moved)
		for f := range uint64(n) {
			if f%3 == 2 && (r.now-start)%(20*time.Second) != 0 {
				continue // silent
			}
			switch m, v := send(f); v {
			case flowcache.Moved:
				moved[f]++
				assert.Equal(t, "b", m)
				if f%3 != 2 {
					assert.GreaterOrEqual(t, r.now-start, deadline/2, "a busy flow")
				}
				if f%3 == 0 {
					assert.GreaterOrEqual(t, r.now-start, deadline*3/4, "a busy connection")
				}
			default:
				require.Equal(t, flowcache.Pinned, v)
				if r.now-start >= deadline {
					require.Equal(t, "b", m)
				}
			}
		}
		if r.now == start {
			require.Zero(t, len(moved)-before)
		}
		r.wait(time.Second)
		assert.True(t, r.now > start+deadline || len(moved) <= int(float64(rate)*(r.now-start).Seconds()))
	}
	assert.Len(t, moved, n)
	for f, times := range moved {
		require.Equal(t, 1, times, f)
	}
	p := packet(r.view(), 0, hash.TCP, hash.ACK)
	p.Mode = flowcache.LookupOnly
	m, _ := r.send(p)
	assert.Equal(t, "b", m)
}

// TestReleaseInBursts routes the flows of a released member in bursts: after
// the deadline none is there.
func TestReleaseInBursts(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	for f := range uint64(200) {
		r.connect(f)
	}
	v := r.set(selector.Member{ID: "a"}, selector.Member{ID: "b", Weight: 1})
	r.table.Release(v, 0, flowcache.ReleaseConfig{Deadline: 2 * time.Second}, r.now)
	r.now += 3 * time.Second // no pin is due to be refreshed yet
	var list []sent
	for f := range uint64(200) {
		list = append(list, packet(v, f, hash.TCP, hash.ACK))
	}
	packets, views := burst(list)
	routes := make([]flowcache.Route, len(packets))
	r.RouteBatch(routes, packets, views, r.now)
	for _, got := range routes {
		require.Equal(t, flowcache.Route{Member: 1, Verdict: flowcache.Moved}, got)
	}
}

// TestReleaseIsOfOneGroup releases a member that another group has too, and
// takes it back.
func TestReleaseIsOfOneGroup(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	other, err := selector.NewGroup[string](r.domain, selector.GroupConfig{Name: "other",
		Strategy: selector.Rendezvous{}})
	require.NoError(t, err)
	s, err := other.Update([]selector.Hop[string]{{ID: "a"}, {ID: "b", Weight: 1}})
	require.NoError(t, err)
	r.connect(1)
	v := r.set(selector.Member{ID: "a"}, selector.Member{ID: "b", Weight: 1})
	r.table.Release(s.View(), 0, flowcache.ReleaseConfig{}, r.now)
	r.expect(1, hash.ACK, "a", flowcache.Pinned)
	r.table.Release(v, 0, flowcache.ReleaseConfig{}, r.now)
	back := r.set(selector.Equal("a", "b")...)
	r.expect(1, hash.ACK, "a", flowcache.Pinned)
	r.set(selector.Member{ID: "a"}, selector.Member{ID: "b", Weight: 1})
	r.expect(1, hash.ACK, "b", flowcache.Moved)
	r.table.Release(back, 0, flowcache.ReleaseConfig{}, r.now)
}

// TestReleasesOfAScope has two groups of a scope drain a member. The release of
// each is its own, and ends with the group though the other has the member.
func TestReleasesOfAScope(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	newGroup := func(name string, weight uint32) *selector.Group[string] {
		g, err := selector.NewGroup[string](r.domain, selector.GroupConfig{Name: name, Scope: "both",
			Strategy: selector.Rendezvous{}})
		require.NoError(t, err)
		_, err = g.Update([]selector.Hop[string]{{ID: "s", Weight: weight}, {ID: "t", Weight: 1 - weight}})
		require.NoError(t, err)
		return g
	}
	one, two := newGroup("one", 1), newGroup("two", 1)
	require.Equal(t, one.Load().View().Slot(0), two.Load().View().Slot(0))
	route := func(g *selector.Group[string], flow uint64) string {
		v := g.Load().View()
		return v.Member(r.Route(packet(v, flow, hash.TCP, hash.ACK).Packet, v, r.now).Member).ID
	}
	for f := range uint64(4) {
		route(one, f)
	}
	r.wait(2 * time.Second)
	for _, g := range []*selector.Group[string]{one, two} {
		_, err := g.Update([]selector.Hop[string]{{ID: "s"}, {ID: "t", Weight: 1}})
		require.NoError(t, err)
	}
	release := func(g *selector.Group[string], in time.Duration) {
		r.table.Release(g.Load().View(), 0, flowcache.ReleaseConfig{Deadline: in}, r.now)
	}
	release(one, 0)
	assert.Equal(t, "s", route(two, 0), "it keeps its flows there")
	release(two, time.Hour)
	assert.Equal(t, "t", route(one, 0), "that changes nothing here")
	assert.Equal(t, "s", route(two, 1))
	_, err := two.Update([]selector.Hop[string]{{ID: "s", Weight: 1}, {ID: "t", Weight: 1}})
	require.NoError(t, err)
	r.table.SweepBuckets(r.now, 1)
	assert.Equal(t, "t", route(one, 1), "nor does that")

	one.Close()
	r.table.SweepBuckets(r.now, 1)
	one = newGroup("one", 0)
	assert.Equal(t, "s", route(one, 2), "the group of the release is no more")
}

// drainOf returns a router with n connections to a, which is then drained.
func drainOf(t *testing.T, n int) *router {
	r := newRouter(t, flowcache.Config{}, "a")
	for f := range uint64(n) {
		r.connect(f)
	}
	r.set(selector.Member{ID: "a"}, selector.Member{ID: "b", Weight: 1})
	return r
}

// TestReleaseEndsSilentFlows has flows that send nothing until after the
// deadline: a pass later none has its pin, and each is Moved when it speaks.
func TestReleaseEndsSilentFlows(t *testing.T) {
	const n = 200
	r := drainOf(t, n)
	slot := r.view().Slot(0)
	r.table.Release(r.view(), 0, flowcache.ReleaseConfig{Deadline: time.Minute}, r.now)
	r.wait(time.Minute - 1)
	r.table.SweepBuckets(r.now, r.table.Buckets())
	assert.Equal(t, n, r.table.Pins(slot), "before the deadline")
	r.wait(1)
	r.table.SweepBuckets(r.now, r.table.Buckets())
	assert.Zero(t, r.table.Pins(slot))
	assert.EqualValues(t, n, r.table.Stats().Voided)
	for f := range uint64(n) {
		r.expect(f, hash.ACK, "b", flowcache.Moved)
	}
}

// TestReleaseOutlivesARestart saves the table after the deadline, before any
// sweep, and drains the member after the restart too.
func TestReleaseOutlivesARestart(t *testing.T) {
	const n = 200
	for _, after := range []time.Duration{time.Minute - 1, time.Minute} {
		r := drainOf(t, n)
		r.table.Release(r.view(), 0, flowcache.ReleaseConfig{Deadline: time.Minute}, r.now)
		r.wait(after)
		var saved bytes.Buffer
		require.NoError(t, r.table.Save(&saved, 1, r.now))

		again := newRouter(t, flowcache.Config{}, "b")
		again.set(selector.Member{ID: "a"}, selector.Member{ID: "b", Weight: 1})
		done, err := again.table.Restore(&saved, 1, again.now)
		require.NoError(t, err)
		if after < time.Minute {
			assert.Equal(t, flowcache.Restored{Pins: n}, done)
			again.expect(1, hash.ACK, "a", flowcache.Pinned)
			continue
		}
		assert.Equal(t, flowcache.Restored{Refused: n}, done)
		for f := range uint64(n) {
			again.expect(f, hash.ACK, "b", flowcache.Moved)
		}
	}
}

// TestReleaseLeavesPinsOfOtherGroups releases a member that two groups have
// drained, in one of them: silent flows keep their pins, since those do not
// tell their group. When the other group drops it, they go.
func TestReleaseLeavesPinsOfOtherGroups(t *testing.T) {
	r := drainOf(t, 2)
	other, err := selector.NewGroup[string](r.domain, selector.GroupConfig{Name: "other",
		Strategy: selector.Rendezvous{}})
	require.NoError(t, err)
	_, err = other.Update([]selector.Hop[string]{{ID: "a"}})
	require.NoError(t, err)
	slot := r.view().Slot(0)
	sweep := func() { r.table.SweepBuckets(r.now, r.table.Buckets()) }
	r.table.Release(r.view(), 0, flowcache.ReleaseConfig{}, r.now)
	sweep()
	assert.Equal(t, 2, r.table.Pins(slot))
	r.expect(0, hash.ACK, "b", flowcache.Moved)

	r.table.Release(other.Load().View(), 0, flowcache.ReleaseConfig{}, r.now)
	old := r.view()
	r.set(selector.Member{ID: "b", Weight: 1})
	_, err = other.Update([]selector.Hop[string]{{ID: "a", Weight: 1}})
	require.NoError(t, err)
	r.table.Release(old, 0, flowcache.ReleaseConfig{}, r.now)
	sweep()
	assert.Equal(t, 1, r.table.Pins(slot), "the group of the release does not have it")

	r.set(selector.Member{ID: "a"}, selector.Member{ID: "b", Weight: 1})
	r.table.Release(r.view(), 0, flowcache.ReleaseConfig{}, r.now)
	_, err = other.Update(nil)
	require.NoError(t, err)
	sweep()
	assert.Zero(t, r.table.Pins(slot))
	r.expect(1, hash.ACK, "b", flowcache.Moved)
}

// TestReleaseEndsWithTheDrain takes a released member back, and drains it again
// later: that drain has no deadline.
func TestReleaseEndsWithTheDrain(t *testing.T) {
	r := drainOf(t, 1)
	r.table.Release(r.view(), 0, flowcache.ReleaseConfig{Deadline: time.Second}, r.now)
	r.set(selector.Equal("a", "b")...)
	r.table.SweepBuckets(r.now, 1)
	drained := r.set(selector.Member{ID: "a"}, selector.Member{ID: "b", Weight: 1})
	r.wait(time.Minute)
	r.table.SweepBuckets(r.now, r.table.Buckets())
	r.expect(0, hash.ACK, "a", flowcache.Pinned)
	assert.Equal(t, 1, r.table.Pins(drained.Slot(0)))
}

// TestDrainedMemberGetsNoReconnect opens connections anew from used ports.
func TestDrainedMemberGetsNoReconnect(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	for f := range uint64(1000) {
		r.connect(f)
		if f%2 == 0 {
			r.expect(f, hash.FIN|hash.ACK, "a", flowcache.Pinned)
		}
	}
	r.set(selector.Member{ID: "a"}, selector.Member{ID: "b", Weight: 1})
	for f := range uint64(1000) {
		r.expect(f, hash.ACK, "a", flowcache.Pinned)
		r.expect(f, hash.SYN, "b", flowcache.Placed)
		r.expect(f, hash.ACK, "b", flowcache.Pinned)
	}
	r.set(selector.Member{ID: "b"})
	r.connectTo(t, 1, "b")
}

// connectTo repeats a SYN of a flow that nobody else can take.
func (r *router) connectTo(t *testing.T, flow uint64, member string) {
	t.Helper()
	r.expect(flow, hash.SYN, member, flowcache.Pinned)
}

// TestHandshakeIsNotCutAgain has a member that goes down between the SYNs of a
// connection and comes back a moment later.
func TestHandshakeIsNotCutAgain(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a", "b")
	m, v := r.tcp(1, hash.SYN)
	require.Equal(t, flowcache.Placed, v)
	other := map[string]string{"a": "b", "b": "a"}[m]
	r.domain.Mark(m).SetDown(true)
	r.wait(time.Second)
	r.expect(1, hash.SYN, other, flowcache.Placed)
	r.expect(1, hash.ACK, other, flowcache.Pinned)
	r.wait(5 * time.Second)
	r.domain.Mark(m).SetDown(false)
	r.expect(1, hash.ACK, other, flowcache.Pinned)
}

// TestReleaseOfAnotherDomain releases a drained member of another domain, which
// has the slot that a member has here.
func TestReleaseOfAnotherDomain(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	r.connect(1)
	other := drainOf(t, 0).view()
	slot := r.view().Slot(0)
	require.Equal(t, slot, other.Slot(0))
	r.table.Release(other, 0, flowcache.ReleaseConfig{}, r.now)
	r.table.SweepBuckets(r.now, r.table.Buckets())
	assert.Equal(t, 1, r.table.Pins(slot))
	assert.Zero(t, r.table.Stats().Voided)
	r.expect(1, hash.ACK, "a", flowcache.Pinned)
}
