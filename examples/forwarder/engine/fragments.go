package engine

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/ecmp-go/ecmp/hash"
)

// Fragments remembers the ports of datagrams that come in fragments, for only
// the first fragment carries them. It holds the last 16,384 datagrams or so,
// each for 30 seconds at most, as long as their receivers try to put them
// together. It takes 128 KiB, and any number of workers can share it: the
// fragments of a datagram need not come to the same one.
type Fragments struct {
	sets [fragmentSets][8]atomic.Uint64 // a set is one cache line
}

// The word of a datagram holds its ports (32 bits, as they stand in the
// packet), a tag (20 bits, the lowest one set, so that no word in use is zero)
// and the tick of its first fragment (12 bits). Two datagrams are taken for one
// with a probability of 2^-27, and a time is ambiguous after 18 minutes: at
// worst a fragment that lost its first one goes to the wrong member.
const (
	fragmentSets     = 1 << 11
	fragmentTickBits = 12
	fragmentTick     = 1 << 28                       // in nanoseconds: 0.27 s
	fragmentLife     = 30_000_000_000 / fragmentTick // in ticks
	fragmentTagMask  = (1<<20 - 1) << fragmentTickBits
	fragmentTagLow   = 1 << fragmentTickBits
)

// NewFragments returns a memory for the workers of one router.
func NewFragments() *Fragments { return new(Fragments) }

// complete gives a fragment the key of its flow's whole packets. The first
// fragment of a datagram is then as good as a whole packet; a later one belongs
// to the flow as an ICMP error does. It reports false if the first fragment has
// not been seen: the key is then that of the addresses and the protocol.
func (f *Fragments) complete(frame []byte, h *hash.Headers, now int64) bool {
	if !hasPorts(h.Proto) { // nor have its whole packets
		h.FragFirst = false
		return true
	}
	w0, w1, w2, w3, w4 := h.Outer.Words()
	_, _, _, _, named := h.Outer.WithLabel(0).Words()
	// in place of the ports
	datagram := hash.XX{}.Hash(hash.FlowKeyFromWords(w0, w1, w2, w3, named|uint64(h.FragID)))
	var ports uint32
	if h.FragFirst {
		if len(frame) < int(h.L4Offset)+4 {
			return false
		}
		ports = binary.LittleEndian.Uint32(frame[h.L4Offset:])
		f.remember(datagram, ports, now)
		h.FragFirst = false
	} else {
		var ok bool
		if ports, ok = f.recall(datagram, now); !ok {
			return false
		}
	}
	h.Outer = hash.FlowKeyFromWords(w0, w1, w2, w3, w4|uint64(ports))
	h.Inner = h.Outer // a fragment is not looked into for tunnels
	return true
}

// hasPorts reports whether the flows of a protocol have ports: TCP, UDP, DCCP,
// SCTP and UDP-Lite.
func hasPorts(proto uint8) bool {
	switch proto {
	case 6, 17, 33, 132, 136:
		return true
	}
	return false
}

// remember takes the place of the same datagram, or else of the oldest.
func (f *Fragments) remember(datagram uint64, ports uint32, now int64) {
	set, tag := f.find(datagram)
	tick := uint64(now/fragmentTick) % (1 << fragmentTickBits)
	victim, oldest := 0, uint64(0)
	for i := range set {
		w := set[i].Load()
		if w&fragmentTagMask == tag {
			victim = i
			break
		}
		age := uint64(1 << fragmentTickBits) // of an empty place
		if w != 0 {
			age = (tick - w) % (1 << fragmentTickBits)
		}
		if age > oldest {
			victim, oldest = i, age
		}
	}
	set[victim].Store(uint64(ports)<<32 | tag | tick)
}

func (f *Fragments) recall(datagram uint64, now int64) (ports uint32, ok bool) {
	set, tag := f.find(datagram)
	tick := uint64(now / fragmentTick)
	for i := range set {
		w := set[i].Load()
		if w&fragmentTagMask == tag {
			return uint32(w >> 32), (tick-w)%(1<<fragmentTickBits) < fragmentLife
		}
	}
	return 0, false
}

func (f *Fragments) find(datagram uint64) (set *[8]atomic.Uint64, tag uint64) {
	return &f.sets[datagram>>32%fragmentSets], datagram&fragmentTagMask | fragmentTagLow
}
