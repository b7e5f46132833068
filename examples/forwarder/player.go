package main

import (
	"errors"
	"io"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/examples/internal/capture"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
)

// burstTime is the longest time between the packets of a burst, about what a
// router's poll takes.
const burstTime = time.Millisecond

// A player plays a capture to a forwarder, in bursts and by the capture's
// clock.
type player struct {
	forwarder *forwarder
	placement placement.Placement
	before    func(now time.Time) error                       // called ahead of each burst
	after     func(p capture.Packet, d engine.Decision) error // called with each packet, rewritten

	held   map[uint64]heldPacket // by the number that the worker gives them
	strays [engine.MaxBurst]flowcache.Stray

	now       time.Time
	packets   [engine.MaxBurst + 1]capture.Packet
	frames    [engine.MaxBurst][]byte
	decisions [engine.MaxBurst]engine.Decision
}

// A heldPacket is what the worker does not know of a packet that it holds.
type heldPacket struct{ captured, length int }

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
			return errors.Join(p.burst(n), p.end(), err)
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
	if err := p.release(p.now); err != nil { // what was due before this burst
		return err
	}
	parser, inner := hash.Parser{Ports: p.placement.Ports}, p.placement.Key.Inner()
	for i := range n {
		p.frames[i] = p.packets[i].Whole(parser, inner)
	}
	held := p.forwarder.worker.Counters().Held
	p.forwarder.worker.Burst(p.decisions[:n], p.frames[:n], time.Duration(p.now.UnixNano()))
	p.forwarder.sweep(p.now)
	last := p.now
	for i := range n {
		packet := p.packets[i]
		if packet.Time.After(last) {
			last = packet.Time
		}
		if p.decisions[i].Drop == engine.Held {
			p.hold(held, packet)
			held++
			continue
		}
		if err := p.after(packet, p.decisions[i]); err != nil {
			return err
		}
	}
	return p.release(last)
}

func (p *player) hold(ref uint64, packet capture.Packet) {
	if p.held == nil {
		p.held = make(map[uint64]heldPacket)
	}
	p.held[ref] = heldPacket{len(packet.Frame), packet.Length}
}

// release plays the packets that the worker holds no longer, as if they came at
// this time.
func (p *player) release(at time.Time) error {
	for p.forwarder.worker.Held() > 0 {
		n := p.forwarder.worker.Release(p.decisions[:], p.strays[:], time.Duration(p.now.UnixNano()))
		for i, s := range p.strays[:n] {
			h := p.held[s.Ref]
			delete(p.held, s.Ref)
			if err := p.after(capture.Packet{Time: at, Frame: s.Frame[:h.captured], Length: h.length},
				p.decisions[i]); err != nil {
				return err
			}
		}
		if n < len(p.strays) {
			break
		}
	}
	return nil
}

// end plays what the worker holds when no more packets come.
func (p *player) end() error {
	p.now = p.now.Add(p.forwarder.fragments.Config().Hold)
	return p.release(p.now)
}
