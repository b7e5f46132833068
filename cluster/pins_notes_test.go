package cluster

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

// TestNotesAreEntered tells of pins and looks when the memory and the roll have
// them: after a silence, a little at a time.
func TestNotesAreEntered(t *testing.T) {
	const pins = notesAStep + 10
	m, table := memoryOf(t, 100_000)
	known := func() (n int) {
		for f := range uint64(pins) {
			if _, ok := m.recall(m.flow(table.KeyOf(mixFlow(f)))); ok {
				n++
			}
		}
		return n
	}
	elsewhere := func() bool { return m.roll.hasElsewhere(mixFlow(pins-1), 2) }
	for f := range uint64(pins) {
		p := flowcache.Pin{Key: table.KeyOf(mixFlow(f)), State: flowcache.EstablishedTCP, Slot: 1}
		require.True(t, m.isNews(&p, false, began))
	}
	assert.False(t, m.enterLater(began+noteFor-1))
	assert.Zero(t, known(), "pins may still wait")
	assert.True(t, m.enterLater(began+noteFor))
	assert.Equal(t, notesAStep, known())
	assert.False(t, elsewhere())
	assert.False(t, m.enterLater(began+noteFor))
	assert.Equal(t, pins, known())
	assert.True(t, elsewhere())
	assert.False(t, m.enterLater(began+noteFor))
}

// TestNotesAreBounded tells of more pins than there is room for notes.
func TestNotesAreBounded(t *testing.T) {
	m, table := memoryOf(t, 10_000)
	room := cap(m.notes.list)
	for f := range uint64(3 * room) {
		p := flowcache.Pin{Key: table.KeyOf(mixFlow(f)), State: flowcache.EstablishedTCP}
		m.heard([]flowcache.Pin{p}, began)
	}
	assert.Equal(t, room, cap(m.notes.list))
	assert.Positive(t, m.now.used, "they are entered to make room")
	m.forget()
	m.enterAll()
	assert.Zero(t, m.now.used, "notes are forgotten too")
}

// TestScanLeavesOutWhatComesMeanwhile has a gateway import the pins of a change
// while its own scan for it is under way.
func TestScanLeavesOutWhatComesMeanwhile(t *testing.T) {
	s := &sharing{t: t, now: began}
	gateway := func(name string) *carried {
		table, err := flowcache.NewTable(flowcache.Config{Domain: selector.NewDomain(), Flows: 400_000})
		require.NoError(t, err)
		require.Greater(t, table.Buckets(), 2*sliceBuckets)
		return s.gateway(name, PinsConfig{Table: table})
	}
	s.from, s.to = gateway("from"), gateway("to")
	for f := range uint64(1000) {
		_, _ = s.from.packet(f, hash.SYN)
		_, _ = s.from.packet(f, hash.ACK)
	}
	s.settle()
	s.now += time.Second
	s.from.change(2, "a", "b", "c", "d")
	s.from.work()
	s.to.change(2, "a", "b", "c", "d")
	s.to.sharer.step(s.to.instant())
	require.Len(t, s.to.shared.scans, 1)
	require.NotZero(t, s.to.shared.scans[0].from, "it is under way")
	assert.True(t, s.to.sharer.scansForChange())
	s.carry(s.from, s.to)
	s.to.work()
	assert.False(t, s.to.sharer.scansForChange())
	assert.Positive(t, s.to.counters.stats().Added)
	assert.Zero(t, s.to.counters.stats().SentPins)
}

// TestScansSoonAfterEachOther has a scan find what the one before told of, which
// is still in the notes.
func TestScansSoonAfterEachOther(t *testing.T) {
	s := newSharing(t)
	s.pinned(1000)
	s.from.work()
	sent := s.from.counters.stats().SentPins
	require.Positive(t, sent)
	requestYoung(s.from.shared, s.from.sharer.youngStates(), time.Minute)
	s.from.work()
	assert.Equal(t, sent, s.from.counters.stats().SentPins)
}

// TestAnnouncementsAreNotScannedFor lists a member of weight 0, which moves no
// flow, and then one that does.
func TestAnnouncementsAreNotScannedFor(t *testing.T) {
	for _, row := range catalog.All() {
		c := selector.GroupConfig{Name: "vip", Strategy: row.Strategy}
		g, err := selector.NewGroup[int](selector.NewDomain(), c)
		require.NoError(t, err)
		view := func(hops ...selector.Hop[int]) *selector.View {
			v, err := g.Update(hops)
			require.NoError(t, err)
			return v.View()
		}
		a, b, joiner := selector.Hop[int]{ID: "a", Weight: 1}, selector.Hop[int]{ID: "b", Weight: 1},
			selector.Hop[int]{ID: "c"}
		none := view()
		two := view(a, b)
		_, tabled := two.Selector().(selector.Tabled)
		three := view(a, b, joiner)
		assert.Equal(t, tabled, sameChoice(two, three), row.Name)
		joiner.Weight = 1
		joined := view(a, b, joiner)
		assert.False(t, sameChoice(three, joined), row.Name)
		assert.False(t, sameChoice(joined, two), row.Name)
		assert.False(t, sameChoice(none, two), row.Name)
		other := view(a, b, selector.Hop[int]{ID: "d"})
		assert.False(t, sameChoice(three, other), "%s: another member in the same place", row.Name)
	}
}
