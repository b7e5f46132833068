package hash

import (
	"encoding/binary"
	"math/bits"
)

const (
	maxTunnels = 8

	// maxPayload is the last byte at which the payload of a tunnel, and so its
	// header, may start. With what may stand below an IP header (eight tags, 16
	// labels, and the Ethernet headers of eight pseudo-wires and of a tunnel),
	// all errors stay below maxOffset.
	maxPayload = 1024

	greSize    = 4
	vxlanSize  = 8
	geneveSize = 8
	gtpuSize   = 8

	greChecksum = 0x8000
	greRouting  = 0x4000
	greKey      = 0x2000
	greSequence = 0x1000
	greAck      = 0x0080 // of version 1
	greVersion  = 0x0007

	etherBridged = 0x6558 // Ethernet in GRE and Geneve
	etherPPP     = 0x880b // PPP in GRE version 1 (PPTP, RFC 2637)
)

// descend follows the tunnels from the outermost level, v at c, to the
// innermost one. It reuses c. Linux follows them as long as they are of the
// kinds that it enters.
func (v *level) descend(p []byte, c *position) {
	h, ports := v.h, v.ports
	var t tunnel
	var l link
	follows := !c.stopped
	kernel := c.kernel
	label := kernel & maskLabel
	for {
		t.open(p, c, ports)
		if !t.found {
			return
		}
		if h.Tunnels == maxTunnels || t.at > maxPayload {
			h.setInnerFault(deepTunnel, c.l4)
			return
		}
		if t.fault != 0 {
			h.setInnerFault(t.fault, t.at)
			return
		}
		if t.hasID {
			h.TunnelID = t.id
		}
		t.follow(p, &l)
		// Linux needs the Ethernet header before it believes in a tunnel.
		follows = follows && t.linux && (l.fault != shortEthernet || l.at != t.at)
		if follows && h.view != kernelInner {
			h.setKernel(kernelInner, &h.Outer, kernel)
		}
		if l.fault != 0 {
			h.setInnerFault(l.fault, l.at)
			return
		}
		if l.version == 0 {
			return
		}
		inner := p[:l.end]
		var q *fastTransport
		var end int
		if l.version == 4 {
			q, end = h.fastInner4(inner, l.at)
		} else {
			q, end = h.fastInner6(inner, l.at)
		}
		if q != nil {
			rest := h.Inner.rest
			*c = position{rest: rest, kernel: rest, l4: int(h.InnerL4Offset), end: end, proto: h.InnerProto}
		} else if !v.readInner(inner, l.missing, l.at, l.version, c) {
			return
		}
		h.Tunnels++
		if follows = follows && !l.stopsLinux; follows {
			if own := c.rest & maskLabel; own != 0 {
				label = own
			}
			kernel = c.kernel
			if kernel&(ip6Flag|maskLabel) == ip6Flag {
				kernel |= label // the last one that was not zero
			}
			h.setKernel(kernelInner, &h.Inner, kernel)
			follows = !c.stopped
		}
		if h.InnerFragment || !ports.mayCarry(&fastTransports[c.proto], uint16(c.rest>>16)) {
			return
		}
	}
}

// setInnerFault keeps what is wrong inside a tunnel.
func (h *Headers) setInnerFault(f fault, at int) { h.innerFault, h.innerAt = f, uint16(at) }

// A tunnel is a header that encapsulates.
type tunnel struct {
	at, end   int // the payload; on a fault, the header itself starts at at
	missing   int // of the payload, as in a level
	id        uint32
	etherType uint16 // of the payload; 0 if that is neither IP nor Ethernet nor MPLS
	found     bool
	hasID     bool
	linux     bool // enters it
	fault     fault
}

// open reads the header behind a level, if it is that of a tunnel. Here too a
// whole tunnel is nowhere copied, because what was written field by field
// cannot be read at once.
func (t *tunnel) open(p []byte, c *position, ports *portTable) {
	p = p[:c.end]
	t.at, t.end, t.missing, t.id, t.etherType = c.l4, c.end, c.missing, 0, 0
	t.found, t.hasID, t.linux, t.fault = false, false, false, 0
	switch c.proto {
	case protoIPv4:
		t.etherType, t.found, t.linux = etherIPv4, true, true
	case protoIPv6:
		t.etherType, t.found, t.linux = etherIPv6, true, true
	case GRE:
		t.openGRE(p, c.l4)
	case UDP:
		const udpSize = 8
		off := c.l4 + udpSize
		if off > len(p) { // UDP itself is cut
			return
		}
		switch ports.layer(bits.ReverseBytes16(uint16(c.rest >> 16))) {
		case LayerVXLAN:
			t.openVXLAN(p, off)
		case LayerGeneve:
			t.openGeneve(p, off)
		case LayerGTPU:
			t.openGTPU(p, off)
		case LayerMPLS:
			t.at, t.etherType, t.found = off, etherMPLS, true
		case LayerGRE:
			t.openGRE(p, off)
			t.linux = false
		}
	}
}

// fail says that the header itself, at off, is bad.
func (t *tunnel) fail(off int, f fault) { t.at, t.found, t.fault = off, true, f }

// openGRE reads GRE as of RFC 2784 and RFC 2890, and the version 1 of RFC 2637.
// What has the source routes of RFC 1701 is not looked into.
func (t *tunnel) openGRE(p []byte, off int) {
	b := p[off:]
	if len(b) < greSize {
		t.fail(off, shortGRE)
		return
	}
	flags, etherType := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	version := flags & greVersion
	if flags&greRouting != 0 || version > 1 || version == 1 && (etherType != etherPPP || flags&greKey == 0) {
		return
	}
	size, key := greSize, 0
	if flags&greChecksum != 0 {
		size += 4
	}
	if flags&greKey != 0 {
		key = size
		size += 4
	}
	if flags&greSequence != 0 {
		size += 4
	}
	if version == 1 && flags&greAck != 0 {
		size += 4
	}
	if len(b) < size {
		t.fail(off, shortGRE)
		return
	}
	t.at, t.etherType, t.found, t.linux = off+size, etherType, true, true
	if key != 0 {
		t.id, t.hasID = binary.BigEndian.Uint32(b[key:]), true
	}
	if version == 1 {
		t.id &= 0xffff // the call; before it stands the length of this packet
		t.openPPP(p, off)
	}
}

// openPPP steps over the header of PPP, as in PPTP: address and control first,
// at which Linux does not look either. GRE starts at gre.
func (t *tunnel) openPPP(p []byte, gre int) {
	const size = 4
	b := p[t.at:]
	t.etherType, t.at = 0, t.at+size
	if len(b) < size {
		if t.missing > 0 {
			t.fail(gre, shortGRE)
		}
		t.linux = false // this packet is an acknowledgement, or cut
		return
	}
	switch binary.BigEndian.Uint16(b[2:]) {
	case pppIPv4:
		t.etherType = etherIPv4
	case pppIPv6:
		t.etherType = etherIPv6
	}
}

// follow leads l to where the headers below IP in the tunnel end. The tunnel
// must have no fault.
func (t *tunnel) follow(p []byte, l *link) {
	p = p[:t.end]
	switch t.etherType {
	case etherIPv4, etherIPv6:
		l.found(t.at, t.end, t.missing, t.etherType)
		return
	case etherBridged:
	default:
		l.walk(p, t.missing, t.etherType, t.at)
		return
	}
	if t.end-t.at < ethernetSize {
		l.fail(t.at, shortEthernet)
		return
	}
	etherType := binary.BigEndian.Uint16(p[t.at+ethernetSize-2:])
	if etherType == etherIPv4 || etherType == etherIPv6 {
		l.found(t.at+ethernetSize, t.end, t.missing, etherType)
		return
	}
	l.walk(p, t.missing, etherType, t.at+ethernetSize)
}
