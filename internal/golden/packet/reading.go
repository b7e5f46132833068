package packet

import "errors"

// A Reading is what a reader is to say of a packet, but for its hash.
type Reading struct {
	L3, L4   int
	Proto    uint8
	TCPFlags uint8
	TTL      uint8
	Kind     Kind
}

// A Kind is what kind of packet a Reading is of.
type Kind struct{ IPv6, LookupOnly, Encapsulated, NotIP, Damaged, Special bool }

// Read returns the Reading of an Ethernet frame, or of an IP packet, by a
// policy of outer or of inner flows.
func (ports Ports) Read(bytes []byte, ethernet, inner bool) Reading {
	return ports.ReadSnapped(bytes, len(bytes), ethernet, inner)
}

// ReadSnapped does so for the start of one that had length bytes on the wire.
func (ports Ports) ReadSnapped(bytes []byte, length int, ethernet, inner bool) Reading {
	p, err := ports.Snapped(bytes, length, ethernet)
	switch {
	case errors.Is(err, ErrNotIP):
		return Reading{Kind: Kind{NotIP: true}}
	case err != nil:
		return Reading{Kind: Kind{Damaged: true}}
	}
	l, ttlAt := p.Outer, p.Outer.L3+8
	if p.Outer.Flow.IPv6 {
		ttlAt = p.Outer.L3 + 7
	}
	if inner {
		l = p.Inner
	}
	return Reading{
		L3: p.Outer.L3, L4: l.L4, Proto: l.Flow.Proto, TCPFlags: l.TCPFlags, TTL: bytes[ttlAt],
		Kind: Kind{
			IPv6:         p.Outer.Flow.IPv6,
			LookupOnly:   l.First || l.Later || l.Cited != nil,
			Encapsulated: p.Encapsulated,
			Special:      !plain(bytes, p, ethernet, inner),
		},
	}
}

// plain reports whether a packet is one that needs no closer look.
func plain(bytes []byte, p Packet, ethernet, inner bool) bool {
	l := p.Outer
	link := 0
	if ethernet {
		link = 14
		if bytes[12] == 0x81 && bytes[13] == 0 {
			link = 18
		}
	}
	header, length := 20, int(bytes[link+2])<<8|int(bytes[link+3])
	if l.Flow.IPv6 {
		header, length = 40, int(bytes[link+4])<<8|int(bytes[link+5])
	}
	switch l.Flow.Proto {
	default:
		return false
	case 6, 17, 33, 132, 136:
	}
	size := map[uint8]int{6: 20, 17: 8, 33: 12, 132: 12, 136: 8}[l.Flow.Proto]
	return l.payload.len() >= size && !l.payload.cut() && l.L3 == link && l.L4 == link+header &&
		!l.First && !l.Later && length != 0 &&
		len(bytes) >= link+header+20 && (!inner || l.Flow.Proto != 17 || l.ports.kind(l.Flow.DstPort) == "")
}
