package byhand

import "encoding/binary"

// Key is room for the flow of a frame.
type Key [40]byte

// FlowSize is how many bytes of a key the flow of a frame over IPv4 takes.
const FlowSize = 13

// ParseIPv4 writes the flow of a frame to a key: Ethernet with at most one VLAN
// tag, a whole IPv4 packet, and the ports of TCP or UDP. It reports whether the
// frame is of that kind.
func ParseIPv4(f []byte, k *Key) bool {
	if len(f) < 34 {
		return false
	}
	off := 14
	t := binary.BigEndian.Uint16(f[12:])
	if t == 0x8100 {
		t = binary.BigEndian.Uint16(f[16:])
		off = 18
	}
	if t != 0x0800 || len(f) < off+24 {
		return false
	}
	ip := f[off:]
	if ip[0]>>4 != 4 {
		return false
	}
	size := int(ip[0]&15) * 4
	if size < 20 || len(ip) < size+4 || binary.BigEndian.Uint16(ip[6:])&0x3fff != 0 {
		return false
	}
	proto := ip[9]
	if proto != 6 && proto != 17 {
		return false
	}
	*k = Key{}
	binary.LittleEndian.PutUint64(k[0:], binary.LittleEndian.Uint64(ip[12:]))
	binary.LittleEndian.PutUint32(k[8:], binary.LittleEndian.Uint32(ip[size:]))
	k[12] = proto
	return true
}

// ParseIPv6 is [ParseIPv4] for whole IPv6 packets without extension headers.
func ParseIPv6(f []byte, k *Key) bool {
	if len(f) < 54 {
		return false
	}
	off := 14
	t := binary.BigEndian.Uint16(f[12:])
	if t == 0x8100 {
		t = binary.BigEndian.Uint16(f[16:])
		off = 18
	}
	if t != 0x86dd || len(f) < off+44 {
		return false
	}
	ip := f[off:]
	if ip[0]>>4 != 6 || 40+int(binary.BigEndian.Uint16(ip[4:])) > len(ip) {
		return false
	}
	proto := ip[6]
	if proto != 6 && proto != 17 {
		return false
	}
	copy(k[:32], ip[8:40])
	copy(k[32:36], ip[40:44])
	k[36], k[37] = proto, 0x10
	return true
}
