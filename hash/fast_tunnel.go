package hash

import (
	"encoding/binary"
	"math/bits"
)

// A tunnelShape is what a kind of tunnel looks like most of the time: without
// options, and with one IP packet in it. It is data and not code because the
// kinds come in no order: a mispredicted branch costs more than the table.
type tunnelShape struct {
	size     uint8  // of what stands between the two IP headers
	headAt   uint8  // where four bytes start, of which those in mask must be want
	idAt     uint8  // where the identifier starts
	typeAt   uint8  // where the EtherType of the payload stands
	typeMask uint16 // all ones if there is one
	sizeMask uint16 // all ones if the head ends in the length of what follows the first 16 bytes
	mask     uint32
	want     uint32
	idMask   uint32 // what counts of it, as four bytes; 0 if there is none
	view     kernelView
	_        [8]byte // a table of 32 bytes each is quick to index
}

// Indexes of tunnelShapes. GRE has one for each value of its first four bits,
// which say what fields it has.
const (
	_ = iota // none: MPLS over UDP
	shapeIPv4
	shapeIPv6
	shapeVXLAN
	shapeGeneve
	shapeGTPU
	shapeGRE = 16
)

//nolint:gochecknoglobals // read-only
var tunnelShapes = func() (t [32]tunnelShape) {
	const (
		udp, all, linux = 8, 0xffff, kernelSame
		ether           = ethernetSize
	)
	never := tunnelShape{want: 1}
	for i := range t {
		t[i] = never
	}
	t[shapeIPv4] = tunnelShape{mask: 0xf << 28, want: 4 << 28, view: linux}
	t[shapeIPv6] = tunnelShape{mask: 0xf << 28, want: 6 << 28, view: linux}
	t[shapeVXLAN] = tunnelShape{
		size: udp + vxlanSize + ether, headAt: udp, mask: 0x08 << 24, want: 0x08 << 24,
		idAt: udp + 3, idMask: 1<<24 - 1, typeAt: udp + vxlanSize + ether - 2, typeMask: all,
	}
	t[shapeGeneve] = tunnelShape{
		size: udp + geneveSize + ether, headAt: udp, mask: 0xff00ffff, want: etherBridged,
		idAt: udp + 3, idMask: 1<<24 - 1, typeAt: udp + geneveSize + ether - 2, typeMask: all,
	}
	t[shapeGTPU] = tunnelShape{
		size: udp + gtpuSize, headAt: udp, mask: 0xffff0000, want: 0x30ff0000, sizeMask: all,
		idAt: udp + 4, idMask: 1<<32 - 1,
	}
	for bit := range uint32(16) {
		flags := bit << 12
		if flags&greRouting != 0 {
			continue
		}
		f := tunnelShape{mask: 0xffff0000, want: flags << 16, size: greSize, typeAt: 2, typeMask: all, view: linux}
		f.size += uint8(4 * bits.OnesCount32(bit))
		if flags&greKey != 0 {
			f.idMask, f.idAt = 1<<32-1, greSize+uint8(4*(flags/greChecksum))
		}
		t[shapeGRE+bit] = f
	}
	return t
}()

// shapeOf returns the shape of a tunnel, given the first four bytes behind IP:
// GRE's own, or the ports.
func (t *portTable) shapeOf(q *fastTransport, first uint32) *tunnelShape {
	port := bits.ReverseBytes16(uint16(first>>16)) & q.portMask
	fields := uint8(first) >> 4 & -(q.shape / shapeGRE)
	return &tunnelShapes[(q.shape|t.shapes[t.place(port)]|fields)&31]
}

// matches reports whether a tunnel has the shape, given its head and how many
// bytes there are from the end of the IP header on.
func (f *tunnelShape) matches(head uint32, room int) bool {
	return head&f.mask == f.want && (uint16(head)^uint16(room-16))&f.sizeMask == 0
}

// udpShape returns the shape of a tunnel over UDP, and whether layer is one.
func udpShape(layer Layer) (shape uint8, ok bool) {
	switch layer {
	case LayerVXLAN:
		return shapeVXLAN, true
	case LayerGeneve:
		return shapeGeneve, true
	case LayerGTPU:
		return shapeGTPU, true
	case LayerMPLS, LayerGRE: // more than one IP header behind a constant distance
		return 0, true
	}
	return 0, false
}

// enter looks into what may be a tunnel, in a packet that the fast path has
// read and that p ends with, given its transport. If the tunnel has a usual
// shape, and in it is one packet that the fast path would read and no other
// tunnel, the inner fields are set here; if not, they are left to descend. An
// outermost tunnel starts well before maxPayload, so that is not checked.
//
//go:noinline
func (h *Headers) enter(p []byte, l4 int, q *fastTransport, ports *portTable) {
	// a protocol that carries IP has no ports
	rest := h.Outer.rest & (^uint64(maskPorts) | uint64(q.portMask)<<16 | uint64(q.portMask))
	h.Outer.rest, h.Inner.rest = rest, rest
	f := ports.shapeOf(q, binary.LittleEndian.Uint32(p[l4:l4+4:l4+4]))
	at := l4 + int(f.size)
	if at+ipv4Size <= len(p) && f.matches(uint32At(p, l4+int(f.headAt)), len(p)-l4) {
		etherType := uint16At(p, l4+int(f.typeAt))
		var inner *fastTransport
		switch {
		case p[at]>>4 == 4 && (etherType^etherIPv4)&f.typeMask == 0:
			inner, _ = h.fastInner4(p, at)
		case p[at]>>4 == 6 && (etherType^etherIPv6)&f.typeMask == 0:
			inner, _ = h.fastInner6(p, at)
		}
		// Linux takes the outer label if there is no inner one.
		otherLabel := h.Inner.rest&(ip6Flag|maskLabel) == ip6Flag && rest&maskLabel != 0
		if inner != nil && !ports.mayCarry(inner, uint16(h.Inner.rest>>16)) && !otherLabel {
			h.TunnelID, h.Tunnels, h.view = uint32At(p, l4+int(f.idAt))&f.idMask, 1, f.view
			return
		}
	}
	// If the inner fields are set, they are set again.
	c := position{rest: rest, kernel: rest, l4: l4, end: len(p), proto: h.Proto}
	v := level{h: h, ports: ports}
	v.descend(p, &c)
}

func uint32At(p []byte, at int) uint32 { return binary.BigEndian.Uint32(p[at : at+4 : at+4]) }
func uint16At(p []byte, at int) uint16 { return binary.BigEndian.Uint16(p[at : at+2 : at+2]) }
