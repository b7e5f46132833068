package selector

import (
	"encoding/binary"
	"math/bits"
)

// siphash is SipHash-2-4 (Aumasson and Bernstein 2012) of s under the key (k0,
// k1).
func siphash(k0, k1 uint64, s string) uint64 {
	v := sipState{
		k0 ^ 0x736f6d6570736575,
		k1 ^ 0x646f72616e646f6d,
		k0 ^ 0x6c7967656e657261,
		k1 ^ 0x7465646279746573,
	}
	length := len(s)
	var block [8]byte
	for len(s) >= 8 {
		copy(block[:], s)
		v.absorb(binary.LittleEndian.Uint64(block[:]))
		s = s[8:]
	}
	clear(block[copy(block[:], s):])
	v.absorb(binary.LittleEndian.Uint64(block[:]) | uint64(length)<<56)
	v.c ^= 0xff
	for range 4 {
		v.round()
	}
	return v.a ^ v.b ^ v.c ^ v.d
}

type sipState struct{ a, b, c, d uint64 }

func (v *sipState) absorb(word uint64) {
	v.d ^= word
	v.round()
	v.round()
	v.a ^= word
}

func (v *sipState) round() {
	v.a += v.b
	v.b = bits.RotateLeft64(v.b, 13) ^ v.a
	v.a = bits.RotateLeft64(v.a, 32)
	v.c += v.d
	v.d = bits.RotateLeft64(v.d, 16) ^ v.c
	v.a += v.d
	v.d = bits.RotateLeft64(v.d, 21) ^ v.a
	v.c += v.b
	v.b = bits.RotateLeft64(v.b, 17) ^ v.c
	v.c = bits.RotateLeft64(v.c, 32)
}
