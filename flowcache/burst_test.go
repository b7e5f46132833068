package flowcache_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

func TestBatchEqualsOneByOne(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a", "b", "c")
	for _, n := range []int{0, 1, 31, 32, 33, 100} {
		list := make([]sent, n)
		for i := range list {
			list[i] = packet(r.view(), uint64(i/2), 6, hash.ACK)
		}
		packets, views := burst(list)
		routes := make([]flowcache.Route, n)
		r.RouteBatch(routes, packets, views, r.now)
		for i := range list {
			member, _ := r.send(list[i])
			assert.Equal(t, member, r.view().Member(routes[i].Member).ID)
		}
	}
	assert.Panics(t, func() { r.RouteBatch(make([]flowcache.Route, 0, 8), make([]flowcache.Packet, 1), nil, 0) })
}

// TestSlotsFarApart routes flows in bursts to members whose slots are too far
// apart for a dense index, and have common places in the other one. Each flow
// stays with its member, and those of a member that left are moved.
func TestSlotsFarApart(t *testing.T) {
	racecheck.OneGoroutine(t)
	const n = 60 // old members, and new ones
	ids := make([]string, n, 2*n)
	for i := range ids {
		ids[i] = fmt.Sprintf("a%02d", i)
	}
	r := newRouter(t, flowcache.Config{}, ids...)
	for i := range (20*256 - n) / 2 { // so that the next slot is 1 modulo 256
		r.set(selector.Equal(append(ids, fmt.Sprint("b", i), fmt.Sprint("c", i))...)...)
	}
	for i := range n {
		ids = append(ids, fmt.Sprintf("d%02d", i))
	}
	v := r.set(selector.Equal(ids...)...)
	require.Equal(t, v.Slot(0)+20*256, v.Slot(n))

	list := make([]sent, 2000)
	where := map[uint64]string{}
	for f := range list {
		where[uint64(f)] = r.connect(uint64(f))
		list[f] = packet(v, uint64(f), 6, hash.ACK)
	}
	route := func(v *selector.View) (verdicts map[flowcache.Verdict]int) {
		packets, views := burst(list)
		views[0] = v
		routes := make([]flowcache.Route, len(packets))
		r.RouteBatch(routes, packets, views, r.now)
		verdicts = map[flowcache.Verdict]int{}
		for f, got := range routes {
			verdicts[got.Verdict]++
			if got.Verdict == flowcache.Pinned {
				require.Equal(t, where[uint64(f)], v.Member(got.Member).ID)
			} else {
				require.Equal(t, ids[2*n-1], where[uint64(f)])
			}
		}
		return verdicts
	}
	assert.Equal(t, map[flowcache.Verdict]int{flowcache.Pinned: len(list)}, route(v))
	moved := route(r.set(selector.Equal(ids[:2*n-1]...)...))
	assert.Positive(t, moved[flowcache.Moved])
	assert.Equal(t, len(list), moved[flowcache.Moved]+moved[flowcache.Pinned])
}

// TestConnectionBegunAnewInOneBurst ends a connection, begins another and goes
// on with it, all in one burst.
func TestConnectionBegunAnewInOneBurst(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	for f := range uint64(10) {
		r.connect(f)
	}
	v := r.set(selector.Member{ID: "a"}, selector.Member{ID: "b", Weight: 1})
	var list []sent
	for f := range uint64(10) {
		for _, flags := range []hash.TCPFlags{hash.FIN | hash.ACK, hash.SYN, hash.ACK} {
			list = append(list, packet(v, f, 6, flags))
		}
	}
	packets, views := burst(list)
	routes := make([]flowcache.Route, len(packets))
	r.RouteBatch(routes, packets, views, r.now)
	for i := 0; i < len(routes); i += 3 {
		assert.Equal(t, []flowcache.Route{{0, flowcache.Pinned}, {1, flowcache.Placed}, {1, flowcache.Pinned}},
			routes[i:i+3])
	}
	assert.EqualValues(t, 20, r.table.Stats().Promoted)
}

func TestPacketPathAllocatesNothing(t *testing.T) {
	r := newRouter(t, flowcache.Config{Flows: 600}, "a", "b", "c")
	packets := make([]flowcache.Packet, 32)
	routes := make([]flowcache.Route, 32)
	views := make([]*selector.View, 1)
	next := uint64(0)
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		next++
		h := next * 0x9e3779b97f4a7c15
		for i := range packets { // hits, misses, evictions, refusals
			packets[i] = flowcache.Packet{Digest: h >> (i % 8), Flags: hash.ACK, Class: flowcache.ClassTCP}
		}
		views[0] = r.view()
		r.RouteBatch(routes, packets, views, r.now)
		r.Route(packets[0], views[0], r.now)
		r.table.SweepBuckets(r.now, 10)
	}))
	assert.Positive(t, r.table.Stats().Refused)
}
