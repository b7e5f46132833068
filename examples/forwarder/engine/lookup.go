package engine

import (
	"encoding/binary"
	"math/bits"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
)

// Where IP starts behind Ethernet, and with one VLAN tag.
const (
	untagged = 14
	tagged   = untagged + 4
)

// lookup finds the destinations of plain packets among the recent ones, and
// makes the packets for the flow table. It returns the set of all others.
func (w *Worker) lookup(frames [][]byte) (others uint64) {
	w.burst++
	burst, refs := w.burst, uint(0)
	flows, packets := w.flows[:len(frames)], w.packets[:len(frames)]
	for i, frame := range frames {
		f := &flows[i]
		var ip *[ipv6Size]byte // a plain packet has as much, of IPv4 too
		switch {
		case f.Kind <= hash.IPv6 && f.L3 == untagged && len(frame) >= untagged+ipv6Size:
			ip = (*[ipv6Size]byte)(frame[untagged:])
		case f.Kind <= hash.IPv6 && f.L3 == tagged && len(frame) >= tagged+ipv6Size:
			ip = (*[ipv6Size]byte)(frame[tagged:])
		default:
			others |= 1 << (uint(i) % MaxBurst)
			continue
		}
		six := -uint64(f.Kind) // all ones or nothing: where both are mixed, a branch is mispredicted
		high := binary.LittleEndian.Uint64(ip[24:]) & six
		low := binary.LittleEndian.Uint64(ip[32:])&six | uint64(binary.LittleEndian.Uint32(ip[16:]))&^six
		at := place(high, low) % uint64(len(w.recent))
		d := &w.recent[at]
		if d.low != low || d.high != high || d.kind != f.Kind || f.TTL <= 1 {
			others |= 1 << (uint(i) % MaxBurst)
			continue
		}
		if d.burst != burst {
			d.burst, d.ref = burst, uint16(refs)
			w.groups[refs%MaxBurst] = d.group
			refs++
		}
		class := flowcache.ClassOther
		if f.Proto == hash.TCP {
			class = flowcache.ClassTCP
		}
		// As NewPacket, without a copy of what has just been written.
		p := &packets[i]
		p.Digest = f.Hash ^ d.salt
		p.Ref, p.Flags, p.Class, p.Mode = d.ref, f.Flags, class, flowcache.Own
	}
	w.refs = int(refs)
	return others
}

// lookupOthers does for the others what lookup does. It returns the set of
// those that are dropped or held, whose decisions are made.
func (w *Worker) lookupOthers(dst []Decision, frames [][]byte, others uint64, now time.Duration) (decided uint64) {
	for ; others != 0; others &= others - 1 {
		i := bits.TrailingZeros64(others)
		f := &w.flows[i]
		d, drop := w.classify(i, frames[i], now)
		if drop != 0 {
			decided |= 1 << i
			switch drop {
			case NoRoute:
				w.counters.NoRoute.add(frames[i])
			case Expired:
				w.counters.droppedFor(d.group, drop)
			}
			w.packets[i] = flowcache.Packet{Mode: flowcache.Skip}
			dst[i] = w.drop(drop)
			continue
		}
		if d.burst != w.burst {
			d.burst, d.ref = w.burst, uint16(w.refs)
			w.groups[w.refs] = d.group
			w.refs++
		}
		w.packets[i] = flowcache.NewPacket(f, d.salt, d.ref)
		d.keyed.aggregate(&w.packets[i])
	}
	return decided
}

// classify finds the destination of a frame, or why it is dropped; of one that
// has Expired, both.
func (w *Worker) classify(i int, frame []byte, now time.Duration) (*destination, Drop) {
	f := &w.flows[i]
	switch {
	case f.Kind&(hash.NotIP|hash.Encapsulated) != 0: // labels and sessions are not for this engine
		return nil, NotIP
	case f.Kind&hash.Damaged != 0:
		return nil, Damaged
	}
	d := w.find(frame, f)
	switch {
	case d == nil:
		return nil, NoRoute
	case d.ends == nil && f.TTL <= 1:
		return d, Expired
	}
	var h *hash.Headers
	stray := false
	if f.Kind&hash.Special != 0 {
		var held bool
		if h, stray, held = w.follow(i, frame, now); held {
			return nil, Held
		}
	}
	if d.ends != nil { // an address that is served in part is looked at for its ports before the TTL
		if d = w.listener(d, f, frame, h); d == nil {
			return nil, NoRoute
		}
		if f.TTL <= 1 {
			return d, Expired
		}
	}
	if stray {
		w.counters.Strays++
	}
	w.rehash(i, frame, d, h)
	return d, 0
}

// listener returns who listens to the packet at the address of d, or d if
// nobody does; nil if nobody serves the packet. h is nil if it is plain.
func (w *Worker) listener(d *destination, f *hash.Flow, frame []byte, h *hash.Headers) *destination {
	var n int32
	switch {
	case h == nil:
		n = d.ends.find(f.Proto, binary.BigEndian.Uint16(frame[f.L4+2:]))
	case h.ICMPError: // cited as the packets that come from the receiver of the error
		n = d.ends.find(h.Cited.Proto(), h.Cited.Dst().Port())
	default:
		n = d.ends.find(h.Proto, h.Outer.Dst().Port())
	}
	switch {
	case n >= 0:
		return &w.listening[n]
	case d.group == nil:
		return nil
	}
	return d
}

// load loads each group of the burst once.
func (w *Worker) load() {
	for i, g := range w.groups[:w.refs] {
		if s := g.Load(); s != w.snaps[i] {
			w.snaps[i], w.views[i] = s, s.View()
		}
	}
}
