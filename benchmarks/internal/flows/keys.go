// Package flows has what the flow table is measured with: keys, other caches,
// and the table in the form of one.
package flows

import (
	"math/rand/v2"
	"net/netip"

	"github.com/ecmp-go/ecmp/hash"
)

// Keys returns the keys of n flows, in random order; those of different series
// have none in common.
func Keys(series uint64, n int) []hash.FlowKey {
	rng := rand.New(rand.NewPCG(series, 1))
	keys := make([]hash.FlowKey, n)
	dst := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(series)}), 443)
	for i := range keys {
		j := rng.IntN(i + 1)
		keys[i] = keys[j]
		ip := uint32(i >> 6)
		src := netip.AddrFrom4([4]byte{10 + byte(ip>>24), byte(ip >> 16), byte(ip >> 8), byte(ip)})
		keys[j] = hash.NewFlowKey(hash.TCP, netip.AddrPortFrom(src, uint16(1024+i&63+int(series)<<6)), dst)
	}
	return keys
}

// Hasher returns what digests are made with.
func Hasher() *hash.Mix { return hash.NewMix(1) }

// Digests returns the digests of keys.
func Digests(keys []hash.FlowKey) []uint64 {
	hasher := Hasher()
	digests := make([]uint64, len(keys))
	for i, k := range keys {
		digests[i] = hasher.Hash(k)
	}
	return digests
}
