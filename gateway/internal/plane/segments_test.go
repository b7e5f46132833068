package plane

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// slowSum is the sum of RFC 1071, the slow way; all ones over what has a right
// checksum in it.
func slowSum(parts ...[]byte) uint16 {
	sum := 0
	for i, b := range slices.Concat(parts...) {
		sum += int(b) << (8 * (1 - i%2))
		if sum > 0xffff {
			sum -= 0xffff
		}
	}
	return uint16(sum)
}

// pseudoHeader is that of a packet whose payload has a length.
func pseudoHeader(ip []byte, proto byte, length int) []byte {
	addresses := ip[12:20]
	if ip[0]>>4 == 6 {
		addresses = ip[8:40]
	}
	return append(append([]byte{}, addresses...), 0, proto, byte(length>>8), byte(length))
}

// uncut is a frame that its sender left to be cut, and the offload that says so.
// Its payload is drawn.
func uncut(r *rand.Rand, v6, udp, tags bool, payload, size int) (frame []byte, o offload) {
	frame = make([]byte, 12)
	if tags {
		frame = append(frame, 0x88, 0xa8, 0, 9, 0x81, 0, 0, 7)
	}
	transport := make([]byte, 20+4*r.IntN(11))
	for i := range transport {
		transport[i] = byte(r.Uint32())
	}
	transport[12] = byte(len(transport)/4) << 4
	proto := byte(protoTCP)
	o = offload{kind: virtioTCP4, size: size, sum: true, offset: 16}
	if v6 {
		o.kind = virtioTCP6
	}
	if udp {
		transport, proto, o.kind, o.offset = transport[:8], protoUDP, virtioUDP, 6
	}
	length := len(transport) + payload
	ip := make([]byte, ipv6Size)
	for i := range ip {
		ip[i] = byte(r.Uint32())
	}
	if v6 {
		frame = append(frame, 0x86, 0xdd)
		ip[0], ip[6] = 0x60, proto
		binary.BigEndian.PutUint16(ip[4:], uint16(length))
	} else {
		frame = append(frame, 0x08, 0x00)
		ip = ip[:ipv4Size+4*r.IntN(6)]
		ip[0], ip[9] = byte(0x40|len(ip)/4), proto
		binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)+length))
	}
	o.start = len(frame) + len(ip)
	binary.BigEndian.PutUint16(transport[o.offset:], slowSum(pseudoHeader(ip, proto, length)))
	frame = append(append(frame, ip...), transport...)
	for range payload {
		frame = append(frame, byte(r.Uint32()))
	}
	return frame, o
}

// A frame that is cut is packets with the payload of the frame, each whole by
// itself: lengths, checksums, IDs and sequence numbers. All else is as it was,
// but for what the first one or the last one alone says.
func TestSegments(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		v6, udp := r.IntN(2) == 0, r.IntN(3) == 0
		payload := 1 + r.IntN(6000)
		frame, o := uncut(r, v6, udp, r.IntN(3) == 0, payload, 1+r.IntN(1500))
		ip, _, ok := network(frame)
		require.True(t, ok)
		was := slices.Clone(frame)
		s, ok := segmentsOf(frame, o)
		require.True(t, ok)
		transport, data := o.start, len(frame)-payload
		var joined []byte
		n := 0
		for s.next() {
			assert.Equal(t, was[:ip], frame[:ip])
			header, l4 := frame[ip:transport], frame[transport:data]
			length := len(l4) + len(s.payload)
			proto := byte(protoTCP)
			if udp {
				proto = protoUDP
			}
			assert.EqualValues(t, 0xffff, slowSum(pseudoHeader(header, proto, length), l4, s.payload))
			want := slices.Clone(was[ip:data])
			if v6 {
				binary.BigEndian.PutUint16(want[4:], uint16(length))
			} else {
				assert.EqualValues(t, 0xffff, slowSum(header))
				binary.BigEndian.PutUint16(want[2:], uint16(len(header)+length))
				binary.BigEndian.PutUint16(want[4:], binary.BigEndian.Uint16(want[4:])+uint16(n))
				copy(want[10:12], header[10:])
			}
			last := len(joined)+len(s.payload) == payload
			if tcp := want[transport-ip:]; udp {
				binary.BigEndian.PutUint16(tcp[4:], uint16(length))
				copy(tcp[6:8], l4[6:])
			} else {
				binary.BigEndian.PutUint32(tcp[4:], binary.BigEndian.Uint32(tcp[4:])+uint32(len(joined)))
				if n > 0 {
					tcp[13] &= 0x7f
				}
				if !last {
					tcp[13] &^= 0x09
				}
				copy(tcp[16:18], l4[16:])
			}
			require.Equal(t, want, frame[ip:data], "segment %d", n)
			if !last {
				assert.Len(t, s.payload, o.size)
			}
			joined = append(joined, s.payload...)
			n++
		}
		require.Equal(t, was[data:], joined)
		assert.Equal(t, (payload+o.size-1)/o.size, n)
	}
}

// What is not what it is said to be is not cut.
func TestNotSegments(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, v6 := range []bool{false, true} {
		frame, o := uncut(r, v6, false, false, 3000, 1000)
		_, ok := segmentsOf(frame, o)
		require.True(t, ok)
		for what, change := range map[string]func(o *offload, frame []byte) []byte{
			"fragments of UDP":  func(o *offload, f []byte) []byte { o.kind = 3; return f },
			"the other version": func(o *offload, f []byte) []byte { o.kind ^= virtioTCP4 ^ virtioTCP6; return f },
			"UDP":               func(o *offload, f []byte) []byte { o.kind = virtioUDP; return f },
			"of no size":        func(o *offload, f []byte) []byte { o.size = 0; return f },
			"a short header":    func(o *offload, f []byte) []byte { return f[:o.start+19] },
			"too long a header": func(o *offload, f []byte) []byte { f[o.start+12] = 0xf0; return f[:o.start+59] },
			"a shorter header":  func(o *offload, f []byte) []byte { f[o.start+12] = 0x40; return f },
			"no payload": func(o *offload, f []byte) []byte {
				return f[:o.start+int(f[o.start+12]>>4)*4]
			},
			"no IP": func(_ *offload, f []byte) []byte { f[12] = 0; return f },
		} {
			o := o
			changed := change(&o, slices.Clone(frame))
			_, ok := segmentsOf(changed, o)
			assert.False(t, ok, "%s, IPv6 %t", what, v6)
		}
	}
}

// A checksum that the sender left out is written, and one that isn't there is
// not.
func TestComplete(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 200 {
		v6, udp := r.IntN(2) == 0, r.IntN(2) == 0
		frame, o := uncut(r, v6, udp, false, r.IntN(1500), 0)
		was := slices.Clone(frame)
		require.True(t, o.complete(frame))
		l4, proto := frame[o.start:], byte(protoTCP)
		if udp {
			proto = protoUDP
		}
		assert.EqualValues(t, 0xffff, slowSum(pseudoHeader(frame[ethernetSize:], proto, len(l4)), l4))
		copy(was[o.start+o.offset:], frame[o.start+o.offset:][:2])
		assert.Equal(t, was, frame, "all else is as it was")

		require.True(t, offload{}.complete(frame))
		assert.Equal(t, was, frame)
		o.start = len(frame) - o.offset - 1
		assert.False(t, o.complete(frame))
		o.start = len(frame) + 1
		assert.False(t, o.complete(frame))
	}
	assert.Equal(t, offload{kind: virtioTCP6, size: 0x102, sum: true, start: 0x304, offset: 0x506},
		offloadOf(native(1, virtioTCP6|virtioECN, 0, 0x102, 0x304, 0x506)))
}

// native is a virtio header.
func native(flags, kind byte, words ...uint16) []byte {
	b := []byte{flags, kind}
	for _, w := range words {
		b = binary.NativeEndian.AppendUint16(b, w)
	}
	return b
}

// Sums by words of four bytes are those by words of two.
func TestSum(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for n := range 200 {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		assert.Equal(t, ^slowSum(b), checksum(0, b), "%d bytes", n)
	}
	assert.Zero(t, checksum(0, slices.Repeat([]byte{0xff}, 1<<16)))
}
