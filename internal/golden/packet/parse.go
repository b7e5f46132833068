package packet

import (
	"errors"
	"fmt"
	"net/netip"
)

// A Packet is what parsing finds.
type Packet struct {
	Outer, Inner Level
	Tunnels      int
	TunnelID     uint32
	Entropy      uint32 // label
	Encapsulated bool   // by MPLS or PPPoE
	InnerErr     error
	Linux        Seen
}

// A Level is one IP header and what follows it.
type Level struct {
	Flow     Flow // with the flow label
	Next     int
	Cited    *Flow
	Deepest  *Flow // the innermost flow of what is cited
	First    bool  // first fragment
	Later    bool  // later fragment
	FragID   uint32
	L3, L4   int
	TCPFlags uint8
	SPI      uint32
	EchoID   uint16
	DeepEcho uint16 // that of the innermost flow of what is cited, or EchoID

	ports   Ports
	payload view       // from L4 to the end of the packet
	linux   Flow       // what Linux sees, if it gets here
	unsure  bool       // whether Deepest is the innermost one
	stopped *linuxStop // where Linux stops reading extension headers
}

// linuxStop is what Linux takes for the transport protocol of IPv6 where that
// is one of the headers on the way to it.
type linuxStop struct {
	proto int
	ports uint32
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

// A view is a part of a packet that knows where it stands in the whole, and how
// many bytes were behind it on the wire if only the start of the packet is
// here.
type view struct {
	bytes   []byte
	offset  int
	missing int
	quoted  bool // by an ICMP error
}

func (v view) len() int          { return len(v.bytes) }
func (v view) onWire() int       { return len(v.bytes) + v.missing }
func (v view) cut() bool         { return v.missing > 0 }
func (v view) u8(i int) int      { return int(v.bytes[i]) }
func (v view) u16(i int) int     { return v.u8(i)<<8 | v.u8(i+1) }
func (v view) u32(i int) uint32  { return uint32(v.u16(i))<<16 | uint32(v.u16(i+2)) }
func (v view) from(i int) view   { return view{v.bytes[i:], v.offset + i, v.missing, v.quoted} }
func (v view) ip4(i int) [4]byte { return [4]byte(v.bytes[i : i+4]) }

// first returns the first n bytes, of which some may be missing.
func (v view) first(n int) view {
	if n > v.len() {
		return view{v.bytes, v.offset, n - v.len(), v.quoted}
	}
	return view{v.bytes[:n], v.offset, 0, v.quoted}
}

func (v view) ip6(i int) [16]byte { return [16]byte(v.bytes[i : i+16]) }

func (v view) fail(layer, reason string) error { return Failure{layer, v.offset, reason} }

// FromEthernet parses an Ethernet frame.
func FromEthernet(frame []byte) (Packet, error) { return Ports(nil).FromEthernet(frame) }

// FromIP parses an IP packet.
func FromIP(packet []byte) (Packet, error) { return Ports(nil).FromIP(packet) }

// FromEthernet parses an Ethernet frame with these ports of tunnels.
func (ports Ports) FromEthernet(frame []byte) (Packet, error) {
	return ports.Snapped(frame, len(frame), true)
}

// Snapped parses the start of a frame, or of an IP packet, which had length
// bytes on the wire.
func (ports Ports) Snapped(start []byte, length int, isEthernet bool) (Packet, error) {
	v := view{bytes: start}.first(length)
	if !isEthernet {
		return ports.ip(v)
	}
	b, err := ethernet(v)
	if err != nil {
		return Packet{}, err
	}
	p, err := ports.fromIP(b.ip, b.version)
	if err != nil {
		return Packet{}, err
	}
	p.Entropy = b.entropy
	p.Encapsulated = b.mpls || b.pppoe
	return p, nil
}

// FromIP parses an IP packet with these ports of tunnels.
func (ports Ports) FromIP(packet []byte) (Packet, error) {
	return ports.Snapped(packet, len(packet), false)
}

func (ports Ports) ip(v view) (Packet, error) {
	if v.len() == 0 {
		return Packet{}, v.fail("IP", "truncated")
	}
	switch v.u8(0) / 16 {
	case 4, 6:
		return ports.fromIP(v, v.u8(0)/16)
	}
	return Packet{}, ErrNotIP
}

func (ports Ports) fromIP(v view, version int) (Packet, error) {
	outer, err := level(v, version, ports)
	if err != nil {
		return Packet{}, err
	}
	p := Packet{Outer: outer, Inner: outer}
	p.Linux = Whole(outer.linux)
	p.Linux.L3 = linuxL3(outer)
	p.followTunnels()
	return p, nil
}

// level parses one IP header and the transport header behind it.
func level(v view, version int, ports Ports) (Level, error) {
	var l Level
	var err error
	if version == 4 {
		l, err = ipv4(v)
	} else {
		l, err = ipv6(v)
	}
	l.ports = ports
	if err == nil && !l.First && !l.Later {
		err = transport(&l)
	}
	isICMP := !l.Flow.IPv6 && l.Flow.Proto == 1 || l.Flow.IPv6 && l.Flow.Proto == 58
	if err == nil && l.First && l.payload.cut() && l.payload.len() < 48 && isICMP {
		err = l.payload.fail("ICMP", "truncated") // Linux looks at what it cites
	}
	l.linux = l.Flow
	switch {
	case l.stopped != nil:
		l.linux.Proto = uint8(l.stopped.proto)
		l.linux.SrcPort, l.linux.DstPort = uint16(l.stopped.ports>>16), uint16(l.stopped.ports)
	case l.SPI != 0:
		l.linux.SrcPort, l.linux.DstPort = uint16(l.SPI>>16), uint16(l.SPI)
	}
	return l, err
}

func ipv4(v view) (Level, error) {
	if v.len() < 20 {
		return Level{}, v.fail("IPv4", "truncated")
	}
	if v.u8(0)/16 != 4 {
		return Level{}, v.fail("IPv4", "malformed")
	}
	header := v.u8(0) % 16 * 4
	if header < 20 {
		return Level{}, v.fail("IPv4", "malformed")
	}
	total := v.u16(2)
	if total == 0 {
		total = v.onWire() // a packet of unknown length
	} else if total < header {
		return Level{}, v.fail("IPv4", "malformed")
	}
	if v.len() < header || v.onWire() < total {
		return Level{}, v.fail("IPv4", "truncated")
	}
	v = v.first(total)
	p := Level{
		Flow:    flow4(v),
		Next:    v.u8(9),
		L3:      v.offset,
		L4:      v.offset + header,
		payload: v.from(header),
	}
	fragmentOffset := v.u16(6) % 8192
	more := v.u16(6)/8192%2 == 1
	if more || fragmentOffset > 0 {
		p.First = fragmentOffset == 0
		p.Later = fragmentOffset > 0
		p.FragID = uint32(v.u16(4))
	}
	return p, nil
}

func flow4(v view) Flow {
	return Flow{Src: netip.AddrFrom4(v.ip4(12)), Dst: netip.AddrFrom4(v.ip4(16)), Proto: uint8(v.u8(9))}
}

func ipv6(v view) (Level, error) {
	if v.len() < 40 {
		return Level{}, v.fail("IPv6", "truncated")
	}
	if v.u8(0)/16 != 6 {
		return Level{}, v.fail("IPv6", "malformed")
	}
	if payload := v.u16(4); payload > 0 {
		if v.onWire() < 40+payload {
			return Level{}, v.fail("IPv6", "truncated")
		}
		v = v.first(40 + payload)
	}
	p := Level{Flow: flow6(v), Next: v.u8(6), L3: v.offset}
	up, err := upper(v.from(40), v.u8(6))
	if err != nil {
		return Level{}, err
	}
	p.Flow.Proto = uint8(up.proto)
	p.L4, p.payload = up.v.offset, up.v
	p.First, p.Later, p.FragID = up.first, up.later, up.fragID
	p.stopped = up.stopped
	return p, nil
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
	stopped      *linuxStop
}

// upper follows the extension headers to the upper layer, or to what follows
// the fragment header of a fragment. A header that is too short, one too many
// or too far counts as the upper layer.
func upper(v view, next int) (upperLayer, error) {
	var stopped *linuxStop
	for count := 1; ; count++ {
		here := upperLayer{v: v, proto: next}
		switch next {
		case 0, 43, 44, 51, 60:
		default:
			here.stopped = stopped
			return here, nil
		}
		if next == 51 && stopped == nil {
			stopped = &linuxStop{proto: 51}
			if v.len() >= 8 {
				stopped.ports = v.u32(4)
			}
		}
		size := 8
		switch {
		case v.len() < 2 || next == 44:
		case next == 51:
			size = 8 + 4*v.u8(1)
		default:
			size = 8 + 8*v.u8(1)
		}
		if v.len() < size {
			if v.cut() {
				return upperLayer{}, v.fail("IPv6 extension", "truncated")
			}
			if stopped == nil && v.len() >= 2 && next != 44 {
				stopped = &linuxStop{proto: v.u8(0)}
			}
			here.stopped = stopped
			return here, nil
		}
		if count > 16 || v.offset+size > 1534 {
			here.stopped = stopped
			return here, nil
		}
		if next == 44 {
			offset := v.u16(2) / 8
			more := v.u16(2)%2 == 1
			if offset > 0 || more {
				return upperLayer{v.from(8), v.u8(0), offset == 0, offset > 0, v.u32(4), stopped}, nil
			}
			if stopped == nil {
				stopped = &linuxStop{proto: v.u8(0)}
			}
		}
		next = v.u8(0)
		v = v.from(size)
	}
}

// transport completes p by the header behind IP, as far as it is there. It
// fails only if the rest of the header is missing.
func transport(p *Level) error {
	v := p.payload
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
		50:  {"ESP", 8, false},
		51:  {"AH", 12, false},
	}[p.Flow.Proto]
	if v.len() < header.size && v.cut() {
		return v.fail(header.layer, "truncated")
	}
	if header.ports && v.len() >= 4 {
		p.Flow.SrcPort, p.Flow.DstPort = uint16(v.u16(0)), uint16(v.u16(2))
	}
	switch {
	case p.Flow.Proto == 6 && v.len() >= 20:
		p.TCPFlags = uint8(v.u8(13))
	case p.Flow.Proto == 50 && v.len() >= 4:
		p.SPI = v.u32(0)
	case p.Flow.Proto == 51 && v.len() >= 8 && !p.Flow.IPv6:
		p.SPI = v.u32(4)
	case p.Flow.Proto == 1 || p.Flow.Proto == 58:
		return message(p, v)
	}
	return nil
}
