package cluster

import (
	"strconv"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMessagesWaitForScans has messages come while scans go on one after
// another: they wait for one of them, in order, and those of that time don't wait
// for the next one.
func TestMessagesWaitForScans(t *testing.T) {
	const room = 400
	b := inbox{messages: make(chan *nats.Msg, room)}
	came, taken := 0, 0
	put := func(n int) {
		for range n {
			b.messages <- &nats.Msg{Subject: strconv.Itoa(came)}
			came++
		}
	}
	take := func(scanning bool) {
		b.take(scanning, func(m *nats.Msg) {
			require.Equal(t, strconv.Itoa(taken), m.Subject)
			taken++
		})
	}
	put(3)
	take(false)
	require.Equal(t, 3, taken)
	put(100)
	for range 10 {
		take(true)
	}
	require.Equal(t, 3, taken, "a scan is under way")
	take(false)
	put(20)
	for range 20 {
		take(true)
	}
	assert.GreaterOrEqual(t, taken, 103, "they go before the next scan")
	assert.Less(t, taken, 103+takenAtOnce, "and those that came later wait for it")

	put(room/2 - (came - taken) - 1)
	before := taken
	take(true)
	require.Equal(t, before, taken)
	put(1)
	for taken < came {
		take(true)
		require.Greater(t, taken, before, "half of the room is taken")
		before = taken
	}
	put(1)
	take(true)
	assert.Equal(t, came-1, taken, "a message waits again")
}

// TestNothingIsAskedForMeanwhile misses a message while others wait for a scan.
func TestNothingIsAskedForMeanwhile(t *testing.T) {
	s := newSharing(t)
	s.pinned(1000)
	s.settle()
	s.from.change(3, "a", "b", "c", "d", "e")
	s.from.work()
	s.now += longBeat
	s.from.work()
	s.from.sent = s.from.messages(kindBeat)
	s.carry(s.from, s.to)
	s.now += 2 * askAfter
	s.to.sharer.waits = true
	s.to.work()
	assert.Empty(t, s.to.messages(kindAsk), "it may have come")
	s.to.sharer.waits = false
	s.to.work()
	assert.NotEmpty(t, s.to.messages(kindAsk))
}
