package benchmarks_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// BenchmarkFlowTable times packets of established TCP flows over a table that is as full as it is made for, and the first
// packets of all the flows over an empty one. Flows are spread over the whole table at random, and time stands still. One
// operation is one packet; pinned-share is that of the flows for which the table had room.
func BenchmarkFlowTable(b *testing.B) {
	for _, flows := range []int{1 << 16, 1 << 20} {
		hashes := subject.Hashes(1, flows)
		for _, form := range []struct {
			name string
			pass func(*worker, []uint64) int
		}{
			{"one", (*worker).one},
			{"batch32", (*worker).batches},
		} {
			b.Run(fmt.Sprintf("op=hit/flows=%d/form=%s", flows, form.name), func(b *testing.B) {
				w := newWorker(b, flows)
				require.Zero(b, w.batches(hashes), "a first packet met a pin")
				b.ReportAllocs()
				passes(b, flows, func() int { return form.pass(w, hashes) })
				pinned := float64(form.pass(w, hashes)) / float64(flows)
				require.Greater(b, pinned, .95, "the rest was refused")
				b.ReportMetric(pinned, "pinned-share")
			})
			b.Run(fmt.Sprintf("op=insert/flows=%d/form=%s", flows, form.name), func(b *testing.B) {
				passes(b, flows, func() int {
					b.StopTimer()
					w := newWorker(b, flows)
					b.StartTimer()
					return form.pass(w, hashes)
				})
			})
		}
	}
}

// A worker sends packets over a table of its own, to a group of ten members.
type worker struct {
	*flowcache.Sticky
	view    *selector.View
	packets []flowcache.Packet
	routes  []flowcache.Route
}

const standstill = int64(time.Hour)

func newWorker(tb testing.TB, flows int) *worker {
	tb.Helper()
	domain := selector.NewDomain()
	table, err := flowcache.NewTable(flowcache.Config{Domain: domain, Flows: flows})
	require.NoError(tb, err)
	return &worker{
		Sticky:  flowcache.NewSticky(table),
		view:    makeGroup(tb, "vip", selector.Maglev{}, domain, subject.Members(10, 1)).Load().View(),
		packets: make([]flowcache.Packet, subject.BatchSize),
		routes:  make([]flowcache.Route, subject.BatchSize),
	}
}

func (w *worker) packet(h uint64) flowcache.Packet {
	return flowcache.Packet{Digest: h, Hash: h, View: w.view, Flags: hash.ACK, Proto: 6}
}

// one sends a packet of each flow, one by one, and returns how many met a pin.
func (w *worker) one(hashes []uint64) int {
	pinned := 0
	for _, h := range hashes {
		w.packets[0] = w.packet(h)
		if w.Route(&w.packets[0], standstill).Verdict == flowcache.Pinned {
			pinned++
		}
	}
	return pinned
}

// batches does so in bursts.
func (w *worker) batches(hashes []uint64) int {
	pinned := 0
	for at := 0; at < len(hashes); at += len(w.packets) {
		for i, h := range hashes[at : at+len(w.packets)] {
			w.packets[i] = w.packet(h)
		}
		w.RouteBatch(w.routes, w.packets, standstill)
		for _, r := range w.routes {
			if r.Verdict == flowcache.Pinned {
				pinned++
			}
		}
	}
	return pinned
}
