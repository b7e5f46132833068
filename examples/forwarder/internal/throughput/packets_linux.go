package main

import (
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/internal/testbed"
	"github.com/ecmp-go/ecmp/examples/internal/netns"
)

// A race measures the planes on one bed.
type race struct {
	bed       *testbed.Bed
	sink      *sink
	generator *generator
	sticky    bool
}

func newRace(pods int, sticky bool) (*race, error) {
	b, err := testbed.New(pods, 1)
	if err != nil {
		return nil, err
	}
	r := &race{bed: b, sticky: sticky}
	if err := b.PrepareXDP(); err != nil {
		return r, err
	}
	// A thread of the kernel's receives from lc, which can be bound to a processor.
	if err := b.Router.SetFeatures("lc", true, netns.GRO); err != nil {
		return r, err
	}
	threaded := exec.Command("ip", "netns", "exec", b.Router.Name(), "sh", "-c", "echo 1 >/sys/class/net/lc/threaded")
	if out, err := threaded.CombinedOutput(); err != nil {
		return r, fmt.Errorf("threaded NAPI: %w: %s", err, out)
	}
	if r.sink, err = newSink(b.Pods); err != nil {
		return r, err
	}
	return r, b.Client.Do(func() (err error) {
		r.generator, err = newGenerator(r.sink)
		return err
	})
}

// The frames that may be on their way. A plane that takes a packet from end to end at once gets as many as there are: what is too much
// for it is dropped before it, at the cost of the generator's processor. One that takes packets in steps would waste its time on packets that
// it drops at a later step; it gets no more than fit into the queue of the interface that they come in by.
const (
	unlimited = 1 << 40
	queueful  = 256
)

// run returns how many packets a second of processor time a plane forwards.
func (r *race) run(name string, length time.Duration) (speed float64, err error) {
	f, err := startForwarder(r.bed, name, r.sticky, forwarderCPU)
	if err != nil {
		return 0, err
	}
	frames := uint64(unlimited)
	if name == "afpacket" || name == "afxdp" {
		frames = queueful
	}
	err = pinReceiver("lc")
	if err == nil {
		// A redirect of the generator's goes to the namespace of the thread.
		err = r.bed.Client.Do(func() (err error) {
			if err = pin(0, generatorCPU); err == nil { // this thread ends with Do
				speed, err = r.measure(f.pid(), frames, length)
			}
			return err
		})
	}
	_, e := f.stop()
	return speed, errors.Join(err, e)
}

func (r *race) measure(process int, frames uint64, length time.Duration) (float64, error) {
	if err := r.generator.run(r.sink, frames, time.Now().Add(length/2)); err != nil {
		return 0, err
	}
	before, err := work(process)
	if err != nil {
		return 0, err
	}
	count := r.sink.count()
	if err := r.generator.run(r.sink, frames, time.Now().Add(length)); err != nil {
		return 0, err
	}
	packets := r.sink.count() - count
	after, err := work(process)
	if err == nil && packets == 0 {
		err = errors.New("no packet came to a pod")
	}
	return float64(packets) / (after - before).Seconds(), err
}

func (r *race) close() error {
	if r.sink != nil {
		_ = r.sink.close() // the interfaces go anyway
	}
	return r.bed.Close()
}
