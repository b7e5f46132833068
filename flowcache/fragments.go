package flowcache

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/ecmp-go/ecmp/hash"
)

// Fragments lets the fragments of a datagram follow their flow. Only the first
// fragment carries the ports, so it remembers them by the datagram's addresses,
// protocol and ID, for 30 seconds at most: as long as a receiver tries to put
// the datagram together (RFC 791). [Strays] holds fragments that come before
// their first one.
//
// All workers of a router share a Fragments, and the fragments of a datagram
// may come to different ones. It is safe for concurrent use, locks nothing and
// allocates nothing. It takes 8 bytes for each of FragmentsConfig.Datagrams,
// whatever comes; a flood makes it forget the oldest datagrams.
//
// Of two first fragments with the same name the later one counts: the ID was
// used again, or somebody forges it. At worst, fragments that come after it go
// to the wrong member, and the receiver drops the datagram, as it does where it
// meets forged fragments itself (RFC 4963). A first fragment that ends before
// its ports counts as one with ports 0: its datagram goes by its addresses.
// Ports are never taken from a later fragment, whatever it overlaps. A stray is
// taken for a fragment of another datagram with a probability of about one in a
// million.
type Fragments struct {
	sets []fragmentSet
	c    FragmentsConfig // with every default filled in

	_ [64]byte // what is above is only read

	holding  atomic.Int32  // Strays that hold something
	arrivals atomic.Uint64 // first fragments that came while holding was not 0
}

// FragmentsConfig says how much a [Fragments] and its [Strays] remember. The
// zero value of each field stands for its default.
type FragmentsConfig struct {
	// Datagrams is the number of datagrams whose ports are remembered: 16,384
	// by default, at most 2^24. A router that gets more within the time that
	// their fragments are apart needs more.
	Datagrams int

	// Seed is that of the hash that tells datagrams apart. Let it be secret
	// where senders are hostile: who knows it can make datagrams that compete
	// with others for their places.
	Seed uint64

	// Hold is how long a stray waits for its first fragment: 50 ms by default,
	// at most 30 s.
	Hold time.Duration

	// Strays is how many datagrams may wait at each worker: 256 by default, at
	// most 65,536. Each may have three fragments waiting on average.
	Strays int

	// Memory is for the copies of waiting fragments at each worker, in bytes:
	// 1 MiB by default, at least 64 KiB and at most 1 GiB. Three quarters of it
	// are used.
	Memory int
}

func (c FragmentsConfig) withDefaults() (FragmentsConfig, error) {
	if c.Datagrams == 0 {
		c.Datagrams = 1 << 14
	}
	if c.Hold == 0 {
		c.Hold = 50 * time.Millisecond
	}
	if c.Strays == 0 {
		c.Strays = 256
	}
	if c.Memory == 0 {
		c.Memory = 1 << 20
	}
	for _, f := range []struct {
		name         string
		v, low, high int
	}{
		{"Datagrams", c.Datagrams, 1, 1 << 24},
		{"Strays", c.Strays, 1, 1 << 16},
		{"Memory", c.Memory, 1 << 16, 1 << 30},
	} {
		if f.v < f.low || f.v > f.high {
			return c, &ConfigError{"FragmentsConfig." + f.name, f.v, fmt.Sprintf("not within %d to %d", f.low, f.high)}
		}
	}
	if c.Hold < 0 || c.Hold > 30*time.Second {
		return c, &ConfigError{"FragmentsConfig.Hold", c.Hold, "not within 0 to 30s"}
	}
	return c, nil
}

// A fragmentSet is a cache line. A word of it is 0 or a datagram: its ports as
// they stand in the packet, 32 bits; a tag that is never 0, 23 bits; the lap, 1
// bit; and the tick of its first fragment modulo 256.
//
// Datagrams take the places of a set in turn, and each round writes the lap
// that the one before did not. So the place to be written next is the first one
// whose lap differs from that of the first place.
//
// A word that nothing replaced for more than four minutes seems new again now
// and then. At worst a stray whose ID was used by then goes with that datagram.
type fragmentSet [8]atomic.Uint64

const (
	fragmentTagMask   = (1<<23 - 1) << 9
	fragmentTagLow    = 1 << 9
	fragmentLap       = 1 << 8
	fragmentTicks     = 1 << 8
	fragmentTickShift = 30 // a tick is 2^30 ns, 1.07 s
	fragmentLife      = 28 // ticks: the most within 30 s and a tenth

	// fragmentAhead is how many ticks the clock of a worker may be ahead of
	// that of another.
	fragmentAhead = 16
)

// NewFragments returns an empty memory for the workers of one router. The error
// is a [*ConfigError].
func NewFragments(c FragmentsConfig) (*Fragments, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Fragments{sets: make([]fragmentSet, (c.Datagrams+7)/8), c: c}, nil
}

// Config returns the configuration with every default filled in.
func (f *Fragments) Config() FragmentsConfig { return f.c }

// Complete gives a fragment the key of its flow's whole packets, and reports
// whether it could. h is what [hash.Parse] found in packet; now is the time of
// the caller's clock, which may be up to 15 s off that of another worker.
//
// A first fragment is remembered, and is then as good as a whole packet without
// TCP flags. A later one goes with its flow as an ICMP error does: FragLater
// stays, so that it makes no pin. The inner flow becomes the outer one, since a
// fragment is not looked into for tunnels. Whole packets, and fragments of
// protocols without ports, are left as they are: their key is complete.
//
// If it reports false, the key is that of the addresses and the protocol. A
// later fragment may then be held: see [Strays]. In IPv6, what follows more
// extension headers behind the fragment header counts as a protocol without
// ports.
func (f *Fragments) Complete(h *hash.Headers, packet []byte, now time.Duration) bool {
	switch {
	case !h.FragFirst && !h.FragLater:
		return true
	case !hasPorts(h.Proto): // nor have its whole packets
		h.FragFirst = false
		return true
	}
	datagram := f.datagram(h)
	var ports uint32
	if h.FragFirst {
		whole := len(packet) >= int(h.L4Offset)+4
		if whole {
			ports = binary.LittleEndian.Uint32(packet[h.L4Offset:])
		}
		f.remember(datagram, ports, now)
		if !whole {
			return false
		}
		h.FragFirst = false
	} else {
		var ok bool
		if ports, ok = f.recall(datagram, now); !ok {
			return false
		}
	}
	w0, w1, w2, w3, w4 := h.Outer.Words()
	h.Outer = hash.FlowKeyFromWords(w0, w1, w2, w3, w4|uint64(ports))
	h.Inner = h.Outer
	return true
}

// hasPorts reports whether the flows of a protocol have ports.
func hasPorts(proto uint8) bool {
	switch proto {
	case hash.TCP, hash.UDP, hash.DCCP, hash.SCTP, hash.UDPLite:
		return true
	}
	return false
}

// datagram returns the name of the datagram that h is a fragment of.
func (f *Fragments) datagram(h *hash.Headers) uint64 {
	w0, w1, w2, w3, w4 := h.Outer.WithLabel(0).Words()
	// in place of the ports
	return hash.XX{Seed: f.c.Seed}.Hash(hash.FlowKeyFromWords(w0, w1, w2, w3, w4|uint64(h.FragID)))
}

func fragmentTick(now time.Duration) uint64 { return uint64(now>>fragmentTickShift) % fragmentTicks }

// remember takes the place of the same datagram, or else of the oldest.
func (f *Fragments) remember(datagram uint64, ports uint32, now time.Duration) {
	set, tag := f.find(datagram)
	for {
		place, old, lap := set.place(tag)
		if place.CompareAndSwap(old, uint64(ports)<<32|tag|lap|fragmentTick(now)) {
			break
		}
	}
	// Strays.Hold counts itself in holding before Strays.Release looks its
	// datagrams up. So either that sees the word, or this sees that it waits.
	if f.holding.Load() != 0 {
		f.arrivals.Add(1)
	}
}

// place returns the word of the datagram with this tag, or else the oldest one,
// and the lap to write.
func (s *fragmentSet) place(tag uint64) (place *atomic.Uint64, old, lap uint64) {
	for i := range s {
		w := s[i].Load()
		switch {
		case w&fragmentTagMask == tag:
			return &s[i], w, w & fragmentLap
		case i == 0:
			place, old, lap = &s[0], w, ^w&fragmentLap
		case w&fragmentLap == lap && place == &s[0]:
			place, old, lap = &s[i], w, ^lap&fragmentLap
		}
	}
	return place, old, lap
}

func (f *Fragments) recall(datagram uint64, now time.Duration) (ports uint32, ok bool) {
	set, tag := f.find(datagram)
	for i := range set {
		if w := set[i].Load(); w&fragmentTagMask == tag {
			age := (fragmentTick(now) - w) % fragmentTicks
			return uint32(w >> 32), age < fragmentLife || age >= fragmentTicks-fragmentAhead
		}
	}
	return 0, false
}

func (f *Fragments) find(datagram uint64) (set *fragmentSet, tag uint64) {
	at, _ := bits.Mul64(datagram, uint64(len(f.sets)))
	return &f.sets[at], max(datagram&fragmentTagMask, fragmentTagLow)
}
