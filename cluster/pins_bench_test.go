package cluster

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
)

const allStates = 1<<flowcache.States - 1

// BenchmarkPinsOverNATS sends the pins of a table of a million flows from one
// gateway to another, whose server is another one: scan, encode, sign, publish,
// server, server, receive, verify, decode, import. Nearly all are there
// already. "core NATS" publishes messages as long, and counts them. It reports
// millions of pins a second. It leaves out the packet path.
func BenchmarkPinsOverNATS(b *testing.B) {
	const flows, rounds = 900_000, 4
	list := living(b, 2, 1_000_000, false, nil)
	update(b, list, false, members(0, 10))
	list[0].establish(0, flows)
	from, to := list[0].pins, list[1].pins
	all := func(n int) (took time.Duration, pins, messages, bytes uint64) {
		before, got := from.Stats(), to.Stats().ReceivedPins
		start := time.Now()
		for range n {
			idle := make(chan bool)
			from.call(func(instant) {
				from.sharer.groups[0].request(&scan{kind: scanOfAll, states: allStates,
					spec: flowcache.Scan{All: true}})
			})
			for done := false; !done; {
				from.call(func(instant) { idle <- len(from.sharer.groups[0].scans) == 0 })
				if done = <-idle; !done {
					time.Sleep(time.Millisecond)
				}
			}
			soon(b, "all pins come", func() bool { // more at once would not fit into the inbox
				return to.Stats().ReceivedPins-got >= from.Stats().SentPins-before.SentPins
			})
		}
		took = time.Since(start)
		after := from.Stats()
		return took, after.SentPins - before.SentPins, after.SentMessages - before.SentMessages,
			after.SentBytes - before.SentBytes
	}
	_, pins, messages, bytes := all(1) // so that they are there
	size := int(bytes / messages)
	each := float64(pins) / float64(messages)
	b.Run("core NATS", func(b *testing.B) {
		for range b.N {
			var got atomic.Int64
			s, err := list[1].conn.NATS().Subscribe("bench.>", func(*nats.Msg) { got.Add(1) })
			require.NoError(b, err)
			require.NoError(b, s.SetPendingLimits(-1, -1))
			require.NoError(b, list[1].conn.NATS().Flush())
			message := make([]byte, size)
			soon(b, "the servers know who listens", func() bool {
				require.NoError(b, list[0].conn.NATS().Publish("bench.a", nil))
				return got.Load() > 0
			})
			require.NoError(b, list[0].conn.NATS().Flush())
			time.Sleep(100 * time.Millisecond)
			got.Store(0)
			start := time.Now()
			n := int(messages) * rounds
			for i := range n {
				require.NoError(b, list[0].conn.NATS().Publish("bench.a", message))
				if i%64 == 0 {
					require.NoError(b, list[0].conn.NATS().Flush())
				}
			}
			require.NoError(b, list[0].conn.NATS().Flush())
			soon(b, fmt.Sprint("messages come, of ", n), func() bool { return got.Load() == int64(n) })
			b.ReportMetric(float64(n)*each/time.Since(start).Seconds()/1e6, "Mpins/s")
			require.NoError(b, s.Unsubscribe())
		}
	})
	b.Run("pins", func(b *testing.B) {
		for range b.N {
			before := to.Stats()
			took, pins, _, bytes := all(rounds)
			after := to.Stats()
			b.ReportMetric(float64(pins)/took.Seconds()/1e6, "Mpins/s")
			b.ReportMetric(float64(bytes)/float64(pins), "B/pin")
			b.ReportMetric(float64(after.DroppedMessages-before.DroppedMessages), "dropped")
		}
	})
}
