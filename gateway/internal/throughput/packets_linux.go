package main

import (
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/gateway/internal/testbed"
)

// A contest measures the planes on one bed.
type contest struct {
	bed       *testbed.Bed
	sink      *sink
	generator *generator
	sticky    bool
}

func newContest(o options) (*contest, error) {
	b, err := testbed.New(o.pods, 1)
	if err != nil {
		return nil, err
	}
	c := &contest{bed: b, sticky: o.sticky}
	if err := b.PrepareXDP(); err != nil {
		return c, err
	}
	// A thread of the kernel's receives from lc, which can be bound to a
	// processor.
	if err := b.Router.SetFeatures("lc", true, netns.GRO); err != nil {
		return c, err
	}
	threaded := exec.Command("ip", "netns", "exec", b.Router.Name(), "sh", "-c", "echo 1 >/sys/class/net/lc/threaded")
	if out, err := threaded.CombinedOutput(); err != nil {
		return c, fmt.Errorf("threaded NAPI: %w: %s", err, out)
	}
	if c.sink, err = newSink(b.Pods, o.stack); err != nil {
		return c, err
	}
	return c, b.Client.Do(func() (err error) {
		c.generator, err = newGenerator(newFrame(o.ipv6), c.sink)
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
	// of the time of the gateway's process alone: not comparable where the
	// kernel forwards
	process float64
}

// run returns how fast a plane is under each load.
func (c *contest) run(name string, loads []load, length time.Duration) (speeds []speed, err error) {
	f, err := startForwarder(c.bed, name, c.sticky, forwarderCPU)
	if err != nil {
		return nil, err
	}
	err = pinReceiver("lc")
	if err == nil {
		// A redirect of the generator's goes to the namespace of the thread.
		err = c.bed.Client.Do(func() error {
			if err := pin(0, generatorCPU); err != nil { // this thread ends with Do
				return err
			}
			for _, l := range loads {
				s, err := c.measure(f.pid(), l, length)
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

func (c *contest) measure(process int, l load, length time.Duration) (s speed, err error) {
	if err := c.generator.run(c.sink, l, time.Now().Add(length/2)); err != nil {
		return s, err
	}
	before, err := workOf(process)
	if err != nil {
		return s, err
	}
	count := c.sink.count()
	if err := c.generator.run(c.sink, l, time.Now().Add(length)); err != nil {
		return s, err
	}
	packets := float64(c.sink.count() - count)
	after, err := workOf(process)
	if err == nil && packets == 0 {
		err = errors.New("no packet came to a pod")
	}
	own := after.process - before.process
	return speed{packets / (own + after.kernel - before.kernel).Seconds(), packets / own.Seconds()}, err
}

func (c *contest) close() error {
	if c.sink != nil {
		_ = c.sink.close() // the interfaces go anyway
	}
	return c.bed.Close()
}
