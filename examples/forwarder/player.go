package main

import (
	"errors"
	"io"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/internal/capture"
)

// burstTime is the longest time between the packets of a burst, about what a
// router's poll takes.
const burstTime = time.Millisecond

// A player plays a capture to a forwarder, in bursts and by the capture's
// clock.
type player struct {
	forwarder *forwarder
	before    func(now time.Time) error                       // called ahead of each burst
	after     func(p capture.Packet, d engine.Decision) error // called with each packet, rewritten

	now       time.Time
	packets   [engine.MaxBurst + 1]capture.Packet
	frames    [engine.MaxBurst][]byte
	decisions [engine.MaxBurst]engine.Decision
}

// play plays a capture to its end, or up to where it can't be read on, which is
// the error.
func (p *player) play(r *capture.Reader) error {
	n := 0
	for {
		next, err := r.Next(p.packets[n].Frame)
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return errors.Join(p.burst(n), err)
		}
		p.packets[n] = next
		if n > 0 && (n == engine.MaxBurst || next.Time.Sub(p.packets[0].Time) >= burstTime) {
			if err := p.burst(n); err != nil {
				return err
			}
			p.packets[0], p.packets[n] = p.packets[n], p.packets[0] // and with it the buffer
			n = 0
		}
		n++
	}
}

// burst plays the first n packets.
func (p *player) burst(n int) error {
	if n == 0 {
		return nil
	}
	// packets of a capture may be out of order, time never
	if t := p.packets[0].Time; t.After(p.now) {
		p.now = t
	}
	if err := p.before(p.now); err != nil {
		return err
	}
	for i := range n {
		p.frames[i] = whole(&p.packets[i])
	}
	p.forwarder.worker.Burst(p.decisions[:n], p.frames[:n], time.Duration(p.now.UnixNano()))
	p.forwarder.sweep(p.now)
	for i := range n {
		if err := p.after(p.packets[i], p.decisions[i]); err != nil {
			return err
		}
	}
	return nil
}
