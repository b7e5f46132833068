package engine

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"unique"
)

// MaxTunnel is the most that a [Tunnel] adds to a frame, in bytes.
const MaxTunnel = ipv6Size

// A Tunnel leads to a member that is not on the link: its packets get an outer
// header, of IPv4 or IPv6, whatever version they are themselves (RFC 2003, RFC
// 4213 and RFC 2473). The member takes that off, and finds the packet as the
// router would have sent it on the link.
//
// The outer header has the DSCP and ECN of the packet (RFC 6040, normal mode),
// a TTL of 64, and no flow label; one of IPv4 is not to be fragmented, and so
// has no ID (RFC 6864).
//
// The zero Tunnel is none. Tunnels with the same ends are equal by ==.
type Tunnel struct{ outer unique.Handle[outer] }

// outer is an outer header without what it has of the packet: length, protocol,
// DSCP and ECN, and thus without a checksum.
type outer struct {
	header [MaxTunnel]byte
	size   uint8
}

const (
	tunnelTTL = 64

	protoIPv4 = 4
	protoIPv6 = 41

	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
	etherVLAN = 0x8100
	etherQinQ = 0x88a8

	maxTags = 2 // of VLANs
)

// A TunnelError says why there is no tunnel between two addresses.
type TunnelError struct {
	Local, Remote netip.Addr
	Reason        string
}

// Error says what is wrong.
func (e *TunnelError) Error() string {
	return fmt.Sprintf("engine: a tunnel from %v to %v: %s", e.Local, e.Remote, e.Reason)
}

// NewTunnel returns the tunnel from an address of the router to one of the
// member. The error is a [*TunnelError].
func NewTunnel(local, remote netip.Addr) (Tunnel, error) {
	refuse := func(reason string) (Tunnel, error) { return Tunnel{}, &TunnelError{local, remote, reason} }
	switch {
	case !local.IsValid() || !remote.IsValid():
		return refuse("it needs two addresses")
	case local.Zone() != "" || remote.Zone() != "":
		return refuse("a zone is no part of an address in a packet")
	case local.Is4() != remote.Is4():
		return refuse("they are of different versions of IP")
	case local == remote:
		return refuse("its ends are one")
	}
	var o outer
	if local.Is4() {
		o.size = ipv4Size
		copy(o.header[:], []byte{4<<4 | ipv4Size/4, 0, 0, 0, 0, 0, 0x40, 0, tunnelTTL})
		copy(o.header[12:], local.AsSlice())
		copy(o.header[16:], remote.AsSlice())
	} else {
		o.size = ipv6Size
		copy(o.header[:], []byte{6 << 4, 0, 0, 0, 0, 0, 0, tunnelTTL})
		copy(o.header[8:], local.AsSlice())
		copy(o.header[24:], remote.AsSlice())
	}
	return Tunnel{unique.Make(o)}, nil
}

// Size returns how many bytes a packet gets longer: 20 or 40, and 0 without a
// tunnel.
func (t Tunnel) Size() int {
	if t == (Tunnel{}) {
		return 0
	}
	return int(t.outer.Value().size)
}

// Ends returns the addresses of the tunnel; zero without one.
func (t Tunnel) Ends() (local, remote netip.Addr) {
	if t == (Tunnel{}) {
		return local, remote
	}
	o := t.outer.Value()
	if o.size == ipv4Size {
		return netip.AddrFrom4([4]byte(o.header[12:])), netip.AddrFrom4([4]byte(o.header[16:]))
	}
	return netip.AddrFrom16([16]byte(o.header[8:])), netip.AddrFrom16([16]byte(o.header[24:]))
}

// AppendFrame appends to b what a frame begins with in the tunnel, up to its
// packet: Ethernet, tags of VLANs, and the outer header. The packet, and what
// the frame has behind it, follows from frame[at:] on. The frame is one that a
// worker made for a member. It is not ok, and b is as it was, if something
// other than tags of VLANs is between Ethernet and IP, or if the outer packet
// were longer than 64 KB. Where b has room, nothing is allocated.
func (t Tunnel) AppendFrame(b, frame []byte) (begin []byte, at int, ok bool) {
	at, v6 := packetOf(frame)
	if at == 0 || t == (Tunnel{}) {
		return b, 0, false
	}
	packet := frame[at:]
	protocol, class, length := byte(protoIPv4), packet[1], int(binary.BigEndian.Uint16(packet[2:]))
	if v6 {
		protocol, class = protoIPv6, byte(binary.BigEndian.Uint16(packet)>>4)
		if length = int(binary.BigEndian.Uint16(packet[4:])); length != 0 {
			length += ipv6Size
		}
	}
	if length == 0 { // too long for the field, or not segmented yet
		length = len(packet)
	}
	o := t.outer.Value()
	if o.size == ipv4Size {
		length += ipv4Size
	}
	if length > 1<<16-1 {
		return b, 0, false
	}
	b = append(b, frame[:at]...)
	b = append(b, o.header[:o.size]...)
	kind, header := b[len(b)-int(o.size)-2:], b[len(b)-int(o.size):]
	if o.size == ipv4Size {
		binary.BigEndian.PutUint16(kind, etherIPv4)
		header[1], header[9] = class, protocol
		binary.BigEndian.PutUint16(header[2:], uint16(length))
		binary.BigEndian.PutUint16(header[10:], ^fold(sum(header)))
	} else {
		binary.BigEndian.PutUint16(kind, etherIPv6)
		header[0], header[1] = 6<<4|class>>4, class<<4
		binary.BigEndian.PutUint16(header[4:], uint16(length))
		header[6] = protocol
	}
	return b, at, true
}

// packetOf returns where the IP packet of a frame begins, and whether it is of
// IPv6; 0 if its header is not there, without tags or behind some of VLANs.
func packetOf(frame []byte) (at int, v6 bool) {
	for at = untagged; at <= len(frame) && at <= untagged+4*maxTags; at += 4 {
		switch binary.BigEndian.Uint16(frame[at-2:]) {
		case etherIPv4:
			if len(frame) >= at+ipv4Size {
				return at, false
			}
			return 0, false
		case etherIPv6:
			if len(frame) >= at+ipv6Size {
				return at, true
			}
			return 0, false
		case etherVLAN, etherQinQ:
		default:
			return 0, false
		}
	}
	return 0, false
}
