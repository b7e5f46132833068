package program

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
)

// A shape says what the frames of a row look like.
type shape struct {
	six          float64 // the share of frames over IPv6, in random order
	vlan         bool
	vxlan        bool // the frames are in VXLAN
	destinations int  // in random order; 0 is one
}

const (
	etherSize = 14
	ttl       = 255
	frameLine = 64  // bytes that a frame over IPv4 takes
	wideLine  = 128 // bytes that a frame takes among others over IPv6
)

// plain appends TCP of 60 bytes over IPv4.
func plain(to []byte) []byte {
	return append(to,
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 7, 8, 0,
		0x45, 0, 0, 46, 0, 0, 0x40, 0, ttl, 6, 0, 0, 10, 0, 0, 0, 172, 16, 0, 0,
		0, 0, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0,
		'd', 'a', 't', 'a', '!', '!')
}

// frames returns a frame of each flow. They lie one behind the other in memory,
// as in a capture.
func (s shape) frames(flows int) [][]byte {
	line := frameLine
	if s.six > 0 || s.vxlan {
		line = wideLine
	}
	memory := make([]byte, flows*line)
	frames := make([][]byte, flows)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range frames {
		f := plain(memory[i*line:][:0:line])
		binary.BigEndian.PutUint32(f[26:], 10<<24|uint32(i>>4))
		binary.BigEndian.PutUint16(f[34:], uint16(1024+i&15))
		if s.destinations > 0 {
			copy(f[30:34], address4(rng.IntN(s.destinations)))
		}
		if s.six > 0 && rng.Float64() < s.six {
			f = overIPv6(f)
		}
		if s.vlan {
			f = tagged(f)
		}
		if s.vxlan {
			f = inVXLAN(f)
		}
		frames[i] = f
	}
	return frames
}

// overIPv6 turns a frame over IPv4, in place, into one with the same ports.
func overIPv6(f []byte) []byte {
	src, dst, segment := [4]byte(f[26:]), [4]byte(f[30:]), string(f[34:])
	f = append(f[:12], 0x86, 0xdd, 0x60, 0, 0, 0, 0, byte(len(segment)), 6, ttl)
	f = append(f, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 7)
	f = append(f, src[:]...)
	f = append(f, address6(int(binary.BigEndian.Uint16(dst[2:])))...)
	return append(f, segment...)
}

// tagged puts a VLAN tag into a frame, in place.
func tagged(f []byte) []byte {
	rest := string(f[12:])
	return append(append(f[:12], 0x81, 0, 0, 7), rest...)
}

// inVXLAN puts a frame into VXLAN over IPv4, in place.
func inVXLAN(f []byte) []byte {
	inner := string(f)
	f = append(plain(f[:0])[:etherSize], 0x45, 0, 0, byte(36+len(inner)), 0, 0, 0x40, 0, ttl, 17, 0, 0)
	f = append(f, 192, 0, 2, 1, 192, 0, 2, 2, 0xc0, 0, 0x12, 0xb5, 0, byte(16+len(inner)), 0, 0, 8, 0, 0, 0, 0, 0, 7, 0)
	return append(f, inner...)
}

// address4 and address6 are the addresses of a service.
func address4(i int) []byte { return binary.BigEndian.AppendUint16([]byte{172, 16}, uint16(i)) }

func address6(i int) []byte {
	return binary.BigEndian.AppendUint16([]byte{0x20, 1, 0xd, 0xb8, 13: 0}, uint16(i))
}

// restore gives frames their time to live back.
func restore(frames [][]byte) {
	for _, f := range frames {
		at := 12
		if f[at] == 0x81 {
			at += 4
		}
		if f[at] == 0x86 {
			f[at+2+7] = ttl
		} else {
			f[at+2+8] = ttl
		}
	}
}

// services returns n services of ten members each. One has members of its own;
// many share two hundred.
func services(n int) []Service {
	rng := rand.New(rand.NewPCG(5, 6))
	list := make([]Service, n)
	for i := range list {
		list[i] = Service{
			Name: fmt.Sprintf("vip%d", i),
			Destinations: []netip.Addr{
				netip.AddrFrom4([4]byte(address4(i))), netip.AddrFrom16([16]byte(address6(i))),
			},
		}
		members := rng.Perm(200)[:10]
		for m := range members {
			if n == 1 {
				members[m] = m
			}
			list[i].Hops = append(list[i].Hops, hop(members[m], members[m]))
		}
	}
	return list
}

// hop returns a member by its number, with an output.
func hop(i, output int) Hop {
	return Hop{
		ID: fmt.Sprintf("pod%d", i), Weight: 1, Src: [6]byte{2, 0, 0, 0, 0, 1},
		Dst: [6]byte{2, 1, 0, 0, byte(i >> 8), byte(i)}, Output: uint16(output),
	}
}
