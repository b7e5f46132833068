package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// A fabric has a link from each leaf to each spine and from each spine to each
// core.
type fabric struct{ leaves, spines, cores int }

// A scenario is a hasher, and whether each switch has a seed of its own.
type scenario struct {
	hasher string
	own    bool
	build  func(seed uint64) (hash.BatchHasher, error)
}

func scenarios() []scenario {
	hashers := []scenario{
		{hasher: "Linux", build: func(seed uint64) (hash.BatchHasher, error) {
			return hash.Linux611{Seed: uint32(seed), Policy: hash.LinuxCustom, Fields: uint16(hash.FiveTuple)}, nil
		}},
		{hasher: "Toeplitz", build: func(seed uint64) (hash.BatchHasher, error) { return toeplitz(seed) }},
		{hasher: "Toeplitz+Mix", build: func(seed uint64) (hash.BatchHasher, error) {
			// One key for all, as cards have it by default: the seed is in the
			// finaliser.
			t, err := toeplitz(0)
			return hash.Mixed{Base: t, Mix: hash.NewMix(seed)}, err
		}},
		{hasher: "XX", build: func(seed uint64) (hash.BatchHasher, error) { return hash.XX{Seed: seed}, nil }},
	}
	var all []scenario
	for _, s := range hashers {
		all = append(all, s)
		s.own = true
		all = append(all, s)
	}
	return all
}

// toeplitz has a key drawn from a seed.
func toeplitz(seed uint64) (*hash.Toeplitz, error) {
	r := rand.New(rand.NewPCG(seed, 1))
	var key []byte
	for range 5 {
		key = binary.BigEndian.AppendUint64(key, r.Uint64())
	}
	return hash.NewToeplitz(key)
}

// A result is the number of flows on each link.
type result struct {
	scenario
	first  []int // by leaf, then spine
	second []int // by spine, then core
}

// drawFlows draws flows of TCP between hosts of a network.
func drawFlows(n int, seed uint64) []hash.FlowKey {
	r := rand.New(rand.NewPCG(seed, 2))
	flows := make([]hash.FlowKey, n)
	for i := range flows {
		src := netip.AddrPortFrom(host(r, 10), uint16(32768+r.IntN(28232)))
		dst := netip.AddrPortFrom(host(r, 172), []uint16{80, 443, 5432, 8080}[r.IntN(4)])
		flows[i] = hash.NewFlowKey(hash.TCP, src, dst)
	}
	return flows
}

func host(r *rand.Rand, network byte) netip.Addr {
	return netip.AddrFrom4([4]byte{network, 16, byte(r.IntN(64)), byte(1 + r.IntN(254))})
}

// play sends the flows through the fabric. Flow i enters at leaf i modulo their
// number.
func (f fabric) play(s scenario, flows []hash.FlowKey, seed uint64) (r result, err error) {
	r = result{s, make([]int, f.leaves*f.spines), make([]int, f.spines*f.cores)}
	seeds := rand.New(rand.NewPCG(seed, 3))
	shared := uint64(seeds.Uint32())
	hashers := make([]hash.BatchHasher, f.leaves+f.spines)
	for i := range hashers {
		drawn := shared
		if s.own {
			drawn = uint64(seeds.Uint32())
		}
		if hashers[i], err = s.build(drawn); err != nil {
			return r, err
		}
	}
	toSpine, err := threshold("spine", f.spines)
	if err != nil {
		return r, err
	}
	toCore, err := threshold("core", f.cores)
	if err != nil {
		return r, err
	}
	for i, k := range flows {
		leaf := i % f.leaves
		spine := toSpine.Select(hashers[leaf].Hash(k))
		core := toCore.Select(hashers[f.leaves+spine].Hash(k))
		r.first[leaf*f.spines+spine]++
		r.second[spine*f.cores+core]++
	}
	return r, nil
}

func threshold(name string, n int) (selector.Selector, error) {
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprintf("%s%02d", name, i))
	}
	return selector.New(selector.Threshold{KeepOrder: true}, selector.Equal(ids...))
}
