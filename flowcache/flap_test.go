package flowcache_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

// A flapper is a router, one of whose next hops, a, flaps: once a second it is
// away for 100 ms. The table is swept ten times a second.
type flapper struct {
	*router
	incarnation uint64 // of a
}

const away = 100 * time.Millisecond

func newFlapper(t *testing.T) *flapper {
	f := &flapper{router: newRouter(t, flowcache.Config{Flows: 1000})}
	f.update(true)
	return f
}

func (f *flapper) update(back bool) {
	f.t.Helper()
	hops := []selector.Hop[string]{{ID: "b", Weight: 1}, {ID: "c", Weight: 1}, {ID: "d", Weight: 1}}
	if back {
		hops = append(hops, selector.Hop[string]{ID: "a", Weight: 1, Incarnation: f.incarnation})
	}
	_, err := f.group.Update(hops)
	require.NoError(f.t, err)
}

// pass lets time pass, and sweeps.
func (f *flapper) pass(d time.Duration) {
	for end := f.now + d; f.now < end; f.wait(away) {
		f.table.Sweep(f.now)
	}
}

// flowsOf returns flows, and connects them, until n are on next hop a.
func (f *flapper) flowsOf(n int) (all []uint64, member map[uint64]string) {
	member = make(map[uint64]string)
	for on := 0; on < n; {
		flow := uint64(len(all))
		all, member[flow] = append(all, flow), f.connect(flow)
		if member[flow] == "a" {
			on++
		}
	}
	return all, member
}

// TestNextHopThatFlapsForAnHour has each flow of the next hop send once a
// second, and one of them, another each time, while it is away.
func TestNextHopThatFlapsForAnHour(t *testing.T) {
	racecheck.OneGoroutine(t)
	f := newFlapper(t)
	flows, member := f.flowsOf(60)
	slot := f.view().SlotOf("a", 0)
	last := 0
	for second := range 3600 {
		f.update(false)
		for n := 0; second%60 == 0 && n < len(flows); n++ {
			at := (last + n) % len(flows)
			if flow := flows[at]; member[flow] == "a" {
				m, v := f.tcp(flow, hash.ACK)
				require.Equal(t, flowcache.Moved, v, "a packet came while its next hop was away")
				require.NotEqual(t, "a", m)
				member[flow], last = m, at+1
				break
			}
		}
		f.pass(away)
		f.update(true)
		require.Equal(t, slot, f.view().SlotOf("a", 0))
		require.Equal(t, selector.SlotStats{InUse: 4, Free: 1<<16 - 1 - 4}, f.domain.SlotStats(), "no slot is lost")
		for _, flow := range flows {
			f.expect(flow, hash.ACK, member[flow], flowcache.Pinned)
		}
		f.pass(time.Second - away)
	}
	assert.EqualValues(t, 60, f.table.Stats().Moved, "each flow of it, once")
	assert.Greater(t, f.table.Passes(), 50)
}

// TestNextHopThatFlapsAsAnother has another next hop come back by the same name
// each time: each flow of the one before is moved once, and stays there.
func TestNextHopThatFlapsAsAnother(t *testing.T) {
	racecheck.OneGoroutine(t)
	f := newFlapper(t)
	flows, member := f.flowsOf(20)
	moves := uint64(0)
	for range 3600 {
		f.update(false)
		f.pass(away)
		f.incarnation++
		f.update(true)
		require.Zero(t, f.domain.SlotStats().Refused, "no member lacks a slot")
		for _, flow := range flows {
			m, v := f.tcp(flow, hash.ACK)
			if member[flow] == "a" {
				require.Equal(t, flowcache.Moved, v)
				member[flow] = m
				moves++
			}
			f.expect(flow, hash.ACK, member[flow], flowcache.Pinned)
		}
		f.pass(time.Second - away)
	}
	assert.Equal(t, moves, f.table.Stats().Moved)
	assert.Positive(t, moves)
	f.pass(gone + 3*time.Minute)
	assert.Equal(t, selector.SlotStats{InUse: 4, Free: 1<<16 - 1 - 4}, f.domain.SlotStats(), "all slots are free again")
}

// TestRouteThatGoesBetweenGroupsOfAScope swaps a route between two groups,
// which have next hops of their own and common ones, and back. One of two
// workers knows of it a burst later than the other.
func TestRouteThatGoesBetweenGroupsOfAScope(t *testing.T) {
	racecheck.OneGoroutine(t)
	d := selector.NewDomain()
	r := newRouter(t, flowcache.Config{Domain: d, Flows: 1000})
	var views [2]*selector.View
	for i, ids := range [][]string{{"a", "b", "c"}, {"b", "c", "d"}} {
		g, err := selector.NewGroup[string](d, selector.GroupConfig{Name: ids[0] + ids[2], Scope: "vrf",
			Strategy: selector.Rendezvous{}})
		require.NoError(t, err)
		var hops []selector.Hop[string]
		for _, id := range ids {
			hops = append(hops, selector.Hop[string]{ID: id, Weight: 1})
		}
		s, err := g.Update(hops)
		require.NoError(t, err)
		views[i] = s.View()
	}
	workers := [2]*flowcache.Sticky{flowcache.NewSticky(r.table), flowcache.NewSticky(r.table)}
	const flows = 100
	route := func(worker, group int) {
		packets, routes := make([]flowcache.Packet, flows), make([]flowcache.Route, flows)
		before := make([]string, flows)
		v := views[group]
		for f := range packets {
			p := packet(v, uint64(f), hash.TCP, hash.ACK)
			packets[f] = p.Packet
			if pin := flowcache.PinOf(r.table, p.Digest, r.now); pin.Slot != selector.NoSlot {
				if i, ok := v.BySlot(pin.Slot); ok {
					before[f] = v.Member(i).ID
				}
			}
		}
		workers[worker].RouteBatch(routes, packets, views[group:group+1], r.now)
		for f, got := range routes {
			m := v.Member(got.Member).ID
			if before[f] != "" {
				require.Equal(t, flowcache.Pinned, got.Verdict)
				require.Equal(t, before[f], m, "its next hop is in the other group too")
			} else {
				require.Contains(t, []flowcache.Verdict{flowcache.Placed, flowcache.Rebalanced}, got.Verdict)
			}
		}
	}
	for n := range 1000 {
		first := n % 2
		route(0, first)
		route(1, 1-first) // still by the group of before
		r.wait(10 * time.Millisecond)
		route(1, first)
		route(0, first)
		r.table.Sweep(r.now)
	}
	stats := r.table.Stats()
	assert.Zero(t, stats.Moved)
	assert.Positive(t, stats.Rebalanced)
	assert.EqualValues(t, flows, stats.Inserted)
}
