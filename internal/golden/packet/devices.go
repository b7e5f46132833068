package packet

import "math/big"

// Toeplitz is the hash of receive-side scaling as Microsoft describes it: for
// every bit of the input that is set, from the leftmost on, the leftmost 32
// bits of the key are added, and the key is shifted by one.
func Toeplitz(key, input []byte) uint32 {
	var result uint32
	bit := func(i int) uint32 { return uint32(key[i/8]) >> (7 - i%8) & 1 }
	for i := range len(input) * 8 {
		if input[i/8]>>(7-i%8)&1 == 0 {
			continue
		}
		var window uint32
		for j := range 32 {
			window = window<<1 | bit(i+j)
		}
		result ^= window
	}
	return result
}

// ToeplitzInput is what a card hashes of a flow: addresses and ports, in
// network order.
func (f Flow) ToeplitzInput() []byte {
	b := append(f.address(f.Src), f.address(f.Dst)...)
	return append(b, byte(f.SrcPort>>8), byte(f.SrcPort), byte(f.DstPort>>8), byte(f.DstPort))
}

// ToeplitzXORInput is what it hashes in the symmetric form of DPDK.
func (f Flow) ToeplitzXORInput() []byte {
	var addr []byte
	src, dst := f.address(f.Src), f.address(f.Dst)
	for i := range src {
		addr = append(addr, src[i]^dst[i])
	}
	port := f.SrcPort ^ f.DstPort
	b := append(addr, addr...)
	return append(b, byte(port>>8), byte(port), byte(port>>8), byte(port))
}

// ToeplitzOrXORInput is what it hashes in the symmetric-or-xor form of Linux.
func (f Flow) ToeplitzOrXORInput() []byte {
	var or, xor []byte
	src, dst := f.address(f.Src), f.address(f.Dst)
	for i := range src {
		or = append(or, src[i]|dst[i])
		xor = append(xor, src[i]^dst[i])
	}
	b := append(or, xor...)
	either, one := f.SrcPort|f.DstPort, f.SrcPort^f.DstPort
	return append(b, byte(either>>8), byte(either), byte(one>>8), byte(one))
}

// address returns the 4 or 16 bytes of an address of f. One that does not count
// is zero.
func (f Flow) address(a interface {
	As4() [4]byte
	As16() [16]byte
	IsValid() bool
}) []byte {
	switch {
	case f.IPv6 && a.IsValid():
		b := a.As16()
		return b[:]
	case f.IPv6:
		return make([]byte, 16)
	case a.IsValid():
		b := a.As4()
		return b[:]
	}
	return make([]byte, 4)
}

// Mix is the formula in the documentation of hash.Mix, with numbers of any
// size.
func Mix(seed uint64, data []byte) uint64 {
	k := mixKeys(seed)
	var w []*big.Int
	for i := range 5 {
		w = append(w, new(big.Int).SetUint64(littleEndian(data[8*i:8*i+8])))
	}
	m, xor := multiplyFold, xorAll
	a := m(xor(w[0], k[0]), xor(w[1], k[1]))
	b := m(xor(w[2], k[2]), xor(w[3], k[3]))
	c := m(xor(a, k[4]), xor(b, w[4], k[5]))
	return MixFinalize(seed, c.Uint64())
}

// MixFinalize is the last step of it.
func MixFinalize(seed, c uint64) uint64 {
	k := mixKeys(seed)
	word, rotated := new(big.Int).SetUint64(c), new(big.Int).SetUint64(rotateLeft(c, 32))
	return multiplyFold(xorAll(word, k[6]), xorAll(rotated, k[7])).Uint64()
}

// mixKeys are the constants of a seed: SplitMix64.
func mixKeys(seed uint64) (k []*big.Int) {
	for range 8 {
		seed += 0x9e3779b97f4a7c15
		z := seed
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
		k = append(k, new(big.Int).SetUint64(z))
	}
	return k
}

func xorAll(x ...*big.Int) *big.Int {
	sum := new(big.Int)
	for _, x := range x {
		sum.Xor(sum, x)
	}
	return sum
}

// multiplyFold is the exclusive or of the halves of a product.
func multiplyFold(x, y *big.Int) *big.Int {
	product := new(big.Int).Mul(x, y)
	low := new(big.Int).SetUint64(1<<64 - 1)
	return xorAll(new(big.Int).Rsh(product, 64), new(big.Int).And(product, low))
}
