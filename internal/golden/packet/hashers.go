package packet

// XXH64 is the algorithm of
// https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md, step by step.
func XXH64(seed uint64, data []byte) uint64 {
	prime := [...]uint64{
		1: 0x9e3779b185ebca87, 2: 0xc2b2ae3d27d4eb4f, 3: 0x165667b19e3779f9, 4: 0x85ebca77c2b2ae63,
		5: 0x27d4eb2f165667c5,
	}
	round := func(acc, lane uint64) uint64 { return rotateLeft(acc+lane*prime[2], 31) * prime[1] }
	length := uint64(len(data))
	var acc uint64
	if length < 32 {
		acc = seed + prime[5]
	} else {
		accs := [4]uint64{seed + prime[1] + prime[2], seed + prime[2], seed, seed - prime[1]}
		for ; len(data) >= 32; data = data[32:] {
			for i := range accs {
				accs[i] = round(accs[i], littleEndian(data[8*i:8*i+8]))
			}
		}
		acc = rotateLeft(accs[0], 1) + rotateLeft(accs[1], 7) + rotateLeft(accs[2], 12) + rotateLeft(accs[3], 18)
		for i := range accs {
			acc = (acc^round(0, accs[i]))*prime[1] + prime[4]
		}
	}
	acc += length
	for ; len(data) >= 8; data = data[8:] {
		acc = rotateLeft(acc^round(0, littleEndian(data[:8])), 27)*prime[1] + prime[4]
	}
	if len(data) >= 4 {
		acc = rotateLeft(acc^littleEndian(data[:4])*prime[1], 23)*prime[2] + prime[3]
		data = data[4:]
	}
	for _, b := range data {
		acc = rotateLeft(acc^uint64(b)*prime[5], 11) * prime[1]
	}
	acc = (acc ^ acc>>33) * prime[2]
	acc = (acc ^ acc>>29) * prime[3]
	return acc ^ acc>>32
}

// SipHash24 is SipHash-2-4 as section 2 of the paper by Aumasson and Bernstein
// has it.
func SipHash24(k0, k1 uint64, data []byte) uint64 {
	v0 := k0 ^ 0x736f6d6570736575
	v1 := k1 ^ 0x646f72616e646f6d
	v2 := k0 ^ 0x6c7967656e657261
	v3 := k1 ^ 0x7465646279746573
	round := func() {
		v0 += v1
		v1 = rotateLeft(v1, 13)
		v1 ^= v0
		v0 = rotateLeft(v0, 32)
		v2 += v3
		v3 = rotateLeft(v3, 16)
		v3 ^= v2
		v0 += v3
		v3 = rotateLeft(v3, 21)
		v3 ^= v0
		v2 += v1
		v1 = rotateLeft(v1, 17)
		v1 ^= v2
		v2 = rotateLeft(v2, 32)
	}
	padded := append([]byte{}, data...)
	for len(padded)%8 != 7 {
		padded = append(padded, 0)
	}
	padded = append(padded, byte(len(data)))
	for ; len(padded) > 0; padded = padded[8:] {
		m := littleEndian(padded[:8])
		v3 ^= m
		round()
		round()
		v0 ^= m
	}
	v2 ^= 0xff
	round()
	round()
	round()
	round()
	return v0 ^ v1 ^ v2 ^ v3
}

// CRC32C is the Castagnoli CRC.
func CRC32C(data []byte) uint32 { return CRC(32, 0x1edc6f41, 1<<32-1, true, 1<<32-1, data) }

// CRC is a CRC with the parameters of Ross Williams ("A painless guide to CRC
// error detection algorithms"), bit by bit: the remainder of a division of
// polynomials.
func CRC(width int, polynomial, initial uint32, reflected bool, xorOut uint32, data []byte) uint32 {
	bit := func(x uint32, i int) bool { return x>>i&1 == 1 }
	crc := initial
	for _, b := range data {
		for i := range 8 {
			in := bit(uint32(b), 7-i)
			if reflected {
				in = bit(uint32(b), i)
			}
			out := bit(crc, width-1)
			crc <<= 1
			if width < 32 {
				crc %= 1 << width
			}
			if in != out {
				crc ^= polynomial
			}
		}
	}
	if reflected {
		var turned uint32
		for i := range width {
			if bit(crc, i) {
				turned |= 1 << (width - 1 - i)
			}
		}
		crc = turned
	}
	return crc ^ xorOut
}

func rotateLeft(x uint64, n int) uint64 { return x<<n | x>>(64-n) }

func littleEndian(b []byte) uint64 {
	var x uint64
	for i, c := range b {
		x |= uint64(c) << (8 * i)
	}
	return x
}
