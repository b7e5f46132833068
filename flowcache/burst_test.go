package flowcache_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
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
			assert.Equal(t, member, r.view().Member(int(routes[i].Member)).ID)
		}
	}
	assert.Panics(t, func() { r.RouteBatch(make([]flowcache.Route, 0, 8), make([]flowcache.Packet, 1), nil, 0) })
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
