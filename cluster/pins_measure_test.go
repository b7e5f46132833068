package cluster

import (
	"context"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
)

// BenchmarkPinsRepair loses a tenth of all that is sent over the embedded
// servers, with a million pins, and reports how often pins were sent and when
// all were there.
func BenchmarkPinsRepair(b *testing.B) {
	for range b.N {
		list := living(b, 2, 1_000_000, false, func(p *Pins) {
			random := rand.New(rand.NewPCG(1, 2))
			p.sharer.send = func(subject string, data []byte) {
				if random.Float64() >= 0.1 {
					p.send(subject, data)
				}
			}
		})
		update(b, list, false, members(0, 10))
		was := list[0].establish(0, 900_000)
		start := time.Now()
		update(b, list, false, members(10, 11))
		wrong := list[0].wrong(0, was)
		soon(b, "every pin is repaired", func() bool { return list[1].pins.Stats().Added >= uint64(wrong) })
		b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms")
		b.ReportMetric(float64(list[0].pins.Stats().SentPins)/float64(wrong), "times-sent")
		b.ReportMetric(float64(wrong), "pins")
		if n := list[1].changed(0, was); n != 0 {
			b.Errorf("%d flows moved", n)
		}
	}
}

// BenchmarkPinsOfAChange makes a change at a million pins, one that joins ten
// members. It reports how long it takes until the change is in force
// everywhere, or until all pins are at another gateway after an unannounced one.
// It leaves out what the flows of a real gateway would cost meanwhile.
func BenchmarkPinsOfAChange(b *testing.B) {
	for _, planned := range []bool{true, false} {
		b.Run(map[bool]string{true: "announced", false: "unannounced"}[planned], func(b *testing.B) {
			for range b.N {
				list := living(b, 3, 1_000_000, false, nil)
				update(b, list, false, members(0, 10))
				was := list[0].establish(0, 900_000)
				start := time.Now()
				if planned {
					ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
					o, err := list[0].membership.UpdatePlanned(ctx, members(10, 11))
					require.NoError(b, err)
					require.Empty(b, o.Silent)
					for _, g := range list {
						require.NoError(b, g.membership.Wait(ctx, o.Revision))
					}
					cancel()
					b.ReportMetric(float64(time.Since(start).Microseconds())/1e3, "ms-in-force")
				} else {
					update(b, list, false, members(10, 11))
					inForce := time.Now()
					wrong := uint64(list[0].wrong(0, was))
					soon(b, "all pins come", func() bool { return list[1].pins.Stats().Added == wrong })
					b.ReportMetric(float64(time.Since(inForce).Microseconds())/1e3, "ms-complete")
				}
				moved := 0
				for _, g := range list {
					moved += g.changed(0, was)
				}
				b.ReportMetric(float64(moved), "moved")
			}
		})
	}
}

// BenchmarkRouteBatchBesidePins routes established flows of a million while
// nothing is shared, and while the table is scanned and its pins are sent and
// imported without a pause.
func BenchmarkRouteBatchBesidePins(b *testing.B) {
	const flows = 900_000
	list := living(b, 2, 1_000_000, false, nil)
	update(b, list, false, members(0, 10))
	list[0].establish(0, flows)
	list[1].establish(0, flows)
	w := list[0].newWorker()
	v := list[0].membership.View()
	for _, sharing := range []bool{false, true} {
		b.Run(map[bool]string{true: "sharing", false: "alone"}[sharing], func(b *testing.B) {
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() {
				defer close(done)
				for ; sharing && ctx.Err() == nil; time.Sleep(5 * time.Millisecond) {
					for _, g := range list {
						g.pins.call(func(instant) {
							g.pins.sharer.groups[0].request(&scan{kind: scanOfAll, states: allStates,
								spec: flowcache.Scan{All: true}})
						})
					}
				}
			}()
			from := uint64(0)
			for b.Loop() {
				w.send(v, from, from+burstSize, hash.ACK, nil)
				if from += burstSize; from+burstSize > flows {
					from = 0
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/burstSize, "ns/packet")
			stop()
			<-done
		})
	}
}

// TestPinsGrowth counts the messages and bytes of changes for three and for
// eight gateways.
func TestPinsGrowth(t *testing.T) {
	if os.Getenv("CLUSTER_NUMBERS") == "" {
		t.Skip("prints numbers for pins.md with CLUSTER_NUMBERS=1")
	}
	const flows = 30_000
	for _, n := range []int{3, 8} {
		list := living(t, n, 2*flows, false, nil)
		update(t, list, false, members(0, 10))
		for i, g := range list {
			g.establish(uint64(i*flows/n), uint64((i+1)*flows/n))
		}
		time.Sleep(10 * time.Second) // scans of the change before
		sum := func() (s PinsStats) {
			for _, g := range list {
				x := g.pins.Stats()
				s.SentMessages += x.SentMessages
				s.SentBytes += x.SentBytes
				s.SentPins += x.SentPins
				s.ReceivedMessages += x.ReceivedMessages
			}
			return s
		}
		rest := sum()
		time.Sleep(10 * time.Second)
		idle := sum()
		t.Logf("%d gateways, idle: %.1f messages/s and %.0f bytes/s sent in all", n,
			float64(idle.SentMessages-rest.SentMessages)/10, float64(idle.SentBytes-rest.SentBytes)/10)
		for i, planned := range []bool{true, false} {
			before := sum()
			update(t, list, planned, members(10+i, 11+i))
			time.Sleep(10 * time.Second)
			after := sum()
			pins := after.SentPins - before.SentPins
			messages := after.SentMessages - before.SentMessages - (idle.SentMessages - rest.SentMessages)
			bytes := after.SentBytes - before.SentBytes - (idle.SentBytes - rest.SentBytes)
			t.Logf("%d gateways, planned %t: %d pins, %d messages, %d bytes, %.2f bytes a pin, received %d", n, planned,
				pins, messages, bytes, float64(bytes)/float64(pins), after.ReceivedMessages-before.ReceivedMessages)
		}
	}
}
