package flowcache

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/slots"
	"github.com/ecmp-go/ecmp/selector"
)

func newTestTable(t *testing.T, flows int) *Table {
	t.Helper()
	table, err := NewTable(Config{Domain: selector.NewDomain(), Flows: flows})
	require.NoError(t, err)
	return table
}

func TestBucketsOfAFlowAreEachOthersOther(t *testing.T) {
	for _, flows := range []int{1, 7, 13, 1000, 99_999} {
		table := newTestTable(t, flows)
		used := make(map[int]bool)
		for range 10_000 {
			digest := rand.Uint64()
			home := table.home(digest)
			away := table.away(tagOf(digest), home)
			require.Less(t, away, len(table.buckets))
			require.Equal(t, home, table.away(tagOf(digest), away))
			used[home], used[away] = true, true
		}
		assert.Greater(t, len(used), min(len(table.buckets), 10_000)*9/10)
	}
}

func TestNoPinLooksLikeNone(t *testing.T) {
	for _, digest := range []uint64{0, 1, 1<<tagShift - 1} {
		w := wordOf(tagOf(digest), selector.NoSlot, 0, Probation)
		assert.NotZero(t, w)
		assert.Equal(t, tagOf(digest), w.tag())
	}
}

// TestMatchAndFindAgree looks for the tags of a bucket that is not full, and
// for others. A search that missed would be slow, and no packet would be routed
// otherwise.
func TestMatchAndFindAgree(t *testing.T) {
	var b bucket
	words := make(map[uint64]word)
	for i := range bucketSize - 1 {
		w := wordOf(tagOf(rand.Uint64()), selector.Slot(rand.Uint32()&maxSlot), rand.Uint32(), State(i%States))
		words[w.tag()] = w
		b[(i+3)%bucketSize].Store(uint64(w))
	}
	s := Sticky{buckets: [wide]*bucket{&b}}
	for tag, w := range words {
		_, there := b.find(tag)
		assert.Equal(t, w, there)
		assert.Equal(t, w, b.match(tag))
		digest := tag<<tagShift | rand.Uint64()>>(64-tagShift)
		assert.Zero(t, s.match([]Packet{{Digest: digest}}))
		assert.Equal(t, w, word(s.found[0]^digest))
		assert.Zero(t, s.found[0]>>tagShift)

		_, there = b.find(tag ^ 1)
		assert.Zero(t, there)
		assert.Zero(t, b.match(tag^1))
		assert.EqualValues(t, 1, s.match([]Packet{{Digest: digest ^ 1<<tagShift}}))
		assert.NotZero(t, s.found[0]>>tagShift)
	}
}

// TestLowerOfTwoPinsWins makes what two workers make that pin one flow at once.
func TestLowerOfTwoPinsWins(t *testing.T) {
	table := newTestTable(t, 100)
	const digest, tag = 3 << 40, 3 << 10
	home := table.home(digest)
	away := table.away(tag, home)
	low, high := &table.buckets[home][2], &table.buckets[away][1]
	mine, theirs := wordOf(tag, 1, 0, Probation), wordOf(tag, 2, 0, Probation)

	low.Store(uint64(theirs))
	high.Store(uint64(mine))
	assert.True(t, table.withdraw(high, mine, home, away), "mine is the higher one")
	assert.Zero(t, high.Load())
	assert.EqualValues(t, theirs, low.Load())

	low.Store(uint64(mine))
	high.Store(uint64(theirs))
	assert.False(t, table.withdraw(low, mine, home, away), "mine is the lower one")
	assert.Zero(t, high.Load())
	assert.EqualValues(t, mine, low.Load())

	low.Store(uint64(theirs))
	high.Store(uint64(wordOf(tag, 1, 3, EstablishedTCP)))
	assert.True(t, table.withdraw(high, mine, home, away), "a third worker promoted mine")
	assert.Zero(t, high.Load())
	assert.EqualValues(t, theirs, low.Load())
}

// TestRestoreLooksIntoBothBuckets restores the pin of a flow that has one
// already, in its other bucket.
func TestRestoreLooksIntoBothBuckets(t *testing.T) {
	table := newTestTable(t, 100)
	const digest, tag = 3 << 40, 3 << 10
	home := table.home(digest)
	away := table.away(tag, home)
	w := wordOf(tag, 1, 0, Established)
	for _, b := range []int{home, away} {
		table.buckets[b][0].Store(uint64(w))
		s := NewSticky(table)
		s.at(0)
		slot := selector.Slot(table.slots.Take(slots.Key{ID: "a"}))
		from, done := &saved{}, Restored{}
		for i := range from.units {
			from.units[i] = 1
		}
		table.buckets[b][0].Store(uint64(w.withSlot(slot)))
		s.restorePin(home, w, from, slot, &done)
		s.restorePin(away, w, from, slot, &done)
		assert.Equal(t, Restored{Kept: 2}, done)
		assert.Zero(t, s.tally[inserted])
		table.buckets[b][0].Store(0)
	}
}

// TestFalseMatchesAreRare: a look-up compares the tag of a flow with those in
// two buckets, all bits of it. Tags are bits of a hash, so that of another flow
// is the same once in 2^34.
func TestFalseMatchesAreRare(t *testing.T) {
	const tagBits = 64 - tagShift
	assert.Less(t, 2*bucketSize*math.Exp2(-tagBits), 1e-9)
	for place := range bucketSize {
		for range 10 {
			tag := tagOf(rand.Uint64())
			var b bucket
			b[place].Store(uint64(wordOf(tag, rand.N[selector.Slot](maxSlot), rand.Uint32(), EstablishedTCP)))
			require.NotZero(t, b.match(tag))
			for bit := range tagBits {
				require.Zero(t, b.match(tag^1<<bit), "bit %d, place %d", bit, place)
				_, w := b.find(tag ^ 1<<bit)
				require.Zero(t, w)
			}
		}
	}
	digest := rand.Uint64()
	for bit := range tagBits {
		require.NotEqual(t, tagOf(digest), tagOf(digest^1<<(tagShift+bit)), "each bit is of the digest")
	}
}
