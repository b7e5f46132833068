package flowcache_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

// sweepPass passes the table once at the current time.
func (r *router) sweepPass() { r.table.SweepBuckets(r.now, r.table.Buckets()) }

func TestSweptFlowIsStillReportedAsMovedUntilItsTimeout(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	r.connect(1)
	r.connect(2)
	r.set(selector.Equal("b")...)
	r.sweepPass()
	r.sweepPass()
	r.wait(350 * time.Second)
	r.expect(1, hash.ACK, "b", flowcache.Moved)
	r.wait(gone - 350*time.Second)
	r.expect(2, hash.ACK, "b", flowcache.Placed)
}

// TestPinsThatOutliveTheQuarantineAreVoid has a worker that never loads another
// view, and so keeps a pin of a member that left.
func TestPinsThatOutliveTheQuarantineAreVoid(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	r.connect(1)
	r.sweepPass()
	old := r.view()
	r.set(selector.Equal("b")...)
	for range 4 {
		r.wait(300 * time.Second)
		m, v := r.send(packet(old, 1, 6, hash.ACK))
		require.Equal(t, "a", m)
		require.Contains(t, []flowcache.Verdict{flowcache.Pinned, flowcache.Unpinned}, v)
		r.sweepPass()
	}
	assert.EqualValues(t, 1, r.table.Stats().Voided)
	r.expect(1, hash.ACK, "b", flowcache.Moved)
	r.wait(gone)
	r.sweepPass()
	r.set(selector.Equal("c")...)
	assert.Equal(t, old.Slot(0), r.view().Slot(0), "the slot is another's now")
}

func TestSweepRemovesWhatExpired(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	r.connect(1)
	_, _ = r.tcp(2, hash.SYN)
	slot := r.view().Slot(0)
	require.Equal(t, 2, r.table.Pins(slot))
	r.wait(9 * time.Second)
	r.sweepPass()
	assert.Equal(t, 1, r.table.Pins(slot))
	assert.EqualValues(t, 1, r.table.Stats().Expired)
}

// TestSweepPacesItself calls Sweep at different intervals: each pass over the
// table takes a minute, and no pin outlives it.
func TestSweepPacesItself(t *testing.T) {
	racecheck.OneGoroutine(t)
	for _, flows := range []int{1, 100, 10_000} {
		for _, every := range []time.Duration{time.Millisecond, 700 * time.Millisecond, time.Second, 25 * time.Second,
			time.Hour} {
			r := newRouter(t, flowcache.Config{Flows: flows}, "a")
			r.now = -5 * time.Second
			r.table.Sweep(r.now) // the first call begins
			r.connect(1)
			_, _ = r.tcp(2, hash.SYN)
			r.wait(9 * time.Second)
			passes, end := 0, r.now+10*time.Minute
			for r.now < end {
				r.table.Sweep(r.now)
				if n := r.table.Passes(); n != passes {
					require.LessOrEqual(t, n, passes+1)
					passes = n
				}
				r.wait(every)
			}
			if every < time.Hour {
				most := int(10 * time.Minute / time.Minute)
				least := int(10*time.Minute/(time.Minute+every)) - 1
				assert.GreaterOrEqual(t, passes, least, "%d flows, every %v", flows, every)
				assert.LessOrEqual(t, passes, most, "%d flows, every %v", flows, every)
				assert.EqualValues(t, 2, r.table.Stats().Expired)
				assert.Zero(t, r.table.Stats().Pins)
			}
		}
	}
}

func TestStatsCountsPins(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	for f := range uint64(flows) {
		r.connect(f)
	}
	r.sweepPass()
	assert.Equal(t, flows, r.table.Stats().Pins)
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
	r.table.SweepBuckets(r.now, r.table.Buckets()-1)
	require.Zero(t, quarantined())
	require.Equal(t, 1, r.domain.SlotStats().Leaving)
	r.table.SweepBuckets(r.now, 1)
	assert.Equal(t, selector.SlotStats{Free: 1<<16 - 1}, r.domain.SlotStats())
}

// TestEveryTableOfADomainMustBeSwept holds a slot by a second table.
func TestEveryTableOfADomainMustBeSwept(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	other, err := flowcache.NewTable(flowcache.Config{Domain: r.domain, Flows: 100})
	require.NoError(t, err)
	r.set()
	for range 5 {
		r.sweepPass()
		r.wait(gone)
	}
	require.Equal(t, 1, r.domain.SlotStats().Quarantined)
	other.SweepBuckets(r.now, other.Buckets())
	r.wait(gone)
	other.SweepBuckets(r.now, other.Buckets())
	require.Equal(t, 1, r.domain.SlotStats().Leaving)
	r.sweepPass()
	assert.Equal(t, selector.SlotStats{Free: 1<<16 - 1}, r.domain.SlotStats())
}

// TestSlotsAreReusedWithoutMistakingMembers goes through all slots several
// times, faster than pins expire, so that members wait for slots and take each
// as soon as they may. All the while workers route flows that come back after
// silences of any length: no pin ever names a member that it was not made for.
func TestSlotsAreReusedWithoutMistakingMembers(t *testing.T) {
	d := selector.NewDomain()
	r := newRouter(t, flowcache.Config{
		Domain: d, Flows: 600, Tick: time.Millisecond,
		Probation: 10 * time.Millisecond, EstablishedTCP: 20 * time.Millisecond, Established: 10 * time.Millisecond,
		Closing: 10 * time.Millisecond,
	})
	var err error
	r.group, err = selector.NewGroup[string](d, selector.GroupConfig{Name: "many", Strategy: selector.Modulo{}})
	require.NoError(t, err)
	const newcomers, times, atMost = 12_000, 3, 100
	var pinned [workers][100]string // by flow: the member that it was last pinned to
	owner, given := make(map[selector.Slot]string), make(map[selector.Slot]int)
	all := 0
	for round := 0; all < 1<<16-1; round++ {
		require.Less(t, round, atMost)
		members := make([]selector.Member, newcomers)
		for i := range members {
			members[i] = selector.Member{ID: fmt.Sprintf("%d-%d", round, i), Weight: 1}
		}
		var working sync.WaitGroup
		for n := range pinned {
			working.Go(func() { r.routeSome(uint64(n), uint64(round), &pinned[n]) })
		}
		v := r.set(members...)
		r.sweepPass()
		working.Wait()
		for i, m := range v.All() {
			if slot := v.Slot(i); slot != selector.NoSlot && owner[slot] != m.ID {
				owner[slot] = m.ID
				if given[slot]++; given[slot] == times {
					all++
				}
			}
		}
		r.wait(4 * time.Millisecond)
	}
	assert.Positive(t, d.SlotStats().Refused, "members had to wait for slots")
}

// routeSome routes packets of flows at random, two each, which establishes
// them. A pin must name the member that its flow was given.
func (r *router) routeSome(worker, round uint64, pinned *[100]string) {
	s, rng := flowcache.NewSticky(r.table), rand.New(rand.NewPCG(worker, round))
	f := 0
	for n := range 80 {
		if n%2 == 0 {
			f = rng.IntN(len(pinned))
		}
		p := packet(r.view(), worker<<32+uint64(f), 6, hash.ACK)
		route := s.Route(p.Packet, p.View, r.now)
		if route.Member < 0 {
			continue
		}
		switch id := p.View.Member(route.Member).ID; route.Verdict {
		case flowcache.Placed, flowcache.Moved:
			pinned[f] = id
		case flowcache.Pinned:
			assert.Equal(r.t, pinned[f], id)
		}
	}
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
