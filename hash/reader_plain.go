package hash

import (
	"encoding/binary"
	"math/bits"
)

// The loops of plain packets. They have no calls, since a call, however seldom
// it is made, makes the compiler keep all that lives across it in memory. What
// is not plain is returned as a set of bits, and read after the loop.
//
// All loops are instances of one function. The types it takes stand for
// constants: the size of the link layer, so that everything is at a constant
// distance, and the hasher.

// A linkLayer is what is in front of IP: nothing, Ethernet, or Ethernet with a
// tag.
type linkLayer interface {
	[0]byte | [ethernetSize]byte | [taggedSize]byte
}

// A loopHasher is the hasher that a loop has in it: keys that are written and
// read again cost a quarter of the whole. Any other one hashes keys after it.
type loopHasher interface {
	[hashMix]byte | [hashXX]byte | [hashKeys]byte
}

const (
	hashMix = iota
	hashXX
	hashKeys
)

// What a plain packet has at least behind l3: IP and the fixed header of TCP,
// so that the flags of TCP can be read without asking.
const (
	plain4 = ipv4Size + tcpSize
	plain6 = ipv6Size + tcpSize

	tcpSize    = 20
	taggedSize = ethernetSize + vlanSize

	// EtherType and the first byte of IP, as a little-endian word.
	littleIPv4 = (4<<4|ipv4Size/4)<<16 | 0x0008
	littleIPv6 = 6<<4<<16 | 0xdd86
	littleVLAN = 0x0081
	littleFrag = 0xff3f // more fragments, and the offset
)

// plainTransports are the protocols of plain packets: in the low 24 bits what a
// packet of IPv4 with the fixed header is short of 1<<17 bytes, and above that
// the mask of the TCP flags. All others are 0, which no packet makes up for.
//
//nolint:gochecknoglobals // read-only
var plainTransports = [256]uint32{
	TCP:     1<<17 - ipv4Size - tcpSize | 0xff<<24,
	UDP:     1<<17 - ipv4Size - 8,
	UDPLite: 1<<17 - ipv4Size - 8,
	SCTP:    1<<17 - ipv4Size - 12,
	DCCP:    1<<17 - ipv4Size - 12,
}

// A plainHash is what the loops need to know of a policy.
type plainHash struct {
	mask keyMask
	ipv4 struct{ src, dst, dstMask uint64 } // to make src1 and dst1 of addresses
	mix  Mix
	xx   xxIPv4
}

// newPlainHash returns what the loops need, and for which hasher they are. A
// hasher of nil is any other one.
func newPlainHash(f Fields, hasher Hasher) (p plainHash, loops int) {
	p.mask, loops = f.mask(), hashKeys
	p.ipv4.src, p.ipv4.dst, p.ipv4.dstMask = ip4Mapped&p.mask.src, ip4Mapped&p.mask.dst, ip4Addr&p.mask.dst
	switch h := hasher.(type) {
	case *Mix:
		p.mix, loops = *h, hashMix
		p.ipv4.src ^= h.k[1]
		p.ipv4.dst ^= h.k[3]
	case XX:
		p.xx, loops = h.forIPv4(), hashXX
	}
	return p, loops
}

// plain reads the plain ones of some packets, given as bits, whose IP header
// starts behind a link layer. It returns the set of the others; tagged are
// those of them that have an 802.1Q tag next.
func plain[L linkLayer, H loopHasher](r *Reader, dst []Flow, packets [][]byte, some uint64) (rest, tagged uint64) {
	var link L
	var hasher H
	l3 := len(link)
	dst = dst[:len(packets)]
	c := &r.plain
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
		var head uint64 // EtherType, and the first six bytes of IP
		if l3 == 0 {
			head = binary.LittleEndian.Uint64(p[:])<<16 | littleIPv4&0xffff
		} else {
			head = binary.LittleEndian.Uint64(b[l3-2:])
		}
		switch {
		case head&0xff_ffff == littleIPv4:
			more := binary.LittleEndian.Uint64(p[6:])
			length, proto := int(bits.ReverseBytes16(uint16(head>>32))), uint8(more>>24)
			t := plainTransports[proto]
			if more&littleFrag == 0 && length+int(t&0xff_ffff) >= 1<<17 && l3+length <= len(b) {
				f := &dst[i]
				f.L3, f.L4, f.Proto, f.Flags = uint16(l3), uint16(l3+ipv4Size), proto, TCPFlags(p[33]&uint8(t>>24))
				f.TTL, f.Kind = uint8(more>>16), 0
				addrs := binary.LittleEndian.Uint64(p[12:])
				w1, w3 := addrs<<32&c.mask.src^c.ipv4.src, addrs&c.ipv4.dstMask^c.ipv4.dst
				w4 := (uint64(binary.LittleEndian.Uint32(p[20:])) | uint64(proto)<<protoShift) & c.mask.rest
				switch len(hasher) {
				case hashMix: // as Mix.words, with what is the same for all in ipv4
					f.Hash = c.mix.join(multiplyFold(c.mix.k[0], w1), multiplyFold(c.mix.k[2], w3), w4)
				case hashXX: // as xxIPv4.words
					v2, v4 := xxRound(c.xx.v2, w1), xxRound(c.xx.v4, w3)
					u := c.xx.sum + bits.RotateLeft64(v2, 7) + bits.RotateLeft64(v4, 18)
					u = xxMerge(xxMerge(u, c.xx.v1Round), xxRound(0, v2))
					u = xxMerge(xxMerge(u, c.xx.v3Round), xxRound(0, v4))
					f.Hash = xxFinish(u, w4)
				default:
					r.keys[uint(i)%burst] = FlowKey{src1: w1, dst1: w3, rest: w4}
				}
				continue
			}
		case head&0xf0_ffff == littleIPv6 || l3 == 0 && head&0xf0_0000 == littleIPv6&0xf0_0000:
			length, proto := int(bits.ReverseBytes16(uint16(head>>48))), p[6]
			t := plainTransports[proto]
			if len(b)-l3 >= plain6 && ipv4Size+length+int(t&0xff_ffff) >= 1<<17 && l3+ipv6Size+length <= len(b) {
				p := (*[plain6]byte)(b[l3:])
				f := &dst[i]
				f.L3, f.L4, f.Proto, f.Flags = uint16(l3), uint16(l3+ipv6Size), proto, TCPFlags(p[53]&uint8(t>>24))
				f.TTL, f.Kind = p[7], IPv6
				w0 := binary.LittleEndian.Uint64(p[8:]) & c.mask.src
				w1 := binary.LittleEndian.Uint64(p[16:]) & c.mask.src
				w2 := binary.LittleEndian.Uint64(p[24:]) & c.mask.dst
				w3 := binary.LittleEndian.Uint64(p[32:]) & c.mask.dst
				w4 := (head<<16&maskLabel | ip6Flag | uint64(proto)<<protoShift |
					uint64(binary.LittleEndian.Uint32(p[40:]))) & c.mask.rest
				switch len(hasher) {
				case hashMix: // as Mix.words
					u, v := multiplyFold(w0^c.mix.k[0], w1^c.mix.k[1]), multiplyFold(w2^c.mix.k[2], w3^c.mix.k[3])
					f.Hash = c.mix.Finalize(multiplyFold(u^c.mix.k[4], v^w4^c.mix.k[5]))
				case hashXX: // as XX.words
					seed := c.xx.whole.Seed
					v1, v2 := xxRound(seed+(prime1+prime2)&(1<<64-1), w0), xxRound(c.xx.v2, w1)
					v3, v4 := xxRound(seed, w2), xxRound(c.xx.v4, w3)
					u := bits.RotateLeft64(v1, 1) + bits.RotateLeft64(v2, 7) +
						bits.RotateLeft64(v3, 12) + bits.RotateLeft64(v4, 18)
					u = xxMerge(xxMerge(u, xxRound(0, v1)), xxRound(0, v2))
					u = xxMerge(xxMerge(u, xxRound(0, v3)), xxRound(0, v4))
					f.Hash = xxFinish(u, w4)
				default:
					r.keys[uint(i)%burst] = FlowKey{w0, w1, w2, w3, w4}
				}
				continue
			}
		}
		rest |= bit
		if uint16(head) == littleVLAN {
			tagged |= bit
		}
	}
	return rest, tagged
}
