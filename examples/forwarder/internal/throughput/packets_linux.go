package main

import (
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
}

func newRace(pods int) (*race, error) {
	b, err := testbed.New(pods, 1)
	if err != nil {
		return nil, err
	}
	r := &race{bed: b}
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

// speed is what a plane forwards: packets a second of the time that the forwarder's processor was busy.
type speed struct {
	perCPU, perSecond float64
	busy              float64 // share of the time
	said              string
}

// run measures a plane for some time.
func (r *race) run(name string, window uint64, length time.Duration) (s speed, err error) {
	f, err := startForwarder(r.bed, name, forwarderCPU)
	if err != nil {
		return s, err
	}
	if err := pinReceiver("lc"); err != nil {
		return s, err
	}
	// A redirect of the generator's goes to the namespace of the thread.
	if err := r.bed.Client.Do(func() error {
		if err := pin(0, generatorCPU); err != nil { // this thread ends with Do
			return err
		}
		s, err = r.measure(func() (time.Duration, error) { return work(f.pid()) }, window, length)
		return err
	}); err != nil {
		return s, err
	}
	s.said, err = f.stop()
	return s, err
}

func (r *race) measure(worked func() (time.Duration, error), window uint64, length time.Duration) (s speed, err error) {
	send := func(until time.Time) error {
		return r.generator.run(r.sink, window, until)
	}
	if err := send(time.Now().Add(length / 4)); err != nil {
		return s, err
	}
	before, err := worked()
	if err != nil {
		return s, err
	}
	count, start := r.sink.count(), time.Now()
	if err := send(start.Add(length)); err != nil {
		return s, err
	}
	packets, took := float64(r.sink.count()-count), time.Since(start)
	after, err := worked()
	if err != nil {
		return s, err
	}
	busy := (after - before).Seconds()
	return speed{perCPU: packets / busy, perSecond: packets / took.Seconds(), busy: busy / took.Seconds()}, nil
}

func (r *race) close() error {
	if r.sink != nil {
		_ = r.sink.close() // the interfaces go anyway
	}
	return r.bed.Close()
}
