package packet

import (
	"errors"
	"fmt"
	"net/netip"
)

// A Packet is what parsing finds.
type Packet struct {
	Flow     Flow // with the flow label
	Cited    *Flow
	First    bool // first fragment
	Later    bool // later fragment
	FragID   uint32
	L3, L4   int
	TCPFlags uint8
}

// ErrNotIP says that the packet is sound, but not IP.
var ErrNotIP = errors.New("not IP")

// A Failure says what is wrong with a packet.
type Failure struct {
	Layer  string
	Offset int
	Reason string // "truncated", "malformed" or "too deep"
}

func (f Failure) Error() string { return fmt.Sprintf("%s at %d: %s", f.Layer, f.Offset, f.Reason) }

// A view is a part of a packet that knows where it stands in the whole.
type view struct {
	bytes  []byte
	offset int
}

func (v view) len() int          { return len(v.bytes) }
func (v view) u8(i int) int      { return int(v.bytes[i]) }
func (v view) u16(i int) int     { return v.u8(i)<<8 | v.u8(i+1) }
func (v view) u32(i int) uint32  { return uint32(v.u16(i))<<16 | uint32(v.u16(i+2)) }
func (v view) from(i int) view   { return view{v.bytes[i:], v.offset + i} }
func (v view) first(n int) view  { return view{v.bytes[:n], v.offset} }
func (v view) ip4(i int) [4]byte { return [4]byte(v.bytes[i : i+4]) }

func (v view) ip6(i int) [16]byte { return [16]byte(v.bytes[i : i+16]) }

func (v view) fail(layer, reason string) error { return Failure{layer, v.offset, reason} }

// FromEthernet parses an Ethernet frame.
func FromEthernet(frame []byte) (Packet, error) {
	v := view{bytes: frame}
	if v.len() < 14 {
		return Packet{}, v.fail("Ethernet", "truncated")
	}
	v = v.from(12)
	for tags := 0; ; tags++ {
		switch v.u16(0) {
		case 0x0800:
			return ipv4(v.from(2))
		case 0x86dd:
			return ipv6(v.from(2))
		case 0x8100, 0x88a8, 0x9100:
			if tags == 8 {
				return Packet{}, v.fail("VLAN", "too deep")
			}
			if v.len() < 6 {
				return Packet{}, v.fail("VLAN", "truncated")
			}
			v = v.from(4)
		default:
			return Packet{}, ErrNotIP
		}
	}
}

// FromIP parses an IP packet.
func FromIP(packet []byte) (Packet, error) {
	v := view{bytes: packet}
	if v.len() == 0 {
		return Packet{}, v.fail("IP", "truncated")
	}
	switch v.u8(0) / 16 {
	case 4:
		return ipv4(v)
	case 6:
		return ipv6(v)
	}
	return Packet{}, ErrNotIP
}

func ipv4(v view) (Packet, error) {
	if v.len() < 20 {
		return Packet{}, v.fail("IPv4", "truncated")
	}
	if v.u8(0)/16 != 4 {
		return Packet{}, v.fail("IPv4", "malformed")
	}
	header := v.u8(0) % 16 * 4
	if header < 20 {
		return Packet{}, v.fail("IPv4", "malformed")
	}
	total := v.u16(2)
	if total == 0 {
		total = v.len() // a packet of unknown length
	} else if total < header {
		return Packet{}, v.fail("IPv4", "malformed")
	}
	if v.len() < header || v.len() < total {
		return Packet{}, v.fail("IPv4", "truncated")
	}
	v = v.first(total)
	p := Packet{
		Flow: flow4(v),
		L3:   v.offset,
		L4:   v.offset + header,
	}
	fragmentOffset := v.u16(6) % 8192
	more := v.u16(6)/8192%2 == 1
	if more || fragmentOffset > 0 {
		p.First = fragmentOffset == 0
		p.Later = fragmentOffset > 0
		p.FragID = uint32(v.u16(4))
		return p, nil
	}
	return transport(p, v.from(header))
}

func flow4(v view) Flow {
	return Flow{Src: netip.AddrFrom4(v.ip4(12)), Dst: netip.AddrFrom4(v.ip4(16)), Proto: uint8(v.u8(9))}
}

func ipv6(v view) (Packet, error) {
	if v.len() < 40 {
		return Packet{}, v.fail("IPv6", "truncated")
	}
	if v.u8(0)/16 != 6 {
		return Packet{}, v.fail("IPv6", "malformed")
	}
	if payload := v.u16(4); payload > 0 {
		if v.len() < 40+payload {
			return Packet{}, v.fail("IPv6", "truncated")
		}
		v = v.first(40 + payload)
	}
	p := Packet{Flow: flow6(v), L3: v.offset}
	up, err := upper(v.from(40), v.u8(6))
	if err != nil {
		return Packet{}, err
	}
	p.Flow.Proto = uint8(up.proto)
	p.L4 = up.v.offset
	if up.first || up.later {
		p.First, p.Later, p.FragID = up.first, up.later, up.fragID
		return p, nil
	}
	return transport(p, up.v)
}

func flow6(v view) Flow {
	return Flow{
		Src: netip.AddrFrom16(v.ip6(8)), Dst: netip.AddrFrom16(v.ip6(24)),
		Label: v.u32(0) % (1 << 20), IPv6: true,
	}
}

// upperLayer is what the extension headers lead to.
type upperLayer struct {
	v            view
	proto        int
	first, later bool
	fragID       uint32
}

// upper follows the extension headers to the upper layer, or to what follows the fragment header of a fragment.
func upper(v view, next int) (upperLayer, error) {
	for count := 1; ; count++ {
		var size int
		switch next {
		case 0, 43, 44, 51, 60:
			if count > 16 {
				return upperLayer{}, v.fail("IPv6 extension", "too deep")
			}
			if v.len() < 2 {
				return upperLayer{}, v.fail("IPv6 extension", "truncated")
			}
		default:
			return upperLayer{v: v, proto: next}, nil
		}
		switch next {
		case 44:
			size = 8
		case 51:
			size = 8 + 4*v.u8(1)
		default:
			size = 8 + 8*v.u8(1)
		}
		if v.len() < size {
			return upperLayer{}, v.fail("IPv6 extension", "truncated")
		}
		if v.offset+size > 1534 {
			return upperLayer{}, v.fail("IPv6 extension", "too deep")
		}
		if next == 44 {
			offset := v.u16(2) / 8
			more := v.u16(2)%2 == 1
			if offset > 0 || more {
				return upperLayer{v.from(8), v.u8(0), offset == 0, offset > 0, v.u32(4)}, nil
			}
		}
		next = v.u8(0)
		v = v.from(size)
	}
}

// transport completes p by the header at the start of v.
func transport(p Packet, v view) (Packet, error) {
	header := map[uint8]struct {
		layer string
		size  int
		ports bool
	}{
		1:   {"ICMP", 4, false},
		58:  {"ICMP", 4, false},
		6:   {"TCP", 20, true},
		17:  {"UDP", 8, true},
		136: {"UDP", 8, true},
		132: {"SCTP", 12, true},
		33:  {"DCCP", 12, true},
	}[p.Flow.Proto]
	if v.len() < header.size {
		return Packet{}, v.fail(header.layer, "truncated")
	}
	if header.ports {
		p.Flow.SrcPort, p.Flow.DstPort = uint16(v.u16(0)), uint16(v.u16(2))
	}
	if p.Flow.Proto == 6 {
		p.TCPFlags = uint8(v.u8(13))
	}
	p.Cited = cited(p.Flow, v)
	return p, nil
}

// cited returns the flow that an ICMP error is about, in the direction of the error's receiver; nil if the message in v
// is no error or cites nothing of use.
func cited(about Flow, v view) *Flow {
	switch {
	case about.Proto == 1 && !about.IPv6:
		switch v.u8(0) {
		case 3, 4, 5, 11, 12:
			return cited4(v)
		}
	case about.Proto == 58 && about.IPv6:
		switch v.u8(0) {
		case 1, 2, 3, 4:
			return cited6(v)
		}
	}
	return nil
}

func cited4(v view) *Flow {
	if v.len() < 8+20 {
		return nil
	}
	v = v.from(8)
	header := v.u8(0) % 16 * 4
	if v.u8(0)/16 != 4 || header < 20 || v.len() < header {
		return nil
	}
	return citedPorts(flow4(v), v.from(header), v.u16(6)%8192 > 0)
}

func cited6(v view) *Flow {
	if v.len() < 8+40 {
		return nil
	}
	v = v.from(8)
	if v.u8(0)/16 != 6 {
		return nil
	}
	f := flow6(v)
	up, err := upper(v.from(40), v.u8(6))
	if err != nil {
		return nil
	}
	later := up.later
	if up.first { // look further: the ports are there
		up, err = upper(up.v, up.proto)
		if err != nil || up.first || up.later {
			return nil
		}
	}
	f.Proto = uint8(up.proto)
	return citedPorts(f, up.v, later)
}

func citedPorts(f Flow, v view, later bool) *Flow {
	switch f.Proto {
	case 6, 17, 33, 132, 136:
		if later {
			break
		}
		if v.len() < 4 {
			return nil
		}
		f.SrcPort, f.DstPort = uint16(v.u16(0)), uint16(v.u16(2))
	}
	f = f.Reverse()
	return &f
}
