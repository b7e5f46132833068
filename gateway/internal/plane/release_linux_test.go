package plane

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// Of a drained member whose flows are released, those without a connection go
// elsewhere, or all do, each with its next packet; none once that is called off.
func TestReleaseOfAFlowTable(t *testing.T) {
	domain := selector.NewDomain()
	g, err := selector.NewGroup[engine.Adjacency](domain, selector.GroupConfig{Name: "g", Strategy: selector.Bounded{}})
	require.NoError(t, err)
	update := func(weight uint32) {
		_, err := g.Update([]engine.Hop{{ID: "a", Weight: weight}, {ID: "b", Weight: 1}, {ID: "c", Weight: 1}})
		require.NoError(t, err)
	}
	update(1)
	table, err := flowcache.NewTable(flowcache.Config{Domain: domain, Flows: 1000,
		Established: time.Hour, EstablishedTCP: time.Hour})
	require.NoError(t, err)
	now := 10 * time.Second
	flows := newTableFlows(table, 0, func() int64 { return int64(now) })
	sticky := flowcache.NewSticky(table)
	route := func(flow uint64, tcp bool) (string, flowcache.Verdict) {
		f := hash.Flow{Hash: hash.NewMix(1).Finalize(flow), Proto: hash.UDP}
		if tcp {
			f.Hash, f.Proto, f.Flags = hash.NewMix(2).Finalize(flow), hash.TCP, hash.ACK
		}
		v := g.Load().View()
		r := sticky.Route(flowcache.NewPacket(&f, g.Salt(), 0), v, now)
		return v.Member(r.Member).ID, r.Verdict
	}
	const n = 200
	for range 3 { // placed, and established
		for i := range uint64(n) {
			route(i, true)
			route(i, false)
		}
		now += 3 * time.Second
	}
	update(0)
	countOf := func(flows uint64, tcp bool) (at int) {
		for i := range flows {
			if id, _ := route(i, tcp); id == "a" {
				at++
			}
		}
		return at
	}
	count := func(tcp bool) int { return countOf(n, tcp) }
	tcp, udp := count(true), count(false)
	require.Positive(t, tcp)
	require.Positive(t, udp)
	release := func(which Released) {
		require.NoError(t, flows.Release([]Release{{Group: g, Member: "a", Which: which}}))
	}
	release(Kept)
	now += time.Minute
	assert.Equal(t, [2]int{tcp, udp}, [2]int{count(true), count(false)})
	release(Connectionless)
	assert.Equal(t, [2]int{tcp, 0}, [2]int{count(true), count(false)})
	now += 30 * time.Minute
	assert.Equal(t, [2]int{tcp, 0}, [2]int{count(true), count(false)}, "however long it takes")
	release(Everything)
	require.Zero(t, countOf(n/2, true))
	require.NoError(t, flows.Release(nil))
	require.Positive(t, count(true), "it was called off")
	release(Everything)
	assert.Equal(t, [2]int{0, 0}, [2]int{count(true), count(false)})
	require.NoError(t, flows.Release([]Release{{Group: g, Member: "who left", Which: Everything}}))
}
