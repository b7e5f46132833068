package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
	"github.com/ecmp-go/ecmp/gateway/internal/testbed"
)

type options struct {
	forward string
	pods    int
	sticky  bool
	stack   bool
	ipv6    bool
	planes  []string
	rounds  int
	length  time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.forward, "forward", "",
		"forward by this `plane` until the input ends; the program starts itself so")
	flag.IntVar(&o.pods, "pods", 1, "`number` of members, each on an interface of its own")
	flag.BoolVar(&o.sticky, "sticky", false, "keep flows by a flow table")
	flag.BoolVar(&o.stack, "stack", false, "the members' stacks take the packets, and drop them, instead of XDP")
	flag.BoolVar(&o.ipv6, "ipv6", false, "send IPv6")
	flag.IntVar(&o.rounds, "rounds", 5, "`number` of times that each plane is measured, in turn")
	flag.DurationVar(&o.length, "time", time.Second/2, "`length` of each measurement")
	names := flag.String("planes", strings.Join(append([]string{kernelPlane}, plane.Names(planes.All())...), ","),
		"`names` of the data planes, the first one to be compared with")
	flag.Parse()
	o.planes = strings.Split(*names, ",")
	o.rounds = max(1, o.rounds)
	if err := o.run(); err != nil {
		fmt.Fprintln(os.Stderr, "throughput:", err)
		os.Exit(1)
	}
}

func (o options) run() error {
	if o.forward != "" {
		return forward(o.forward, o.pods, o.sticky)
	}
	if err := netns.Available(); err != nil {
		return err
	}
	if _, err := netns.RemoveStale(); err != nil {
		return err
	}
	loads := []load{queueful, unlimited}
	packets, err := o.packets(loads)
	if err != nil {
		return err
	}
	title := fmt.Sprintf("thousand packets of %d bytes a second of processor time", len(newFrame(o.ipv6).bytes))
	best := make(map[string][]float64)
	for i, l := range loads {
		all := make(map[string][]float64)
		for name, speeds := range packets[i] {
			for _, s := range speeds {
				all[name] = append(all[name], s.all)
			}
			if best[name] == nil || median(all[name]) > median(best[name]) {
				best[name] = all[name]
			}
		}
		report(o.planes, all, 1e3, fmt.Sprintf("%s, %v", title, l))
	}
	report(o.planes, best, 1e3, title+", under the better load of each")
	o.reportProcesses(best, packets[0])
	virtio := slices.DeleteFunc(slices.Clone(o.planes), func(name string) bool {
		kind, _ := plane.Find(planes.All(), name)
		return kind.Needs.WholeFrames
	})
	streams := make(map[string][]float64)
	for range o.rounds {
		for _, name := range virtio {
			rate, err := streamTCP(name, o.service(), o.length)
			if err != nil {
				return err
			}
			streams[name] = append(streams[name], rate)
		}
	}
	if len(virtio) == 0 {
		return nil
	}
	report(virtio, streams, 1e9, "gigabits a second of one TCP connection, with the offloads of veth")
	return nil
}

// service returns the address that packets are sent to.
func (o options) service() string {
	if o.ipv6 {
		return testbed.Service6
	}
	return testbed.Service4
}

// reportProcesses prints what comes of not counting the time of the kernel's
// threads, which receive for the planes that are not in the kernel.
func (o options) reportProcesses(best map[string][]float64, packets map[string][]speed) {
	results := map[string][]float64{o.planes[0]: best[o.planes[0]]}
	names := []string{o.planes[0]}
	for _, name := range o.planes[1:] {
		if kind, _ := plane.Find(planes.All(), name); kind.InKernel {
			continue
		}
		names = append(names, name)
		for _, s := range packets[name] {
			results[name] = append(results[name], s.process)
		}
	}
	report(names, results, 1e3, fmt.Sprintf(
		"thousand packets a second of the forwarder's process alone, %v, beside all of the time of the first",
		queueful))
}

// packets measures packets a second of processor time, for each load, by plane.
func (o options) packets(loads []load) (results []map[string][]speed, err error) {
	r, err := newContest(o)
	if r != nil {
		defer func() { err = errors.Join(err, r.close()) }()
	}
	if err != nil {
		return nil, err
	}
	for range loads {
		results = append(results, make(map[string][]speed))
	}
	for range o.rounds {
		for _, name := range o.planes {
			speeds, err := r.run(name, loads, o.length)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			for i, s := range speeds {
				results[i][name] = append(results[i][name], s)
			}
		}
	}
	return results, nil
}

// report prints medians, in a unit, and what they are of the first plane's.
func report(names []string, results map[string][]float64, unit float64, title string) {
	fmt.Printf("%s (median, least and most of %d)\n", title, len(results[names[0]]))
	for _, name := range names {
		s := results[name]
		fmt.Printf("  %-10s %8.1f  %8.1f %8.1f  %5.2fx\n", name, median(s)/unit,
			slices.Min(s)/unit, slices.Max(s)/unit, median(s)/median(results[names[0]]))
	}
}

func median(s []float64) float64 {
	s = slices.Sorted(slices.Values(s))
	return s[len(s)/2]
}
