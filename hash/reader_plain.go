package hash

import (
	"encoding/binary"
	"math/bits"
)

// The loops of plain packets. They have no calls, since a call, however seldom
// it is made, makes the compiler keep all that lives across it in memory. What
// is not plain is returned as a set of bits, and read after the loop; tagged
// are those of them that have an 802.1Q tag next.
//
// Both loops take some packets, as bits, whose IP header starts behind a link
// layer. Its size is a constant of each instance of a loop, so that everything
// is at a constant distance.

// A linkLayer is what is in front of IP: nothing, Ethernet, or Ethernet with a
// tag.
type linkLayer interface {
	[0]byte | [ethernetSize]byte | [taggedSize]byte
}

// What a plain packet has at least behind l3: IP and the fixed header of TCP,
// so that the flags of TCP can be read without asking.
const (
	plain4 = ipv4Size + tcpSize
	plain6 = ipv6Size + tcpSize

	tcpSize    = 20
	taggedSize = ethernetSize + vlanSize

	// Bytes of Ethernet and IP as little-endian words.
	littleIPv4 = 0x0008
	littleIPv6 = 0xdd86
	littleVLAN = 0x0081
	headIPv4   = 4<<4 | ipv4Size/4
	littleFrag = 0xff3f // more fragments, and the offset
)

// plainTransports are the protocols of plain packets: the size of the fixed
// header, and above that the mask of the TCP flags. It is small, so that it
// stays in the cache.
//
//nolint:gochecknoglobals // read-only
var plainTransports = [256]uint16{
	TCP:     tcpSize | 0xff<<8,
	UDP:     8,
	UDPLite: 8,
	SCTP:    12,
	DCCP:    12,
}

// plainKeys sets the keys of plain packets, and all but the hash in dst.
func plainKeys[L linkLayer](r *Reader, dst []Flow, packets [][]byte, some uint64) (rest, tagged uint64) {
	var link L
	l3 := len(link)
	dst = dst[:len(packets)]
	m := r.mask
	for i, b := range packets {
		bit := uint64(1) << (uint(i) % burst)
		if some&bit == 0 {
			continue
		}
		if len(b) < l3+plain4 || l3 == taggedSize && binary.LittleEndian.Uint16(b[ethernetSize-2:]) != littleVLAN {
			rest |= bit
			continue
		}
		p := (*[plain4]byte)(b[l3:])
		head, more := binary.LittleEndian.Uint64(p[:]), binary.LittleEndian.Uint64(p[6:])
		etherType := uint16(littleIPv4)
		if l3 != 0 {
			etherType = binary.LittleEndian.Uint16(b[l3-2:])
		}
		t := plainTransports[uint8(more>>24)]
		length := int(bits.ReverseBytes16(uint16(head >> 16)))
		if uint8(head) == headIPv4 && etherType == littleIPv4 && more&littleFrag == 0 && uint8(t) != 0 &&
			length >= ipv4Size+int(uint8(t)) && l3+length <= len(b) {
			addrs := binary.LittleEndian.Uint64(p[12:])
			k := &r.keys[uint(i)%burst]
			k.src0, k.src1 = 0, (addrs<<32|ip4Mapped)&m.src
			k.dst0, k.dst1 = 0, (addrs&ip4Addr|ip4Mapped)&m.dst
			k.rest = (uint64(binary.LittleEndian.Uint32(p[20:])) | more<<8&maskProto) & m.rest
			f := &dst[i]
			f.L3, f.L4, f.Proto, f.Flags = uint16(l3), uint16(l3+ipv4Size), uint8(more>>24), TCPFlags(p[33]&uint8(t>>8))
			f.TTL, f.Kind = uint8(more>>16), 0
			continue
		}
		if etherType == littleIPv6 || l3 == 0 {
			if t := plainTransports[p[6]]; uint8(head)>>4 == 6 && uint8(t) != 0 && len(b) >= l3+plain6 {
				length := int(binary.BigEndian.Uint16(p[4:]))
				p := (*[plain6]byte)(b[l3:])
				if length >= int(uint8(t)) && l3+ipv6Size+length <= len(b) {
					k := &r.keys[uint(i)%burst]
					k.src0 = binary.LittleEndian.Uint64(p[8:]) & m.src
					k.src1 = binary.LittleEndian.Uint64(p[16:]) & m.src
					k.dst0 = binary.LittleEndian.Uint64(p[24:]) & m.dst
					k.dst1 = binary.LittleEndian.Uint64(p[32:]) & m.dst
					k.rest = (ipv6Label(p[:]) | ip6Flag | uint64(p[6])<<protoShift |
						uint64(binary.LittleEndian.Uint32(p[40:]))) & m.rest
					f := &dst[i]
					f.L3, f.L4, f.Proto, f.Flags = uint16(l3), uint16(l3+ipv6Size), p[6], TCPFlags(p[53]&uint8(t>>8))
					f.TTL, f.Kind = p[7], IPv6
					continue
				}
			}
		}
		rest |= bit
		if etherType == littleVLAN {
			tagged |= bit
		}
	}
	return rest, tagged
}

// plainMix is plainKeys and Mix.words in one loop: keys that are written and
// read again cost a quarter of the whole.
func plainMix[L linkLayer](r *Reader, dst []Flow, packets [][]byte, some uint64) (rest, tagged uint64) {
	var link L
	l3 := len(link)
	dst = dst[:len(packets)]
	m, x := r.mask, &r.mix.k
	for i, b := range packets {
		bit := uint64(1) << (uint(i) % burst)
		if some&bit == 0 {
			continue
		}
		if len(b) < l3+plain4 || l3 == taggedSize && binary.LittleEndian.Uint16(b[ethernetSize-2:]) != littleVLAN {
			rest |= bit
			continue
		}
		p := (*[plain4]byte)(b[l3:])
		head, more := binary.LittleEndian.Uint64(p[:]), binary.LittleEndian.Uint64(p[6:])
		etherType := uint16(littleIPv4)
		if l3 != 0 {
			etherType = binary.LittleEndian.Uint16(b[l3-2:])
		}
		t := plainTransports[uint8(more>>24)]
		length := int(bits.ReverseBytes16(uint16(head >> 16)))
		if uint8(head) == headIPv4 && etherType == littleIPv4 && more&littleFrag == 0 && uint8(t) != 0 &&
			length >= ipv4Size+int(uint8(t)) && l3+length <= len(b) {
			addrs := binary.LittleEndian.Uint64(p[12:])
			rest := (uint64(binary.LittleEndian.Uint32(p[20:])) | more<<8&maskProto) & m.rest
			u := multiplyFold(x[0], (addrs<<32|ip4Mapped)&m.src^x[1])
			v := multiplyFold(x[2], (addrs&ip4Addr|ip4Mapped)&m.dst^x[3])
			w := multiplyFold(u^x[4], v^rest^x[5])
			f := &dst[i]
			f.Hash = multiplyFold(w^x[6], bits.RotateLeft64(w, 32)^x[7])
			f.L3, f.L4, f.Proto, f.Flags = uint16(l3), uint16(l3+ipv4Size), uint8(more>>24), TCPFlags(p[33]&uint8(t>>8))
			f.TTL, f.Kind = uint8(more>>16), 0
			continue
		}
		if etherType == littleIPv6 || l3 == 0 {
			if t := plainTransports[p[6]]; uint8(head)>>4 == 6 && uint8(t) != 0 && len(b) >= l3+plain6 {
				length := int(binary.BigEndian.Uint16(p[4:]))
				p := (*[plain6]byte)(b[l3:])
				if length >= int(uint8(t)) && l3+ipv6Size+length <= len(b) {
					rest := (ipv6Label(p[:]) | ip6Flag | uint64(p[6])<<protoShift |
						uint64(binary.LittleEndian.Uint32(p[40:]))) & m.rest
					u := multiplyFold(binary.LittleEndian.Uint64(p[8:])&m.src^x[0],
						binary.LittleEndian.Uint64(p[16:])&m.src^x[1])
					v := multiplyFold(binary.LittleEndian.Uint64(p[24:])&m.dst^x[2],
						binary.LittleEndian.Uint64(p[32:])&m.dst^x[3])
					w := multiplyFold(u^x[4], v^rest^x[5])
					f := &dst[i]
					f.Hash = multiplyFold(w^x[6], bits.RotateLeft64(w, 32)^x[7])
					f.L3, f.L4, f.Proto, f.Flags = uint16(l3), uint16(l3+ipv6Size), p[6], TCPFlags(p[53]&uint8(t>>8))
					f.TTL, f.Kind = p[7], IPv6
					continue
				}
			}
		}
		rest |= bit
		if etherType == littleVLAN {
			tagged |= bit
		}
	}
	return rest, tagged
}
