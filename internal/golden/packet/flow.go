package packet

import "net/netip"

// A Flow is what a flow key holds.
type Flow struct {
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16
	Proto            uint8
	Label            uint32
	IPv6             bool
}

// Encode returns the 40 bytes of a flow key.
func (f Flow) Encode() []byte {
	var b []byte
	src, dst := f.Src.As16(), f.Dst.As16() // IPv4-mapped for IPv4
	b = append(b, src[:]...)
	b = append(b, dst[:]...)
	b = append(b, byte(f.SrcPort>>8), byte(f.SrcPort))
	b = append(b, byte(f.DstPort>>8), byte(f.DstPort))
	b = append(b, f.Proto)
	var flags byte
	if f.IPv6 {
		flags = 1
	}
	return append(b, flags<<4|byte(f.Label>>16), byte(f.Label>>8), byte(f.Label))
}

// Reverse returns the flow in the other direction.
func (f Flow) Reverse() Flow {
	return Flow{Src: f.Dst, Dst: f.Src, SrcPort: f.DstPort, DstPort: f.SrcPort, Proto: f.Proto, IPv6: f.IPv6}
}

// Canonical returns the form that both directions have in common: the endpoint
// that comes first is the source.
func (f Flow) Canonical() Flow {
	f.Label = 0
	before := f.Src.As16()
	after := f.Dst.As16()
	for i := range before {
		if before[i] < after[i] {
			return f
		}
		if before[i] > after[i] {
			return f.Reverse()
		}
	}
	if f.SrcPort > f.DstPort {
		return f.Reverse()
	}
	return f
}
