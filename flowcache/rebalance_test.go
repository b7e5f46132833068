package flowcache_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// joined returns a router of two members with many flows, which a third has
// just joined.
func joined(t *testing.T) *router {
	t.Helper()
	r := newRouter(t, flowcache.Config{}, "a", "b")
	for f := range uint64(flows) {
		r.connect(f)
	}
	r.set(selector.Equal("a", "b", "c")...)
	return r
}

// ack sends a packet of each flow and returns how many were rebalanced.
func (r *router) ack() (moved int) {
	r.t.Helper()
	for f := range uint64(flows) {
		m, v := r.tcp(f, hash.ACK)
		if v == flowcache.Rebalanced {
			require.Equal(r.t, "c", m, "others gain nothing")
			r.expect(f, hash.ACK, "c", flowcache.Pinned)
			moved++
		} else {
			require.Equal(r.t, flowcache.Pinned, v)
		}
	}
	return moved
}

func TestRebalancingMovesSoManyFlowsASecond(t *testing.T) {
	r := joined(t)
	r.wait(20 * time.Second)
	assert.Zero(t, r.ack(), "nobody asked")
	for second, want := 1, 100; want == 100; second++ {
		r.wait(10 * time.Second)
		r.table.Rebalance(100, 0)
		moved := r.ack()
		require.LessOrEqual(t, moved, 100)
		assert.EqualValues(t, (second-1)*100+moved, r.table.Stats().Rebalanced)
		want = moved
	}
	assert.InDelta(t, flows/3, r.table.Stats().Rebalanced, 60, "until all are where they belong")
	r.wait(10 * time.Second)
	r.table.Rebalance(100, 0)
	assert.Zero(t, r.ack())
}

func TestRebalancingMovesIdleFlowsOnly(t *testing.T) {
	r := joined(t)
	r.table.Rebalance(flows, 5*time.Second)
	r.wait(4 * time.Second)
	assert.Zero(t, r.ack())
	r.wait(20 * time.Second)
	assert.Positive(t, r.ack())

	r = joined(t)
	r.table.Rebalance(flows, 0)
	assert.Zero(t, r.ack(), "no silence of a tick")
	r.wait(20 * time.Second)
	r.table.Rebalance(0, 0)
	assert.Zero(t, r.ack(), "the rest is forfeit")
}

func TestRebalancingKeepsStatesAndLookUps(t *testing.T) {
	r := joined(t)
	r.wait(20 * time.Second)
	r.table.Rebalance(flows, 0)
	for f := range uint64(flows) {
		p := packet(r.view(), f, 6, hash.ACK)
		p.Mode = flowcache.LookupOnly
		_, v := r.send(p)
		require.Equal(t, flowcache.Pinned, v)
	}
	assert.Positive(t, r.ack())
	states := make(map[flowcache.State]int)
	for p := range r.table.All(r.now) {
		states[p.State]++
	}
	assert.Equal(t, map[flowcache.State]int{flowcache.EstablishedTCP: flows}, states)
}

func TestDrainedMemberIsEmptiedByRebalancing(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "c", "b")
	for f := range uint64(flows) {
		r.connect(f)
	}
	v := r.set(selector.Member{ID: "b"}, selector.Member{ID: "c", Weight: 1})
	held := r.table.Pins(v.Slot(0))
	require.Positive(t, held)
	r.wait(20 * time.Second)
	r.table.Rebalance(flows, 0)
	assert.Equal(t, held, r.ack())
	assert.Zero(t, r.table.Pins(v.Slot(0)))
}

func TestAllYieldsPins(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	r.connect(1)
	r.wait(3 * time.Second)
	_, _ = r.tcp(2, hash.SYN)
	a := r.view().Slot(0)
	pins := func() (list []flowcache.Pin) {
		for p := range r.table.All(r.now) {
			p.Key = flowcache.Key{}
			list = append(list, p)
		}
		return list
	}
	assert.ElementsMatch(t, []flowcache.Pin{
		{Slot: a, State: flowcache.EstablishedTCP, Age: 3 * time.Second}, {Slot: a, State: flowcache.Probation},
	}, pins())
	r.wait(9 * time.Second)
	r.set()
	r.sweepPass()
	assert.Equal(t, []flowcache.Pin{{Slot: a, State: flowcache.EstablishedTCP, Age: 12 * time.Second}}, pins(),
		"its member may come back")
	for range r.table.All(r.now) {
		break
	}
	r.wait(gone)
	assert.Empty(t, pins(), "expired, though not swept")
}

func TestStateNames(t *testing.T) {
	seen := make(map[string]bool)
	for s := flowcache.Probation; s <= flowcache.States; s++ {
		seen[s.String()] = true
	}
	assert.Len(t, seen, flowcache.States+1)
}
