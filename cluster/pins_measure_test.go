package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
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
// everywhere, or from when an unannounced one is in force at each of the other
// gateways until all pins are there; and the time of cores that all gateways and
// servers took for it, which says what the former would be on a quiet machine.
// It leaves out what the flows of a real gateway would cost meanwhile; and the
// three gateways and three servers share one machine.
func BenchmarkPinsOfAChange(b *testing.B) {
	for _, planned := range []bool{true, false} {
		b.Run(map[bool]string{true: "announced", false: "unannounced"}[planned], func(b *testing.B) {
			for range b.N {
				list := living(b, 3, 1_000_000, false, nil)
				update(b, list, false, members(0, 10))
				settleDown(list)
				was := list[0].establish(0, 900_000)
				wrong := uint64(list[0].wrongWith(b, 11, was))
				applied := make([]inForce, len(list))
				for i, g := range list {
					g.membership.Observe(&applied[i])
				}
				runtime.GC()
				time.Sleep(2 * time.Second) // a real-time process has its share of the cores again
				start, used := time.Now(), processTime(b)
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
					_, err := list[0].membership.Update(context.Background(), members(10, 11))
					require.NoError(b, err)
					var took time.Duration
					for there := 1; there < len(list); {
						if list[there].pins.Stats().Added < wrong || applied[there].at.Load() == 0 {
							time.Sleep(100 * time.Microsecond)
							require.Less(b, time.Since(start), time.Minute)
							continue
						}
						took = max(took, time.Since(time.Unix(0, applied[there].at.Load())))
						there++
					}
					b.ReportMetric(float64(took.Microseconds())/1e3, "ms-complete")
				}
				b.ReportMetric(float64((processTime(b)-used).Microseconds())/1e3, "cpu-ms")
				moved := 0
				for _, g := range list {
					moved += g.changed(0, was)
				}
				b.ReportMetric(float64(moved), "moved")
			}
		})
	}
}

// An inForce notes when the last change came into force.
type inForce struct{ at atomic.Int64 }

func (f *inForce) Planned(context.Context, Plan) {}
func (f *inForce) Changed(_, _ *selector.View)   { f.at.Store(time.Now().UnixNano()) }
func (f *inForce) Settled(uint64)                {}

// wrongWith counts the flows that the selector would send elsewhere if the group
// had members 0 to n.
func (g *livingGateway) wrongWith(b *testing.B, n int, was []string) (wrong int) {
	var hops []selector.Hop[string]
	for i := range n {
		hops = append(hops, selector.Hop[string]{ID: memberID(i), Weight: 1})
	}
	planned, err := g.group.Plan(nil, hops)
	require.NoError(b, err)
	v := planned.View()
	for i, id := range was {
		if v.Member(v.Unmarked(mixFlow(uint64(i)))).ID != id {
			wrong++
		}
	}
	return wrong
}

// settleDown waits until nobody scans or sends, and collects what is garbage.
func settleDown(list []*livingGateway) {
	awaitIdle(list)
	runtime.GC()
	time.Sleep(100 * time.Millisecond)
}

func awaitIdle(list []*livingGateway) {
	for busy := true; busy; time.Sleep(10 * time.Millisecond) {
		busy = false
		for _, g := range list {
			idle := make(chan bool)
			g.pins.call(func(instant) {
				of := g.pins.sharer.groups[0]
				idle <- len(of.scans)+len(of.answers)+len(of.young) == 0
			})
			busy = !<-idle || busy
		}
	}
}

// BenchmarkRouteBatchBesidePins routes established flows of a million, in turns
// of 50 ms: while nothing is shared, and while the table is scanned and its pins
// are sent and imported without a pause. A run is six turns of each, and gives
// the ratio of the medians; the benchmark gives the median of ten runs (of one
// with -short), and how far they are apart. "cpu" is by the worker's time on a
// core, which leaves out when others had the cores that it needs: here, the other
// gateway and three servers.
func BenchmarkRouteBatchBesidePins(b *testing.B) {
	const flows, turns, length = 900_000, 6, 50 * time.Millisecond
	runs := 10
	if testing.Short() {
		runs = 1
	}
	list := living(b, 2, 1_000_000, false, nil)
	update(b, list, false, members(0, 10))
	list[0].establish(0, flows)
	list[1].establish(0, flows)
	update(b, list, false, members(10, 11)) // some deviate
	w := list[0].newWorker()
	v := list[0].membership.View()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var sharing atomic.Bool
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		for ; ctx.Err() == nil; time.Sleep(5 * time.Millisecond) {
			for _, g := range list {
				if !sharing.Load() {
					continue
				}
				g.pins.call(func(instant) {
					g.pins.sharer.groups[0].request(&scan{kind: scanOfAll, states: allStates,
						spec: flowcache.Scan{All: true}})
				})
			}
		}
	}()
	from := uint64(0)
	turn := func(beside bool) (wall, cpu float64) {
		sharing.Store(beside)
		if !beside {
			awaitIdle(list)
		}
		packets, start, used := 0, time.Now(), threadTime(b)
		for time.Since(start) < length {
			for range 64 {
				w.send(v, from, from+burstSize, hash.ACK, nil)
				if from += burstSize; from+burstSize > flows {
					from = 0
				}
			}
			packets += 64 * burstSize
		}
		return float64(time.Since(start)) / float64(packets), float64(threadTime(b)-used) / float64(packets)
	}
	var alone, wall, cpu []float64
	for range b.N * runs {
		var times [4][]float64
		for range turns {
			for i, beside := range []bool{false, true} {
				x, y := turn(beside)
				times[2*i], times[2*i+1] = append(times[2*i], x), append(times[2*i+1], y)
			}
		}
		alone = append(alone, median(times[0]))
		wall = append(wall, median(times[2])/median(times[0]))
		cpu = append(cpu, median(times[3])/median(times[1]))
	}
	b.ReportMetric(median(alone), "ns-alone")
	for name, ratios := range map[string][]float64{"wall": wall, "cpu": cpu} {
		b.ReportMetric(slices.Min(ratios), name+"-least")
		b.ReportMetric(median(ratios), name+"-ratio")
		b.ReportMetric(slices.Max(ratios), name+"-most")
	}
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

// TestPinsGrowth counts the messages and bytes of changes for three and for
// eight gateways, leases aside, and writes them into pins.md.
func TestPinsGrowth(t *testing.T) {
	if os.Getenv("CLUSTER_NUMBERS") == "" {
		t.Skip("writes numbers into pins.md with CLUSTER_NUMBERS=1")
	}
	const flows = 30_000
	table := "| | messages and bytes a second, at rest | change | pins more that deviate | pins sent " +
		"| messages | kB |\n|---|---|---|---|---|---|---|\n"
	for _, n := range []int{3, 8} {
		list := living(t, n, 2*flows, false, nil)
		for _, g := range list {
			g.pins.call(func(instant) { g.pins.sharer.groups[0].leases = nil })
		}
		update(t, list, false, members(0, 10))
		was := make([][]string, n)
		for i, g := range list {
			was[i] = g.establish(uint64(i*flows/n), uint64((i+1)*flows/n))
		}
		wrong := func() (sum int) {
			for i, g := range list {
				sum += g.wrong(uint64(i*flows/n), was[i])
			}
			return sum
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
		atRest := fmt.Sprintf("%.1f, %.0f", float64(idle.SentMessages-rest.SentMessages)/10,
			float64(idle.SentBytes-rest.SentBytes)/10)
		deviated := 0
		for i, planned := range []bool{true, false} {
			before := sum()
			update(t, list, planned, members(10+i, 11+i))
			time.Sleep(10 * time.Second)
			after := sum()
			pins := after.SentPins - before.SentPins
			messages := after.SentMessages - before.SentMessages - (idle.SentMessages - rest.SentMessages)
			bytes := after.SentBytes - before.SentBytes - (idle.SentBytes - rest.SentBytes)
			news := wrong() - deviated // no flow that deviated goes back
			deviated += news
			table += fmt.Sprintf("| %d gateways | %s | %s | %d | %d, %.2f times | %d | %.0f |\n", n, atRest,
				map[bool]string{true: "announced", false: "unannounced"}[planned], news, pins,
				float64(pins)/float64(news), messages, float64(bytes)/1e3)
		}
	}
	t.Log("\n" + table)
	writeBlock(t, "pins.md", "growth", table)
}

// writeBlock replaces what stands in a page between two marks.
func writeBlock(t *testing.T, page, name, text string) {
	b, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(b), "<!-- begin "+name+",")
	require.True(t, ok)
	mark, rest, ok := strings.Cut(rest, "-->\n")
	require.True(t, ok)
	_, after, ok := strings.Cut(rest, "<!-- end "+name+" -->")
	require.True(t, ok)
	b = []byte(before + "<!-- begin " + name + "," + mark + "-->\n\n" + text + "\n<!-- end " + name + " -->" + after)
	require.NoError(t, os.WriteFile(page, b, 0o644)) //nolint:gosec // a page that everybody may read
}
