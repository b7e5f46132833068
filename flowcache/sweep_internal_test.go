package flowcache

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
)

// TestSlotIsFreedNoTickEarly sweeps at the last moment at which a slot may not
// be given again, and just after.
func TestSlotIsFreedNoTickEarly(t *testing.T) {
	d := selector.NewDomain()
	table, err := NewTable(Config{Domain: d, Flows: 100})
	require.NoError(t, err)
	g, err := selector.NewGroup[int](d, selector.GroupConfig{Name: "g", Strategy: selector.Modulo{}})
	require.NoError(t, err)
	_, err = g.Update([]selector.Hop[int]{{ID: "a", Weight: 1}})
	require.NoError(t, err)
	_, err = g.Update(nil)
	require.NoError(t, err)
	sweep := func(now time.Duration) int {
		table.sweepBuckets(now, len(table.buckets))
		return d.SlotStats().Quarantined
	}
	longest := table.clocks.longest()
	assert.Equal(t, 1, sweep(0), "the epoch begins")
	assert.Equal(t, 1, sweep(longest+heldInBurst))
	assert.Zero(t, sweep(longest+heldInBurst+1))
}

// TestLongestAgeOfAPin has a pin of each state written when a tick begins.
func TestLongestAgeOfAPin(t *testing.T) {
	table := newTestTable(t, 100)
	k := &table.clocks
	begin := k.moment(0)
	last := time.Duration(0)
	for s := range State(States) {
		w := newWord(1, 1, &begin, s)
		for now := time.Duration(0); ; now += k.tick {
			m := k.moment(k.tickAt(now))
			if k.expired(w, &m) {
				last = max(last, now)
				break
			}
		}
	}
	assert.Equal(t, last, k.longest())
}
