package flowcache_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// TestSweepTakesNoLiveFlowlet has a sweeper that is held up for longer than a
// tick counter wraps, between its look at the clock and its work.
func TestSweepTakesNoLiveFlowlet(t *testing.T) {
	const gap = 100 * time.Microsecond
	r := newRouter(t, flowcache.Flowlets(selector.NewDomain(), 1000, gap), "a", "b")
	for f := range uint64(flows / 4) {
		_, _ = r.tcp(f, hash.ACK)
	}
	old := r.now
	for range 3000 {
		r.wait(gap / 2)
		for f := range uint64(10) {
			_, v := r.tcp(f, hash.ACK)
			require.Equal(t, flowcache.Pinned, v)
		}
		r.table.SweepBuckets(old, 40)
		if r.now-old > 50*time.Millisecond {
			old = r.now
		}
	}
	assert.Positive(t, r.table.Stats().Expired)
}

// TestSweepWaitsForAWorkerThatIsHeldUp has the only worker held up between its
// clock and its burst, while the sweeper goes on.
func TestSweepWaitsForAWorkerThatIsHeldUp(t *testing.T) {
	const gap = 100 * time.Microsecond
	r := newRouter(t, flowcache.Flowlets(selector.NewDomain(), 1000, gap), "a", "b")
	m, _ := r.tcp(1, hash.ACK)
	r.expect(1, hash.ACK, m, flowcache.Pinned)
	sweep := func(after time.Duration) { r.table.SweepBuckets(r.now+after, r.table.Buckets()) }
	for after := gap; after <= 250*time.Millisecond; after += gap {
		sweep(after)
	}
	r.wait(gap)
	r.expect(1, hash.ACK, m, flowcache.Pinned)
	sweep(260 * time.Millisecond)
	assert.EqualValues(t, 1, r.table.Stats().Expired, "no worker has said anything for long")
}

// TestOldFlowletsDoNotSeemAhead has packets come after silences of all lengths,
// which nobody swept: a pin that is so old that it seems ahead of the clock is
// expired, and the new pin is not swept.
func TestOldFlowletsDoNotSeemAhead(t *testing.T) {
	const gap, tick = 80 * time.Microsecond, 10 * time.Microsecond
	r := newRouter(t, flowcache.Flowlets(selector.NewDomain(), 1000, gap), "a", "b")
	for silence := 11 * tick; silence < 1024*tick; silence += tick {
		m, v := r.tcp(1, hash.ACK)
		require.Equal(t, flowcache.Placed, v, "after %v", silence)
		r.expect(1, hash.ACK, m, flowcache.Pinned)
		r.wait(gap)
		r.table.SweepBuckets(r.now, r.table.Buckets())
		r.expect(1, hash.ACK, m, flowcache.Pinned)
		r.wait(silence)
	}
}

// TestAWorkerBehindKeepsFlowlets has another worker go on while one is held up:
// pins that are ahead of its clock are not old.
func TestAWorkerBehindKeepsFlowlets(t *testing.T) {
	const gap, tick = 80 * time.Microsecond, 10 * time.Microsecond
	r := newRouter(t, flowcache.Flowlets(selector.NewDomain(), 1000, gap), "a", "b")
	m, _ := r.tcp(1, hash.ACK)
	behind := r.now
	other := flowcache.NewSticky(r.table)
	for range 500 {
		r.wait(tick)
		p := packet(r.view(), 1, 6, hash.ACK)
		require.Equal(t, flowcache.Pinned, other.Route(p.Packet, p.View, r.now).Verdict)
		ahead := r.now
		r.now = behind
		r.expect(1, hash.ACK, m, flowcache.Pinned)
		r.now = ahead
	}
}

// TestFlowletsOfARealClock routes flows as fast as it can, while a sweeper
// goes over the table without a pause. A packet that was routed within the gap
// after the one before stays with it.
func TestFlowletsOfARealClock(t *testing.T) {
	const gap, length = 100 * time.Microsecond, 700 * time.Millisecond
	r := newRouter(t, flowcache.Flowlets(selector.NewDomain(), 1_000_000, gap), "a", "b")
	began := time.Now()
	var stop atomic.Bool
	var sweeper sync.WaitGroup
	sweeper.Go(func() {
		for !stop.Load() {
			r.table.Sweep(time.Since(began))
		}
	})
	packets, routes := make([]flowcache.Packet, 16), make([]flowcache.Route, 16)
	for f := range packets {
		packets[f] = packet(r.view(), uint64(f), 6, hash.ACK).Packet
	}
	views := []*selector.View{r.view()}
	within, anew := 0, 0
	for last := -gap; last < length; {
		now := time.Since(began)
		r.RouteBatch(routes, packets, views, now)
		if time.Since(began)-last < gap { // and not held up
			within += len(routes)
			for _, route := range routes {
				if route.Verdict != flowcache.Pinned {
					anew++
				}
			}
		}
		last = now
	}
	stop.Store(true)
	sweeper.Wait()
	if within == 0 {
		t.Skip("this machine is too slow to route a burst within the gap")
	}
	assert.Zero(t, anew, "of %d within the gap", within)
}

// TestFlowletsAreCutByRemovalAlone takes out one of two links under 1,000 flows
// that send bursts of five packets a quarter of the gap apart and then pause.
// Removed at once it cuts bursts. Drained it cuts none, nor does its removal a
// few gaps later.
func TestFlowletsAreCutByRemovalAlone(t *testing.T) {
	const gap, n = 20 * time.Millisecond, 1000
	for name, drain := range map[string]bool{"removed": false, "drained before": true} {
		t.Run(name, func(t *testing.T) {
			r := newRouter(t, flowcache.Flowlets(selector.NewDomain(), 2*n, gap), "a", "b")
			at, last := [n]string{}, [n]time.Duration{}
			cut, moved := 0, 0
			for step := range 200 {
				switch {
				case step == 100 && drain:
					r.set(selector.Member{ID: "a"}, selector.Member{ID: "b", Weight: 1})
				case step == 100 || step == 150 && drain:
					r.set(selector.Member{ID: "b", Weight: 1})
				}
				for f := range n {
					if (step+f)%12 >= 5 {
						continue
					}
					member, _ := r.send(packet(r.view(), uint64(f), hash.UDP, 0))
					if at[f] != "" && member != at[f] {
						moved++
						if r.now-last[f] <= gap {
							cut++
						}
					}
					at[f], last[f] = member, r.now
				}
				r.wait(gap / 4)
			}
			assert.Greater(t, moved, n/3)
			if drain {
				assert.Zero(t, cut)
			} else {
				assert.Positive(t, cut)
			}
		})
	}
}
