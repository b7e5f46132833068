package flowcache_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// sweepPass passes the table once at the current time.
func (r *router) sweepPass() { r.table.Sweep(r.now, r.table.Buckets()) }

func TestSweptFlowIsStillReportedAsMovedUntilItsTimeout(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	r.connect(1)
	r.connect(2)
	r.set(selector.Equal("b")...)
	r.sweepPass()
	r.sweepPass()
	assert.EqualValues(t, 2, r.table.Stats().Voided)
	r.wait(350 * time.Second)
	r.expect(1, hash.ACK, "b", flowcache.Moved)
	r.wait(gone - 350*time.Second)
	r.expect(2, hash.ACK, "b", flowcache.Placed)
}

func TestSweepRemovesWhatExpired(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	r.connect(1)
	_, _ = r.tcp(2, hash.SYN)
	slot := r.view().Slot(0)
	require.Equal(t, 2, r.table.Pins(slot))
	r.wait(9 * time.Second)
	assert.EqualValues(t, 1, r.table.Sweep(r.now, r.table.Buckets()))
	assert.Equal(t, 1, r.table.Pins(slot))
	assert.EqualValues(t, 1, r.table.Stats().Expired)
}

func TestSweepGoesOnWhereItWas(t *testing.T) {
	r := newRouter(t, flowcache.Config{Flows: 60}, "a")
	require.Equal(t, 10, r.table.Buckets())
	assert.EqualValues(t, 0, r.table.Sweep(r.now, 4))
	assert.EqualValues(t, 0, r.table.Sweep(r.now, 5))
	assert.EqualValues(t, 1, r.table.Sweep(r.now, 1))
	assert.EqualValues(t, 3, r.table.Sweep(r.now, 25))
}

func TestSlotWaitsForTheLongestTimeoutAndAFullSweep(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	r.set()
	quarantined := func() int { return r.domain.SlotStats().Quarantined }
	require.Equal(t, 1, quarantined())
	r.sweepPass() // begins the epoch
	r.wait(351 * time.Second)
	require.Equal(t, 1, quarantined())
	r.sweepPass() // not yet longer than the longest timeout and a tick
	require.Equal(t, 1, quarantined())
	r.wait(gone - 350*time.Second)
	r.table.Sweep(r.now, r.table.Buckets()-1)
	require.Equal(t, 1, quarantined())
	r.table.Sweep(r.now, 1)
	assert.Zero(t, quarantined())
}

// TestSlotsAreReusedWithoutMistakingMembers goes through all slots several times: no pin ever names a member that it was
// not made for.
func TestSlotsAreReusedWithoutMistakingMembers(t *testing.T) {
	r := newRouter(t, flowcache.Config{
		Flows: 600, Tick: time.Millisecond,
		Probation: 10 * time.Millisecond, EstablishedTCP: 20 * time.Millisecond, Established: 10 * time.Millisecond,
		Closing: 10 * time.Millisecond,
	})
	const perRound, rounds = 1000, 200
	seen := make(map[uint16]int)
	for round := range rounds {
		ids := make([]string, perRound)
		for i := range ids {
			ids[i] = fmt.Sprintf("%d-%d", round, i)
		}
		v := r.set(selector.Equal(ids...)...)
		for i := range v.All() {
			require.NotEqual(t, selector.NoSlot, v.Slot(i), "round %d", round)
			seen[v.Slot(i)]++
		}
		for f := range uint64(100) {
			m, verdict := r.tcp(f, hash.ACK)
			if round > 0 {
				require.Equal(t, flowcache.Moved, verdict)
			}
			r.expect(f, hash.ACK, m, flowcache.Pinned)
		}
		r.wait(10 * time.Millisecond)
		r.sweepPass()
	}
	assert.Len(t, seen, 1<<16-1)
	for slot, times := range seen {
		require.GreaterOrEqual(t, times, 3, "slot %d", slot)
	}
	assert.Zero(t, r.domain.SlotStats().Refused)
}

func TestMembersWithoutSlotAreRoutedToButNotPinned(t *testing.T) {
	r := newRouter(t, flowcache.Config{Flows: 60})
	ids := make([]string, selector.MaxMembers)
	for i := range ids {
		ids[i] = fmt.Sprintf("m%05d", i)
	}
	r.set(selector.Equal(ids...)...)
	require.Zero(t, r.domain.SlotStats().Free)
	v := r.set(selector.Equal("late")...) // the others' slots are in quarantine
	require.Equal(t, selector.NoSlot, v.Slot(0))
	assert.EqualValues(t, 1, r.domain.SlotStats().Refused)
	r.expect(1, hash.SYN, "late", flowcache.Unpinned)
	r.expect(1, hash.ACK, "late", flowcache.Unpinned)

	r.sweepPass()
	r.wait(gone + time.Second)
	r.sweepPass()
	v = r.set(selector.Equal("late")...)
	require.NotEqual(t, selector.NoSlot, v.Slot(0), "a slot came free")
	r.expect(1, hash.ACK, "late", flowcache.Placed)
}

func TestMovedToAMemberWithoutSlotIsReportedOnce(t *testing.T) {
	r := newRouter(t, flowcache.Config{Flows: 60}, "a")
	r.connect(1)
	ids := make([]string, selector.MaxMembers)
	for i := range ids {
		ids[i] = fmt.Sprintf("m%05d", i)
	}
	r.set(selector.Equal(ids...)...)
	r.set(selector.Equal("late")...)
	r.expect(1, hash.ACK, "late", flowcache.Moved)
	r.expect(1, hash.ACK, "late", flowcache.Unpinned)
}
