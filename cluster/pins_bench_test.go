package cluster

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

const allStates = 1<<flowcache.States - 1

// BenchmarkPinsOverNATS sends the pins of a table of a million flows from one
// gateway to another, whose server is another one: scan, encode, sign, publish,
// server, server, receive, verify, decode, import. Nearly all are there
// already. "core NATS" publishes messages as long, and counts them. It reports
// millions of pins a second, and the time of cores that a pin takes. It leaves
// out the packet path.
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
			before, used := to.Stats(), processTime(b)
			took, pins, _, bytes := all(rounds)
			after := to.Stats()
			b.ReportMetric(float64(pins)/took.Seconds()/1e6, "Mpins/s")
			b.ReportMetric(float64((processTime(b)-used).Nanoseconds())/float64(pins), "cpu-ns/pin")
			b.ReportMetric(float64(bytes)/float64(pins), "B/pin")
			b.ReportMetric(float64(after.DroppedMessages-before.DroppedMessages), "dropped")
		}
	})
}

// BenchmarkPinsAlone is the part of BenchmarkPinsOverNATS that is not of NATS,
// for each side: scan, encode and sign; verify, decode and import.
func BenchmarkPinsAlone(b *testing.B) {
	const flows = 900_000
	s := &sharing{t: b, now: began}
	gateway := func(name string) *carried {
		table, err := flowcache.NewTable(flowcache.Config{Domain: selector.NewDomain(), Flows: 1_000_000})
		require.NoError(b, err)
		return s.gateway(name, PinsConfig{Table: table})
	}
	from, to := gateway("from"), gateway("to")
	for f := range uint64(flows) {
		_, _ = from.packet(f, hash.SYN)
		_, _ = from.packet(f, hash.ACK)
	}
	var sent []byte // one message after another: memory that is used again
	var sizes []int
	from.sharer.send = func(_ string, data []byte) {
		sent, sizes = append(sent, data...), append(sizes, len(data))
	}
	send := func() {
		sent, sizes = sent[:0], sizes[:0]
		from.shared.request(&scan{kind: scanOfAll, states: allStates, spec: flowcache.Scan{All: true}})
		from.work()
	}
	receive := func() {
		at := 0
		for _, n := range sizes {
			require.NoError(b, to.sharer.receive(from.sharer.names.toAll("vip"), sent[at:at+n], to.instant()))
			at += n
		}
	}
	for _, side := range []string{"send", "receive"} {
		b.Run(side, func(b *testing.B) {
			send()
			receive()
			var took time.Duration
			pins := from.counters.stats().SentPins
			for range b.N {
				start := time.Now()
				send()
				if side == "receive" {
					start = time.Now()
					receive()
				}
				took += time.Since(start)
				if side == "send" {
					receive() // its numbers are in order
				}
			}
			b.ReportMetric(float64(took.Nanoseconds())/float64(from.counters.stats().SentPins-pins), "ns/pin")
		})
	}
}
