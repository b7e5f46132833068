package main

import (
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/gateway/internal/testbed"
)

// A race measures the planes on one bed.
type race struct {
	bed       *testbed.Bed
	sink      *sink
	generator *generator
	sticky    bool
}

func newRace(pods int, sticky, stack bool) (*race, error) {
	b, err := testbed.New(pods, 1)
	if err != nil {
		return nil, err
	}
	r := &race{bed: b, sticky: sticky}
	if err := b.PrepareXDP(); err != nil {
		return r, err
	}
	// A thread of the kernel's receives from lc, which can be bound to a
	// processor.
	if err := b.Router.SetFeatures("lc", true, netns.GRO); err != nil {
		return r, err
	}
	threaded := exec.Command("ip", "netns", "exec", b.Router.Name(), "sh", "-c", "echo 1 >/sys/class/net/lc/threaded")
	if out, err := threaded.CombinedOutput(); err != nil {
		return r, fmt.Errorf("threaded NAPI: %w: %s", err, out)
	}
	if r.sink, err = newSink(b.Pods, stack); err != nil {
		return r, err
	}
	return r, b.Client.Do(func() (err error) {
		r.generator, err = newGenerator(r.sink)
		return err
	})
}

// A load is the number of frames that may be on their way. A plane that takes a
// packet from end to end at once does best with as many as there are: what is
// too much for it is dropped before it, at the cost of the generator's
// processor. One that takes packets in steps wastes time on those that it drops
// at a later step, and does best with no more than the queue of the interface
// that they come in by holds. So every plane, the kernel too, is measured under
// both loads, and the better one counts.
type load uint64

const (
	queueful  load = 256
	unlimited load = 1 << 40
)

// String says how many they are.
func (l load) String() string {
	if l == unlimited {
		return "any number on their way"
	}
	return fmt.Sprintf("%d on their way", uint64(l))
}

// A speed is how many packets a second of processor time a plane forwards.
type speed struct {
	all float64
	// of the time of the forwarder's process alone: not comparable where the
	// kernel forwards
	process float64
}

// run returns how fast a plane is under each load.
func (r *race) run(name string, loads []load, length time.Duration) (speeds []speed, err error) {
	f, err := startForwarder(r.bed, name, r.sticky, forwarderCPU)
	if err != nil {
		return nil, err
	}
	err = pinReceiver("lc")
	if err == nil {
		// A redirect of the generator's goes to the namespace of the thread.
		err = r.bed.Client.Do(func() error {
			if err := pin(0, generatorCPU); err != nil { // this thread ends with Do
				return err
			}
			for _, l := range loads {
				s, err := r.measure(f.pid(), l, length)
				if err != nil {
					return err
				}
				speeds = append(speeds, s)
			}
			return nil
		})
	}
	_, e := f.stop()
	return speeds, errors.Join(err, e)
}

func (r *race) measure(process int, l load, length time.Duration) (s speed, err error) {
	if err := r.generator.run(r.sink, l, time.Now().Add(length/2)); err != nil {
		return s, err
	}
	before, err := workOf(process)
	if err != nil {
		return s, err
	}
	count := r.sink.count()
	if err := r.generator.run(r.sink, l, time.Now().Add(length)); err != nil {
		return s, err
	}
	packets := float64(r.sink.count() - count)
	after, err := workOf(process)
	if err == nil && packets == 0 {
		err = errors.New("no packet came to a pod")
	}
	own := after.process - before.process
	return speed{packets / (own + after.kernel - before.kernel).Seconds(), packets / own.Seconds()}, err
}

func (r *race) close() error {
	if r.sink != nil {
		_ = r.sink.close() // the interfaces go anyway
	}
	return r.bed.Close()
}
