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

// TestPinsBySlotCountsLivePins has flows at three members, of which one leaves
// until its slot is nobody's, and waits until the pins expire.
func TestPinsBySlotCountsLivePins(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a", "b", "c")
	assert.Empty(t, r.table.PinsBySlot(r.now))
	want := make(map[selector.Slot]int)
	for f := range uint64(1000) {
		i, ok := r.view().Index(r.connect(f))
		require.True(t, ok)
		want[r.view().Slot(i)]++
	}
	require.Len(t, want, 3)
	assert.Equal(t, want, r.table.PinsBySlot(r.now))
	for slot, n := range want {
		assert.Equal(t, n, r.table.Pins(slot))
	}

	drained := r.set(selector.Member{ID: "a"}, selector.Member{ID: "b", Weight: 1}, selector.Member{ID: "c", Weight: 1})
	r.table.Release(drained, 0, flowcache.ReleaseConfig{}, r.now)
	r.table.SweepBuckets(r.now, r.table.Buckets())
	delete(want, drained.Slot(0))
	assert.Equal(t, want, r.table.PinsBySlot(r.now), "void pins are nobody's")

	r.wait(gone)
	assert.Empty(t, r.table.PinsBySlot(r.now), "before a sweep")
	assert.Positive(t, r.table.Pins(drained.Slot(1)))
}

// TestTableNamesStates asks a table with a class for the names of all states.
func TestTableNamesStates(t *testing.T) {
	dns := flowcache.ClassConfig{Name: "dns", Idle: 5 * time.Second, Sure: true}
	r := newRouter(t, flowcache.Config{Classes: []flowcache.ClassConfig{dns}}, "a")
	p := packet(r.view(), 1, hash.UDP, 0)
	p.Class = flowcache.FirstClass
	_, _ = r.send(p)
	for pin := range r.table.All(r.now) {
		assert.Equal(t, "dns", r.table.StateName(pin.State))
		assert.Equal(t, "class 1", r.table.StateName(pin.State+1))
	}
	assert.Len(t, r.table.PinsBySlot(r.now), 1)
	for s := range flowcache.EstablishedTCP + 1 {
		assert.Equal(t, s.String(), r.table.StateName(s))
	}
	assert.Equal(t, "invalid", r.table.StateName(flowcache.States))
}
