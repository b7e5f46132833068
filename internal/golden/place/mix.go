package place

import "math/big"

// SplitMix is the last step of SplitMix64: the output for a state that was
// advanced already.
func SplitMix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// scale returns floor(h*n/2^64).
func scale(h uint64, n int) int {
	product := new(big.Int).Mul(new(big.Int).SetUint64(h), big.NewInt(int64(n)))
	return int(product.Rsh(product, 64).Int64())
}

// fold returns the two halves of the 128-bit product, exclusive-ored.
func fold(a, b uint64) uint64 {
	product := new(big.Int).Mul(new(big.Int).SetUint64(a), new(big.Int).SetUint64(b))
	half := new(big.Int).SetUint64(^uint64(0))
	return new(big.Int).Rsh(product, 64).Uint64() ^ half.And(half, product).Uint64()
}
