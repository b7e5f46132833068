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

// A hasher is one of the compared hash functions.
type hasher struct {
	name  string
	build func(seed uint64) (hash.BatchHasher, error)
}

// hashers is the list of compared hash functions.
func hashers() []hasher {
	return []hasher{
		{"Linux", func(seed uint64) (hash.BatchHasher, error) {
			return hash.Linux611{Seed: uint32(seed), Policy: hash.LinuxCustom, Fields: uint16(hash.FiveTuple)}, nil
		}},
		{"Toeplitz", func(seed uint64) (hash.BatchHasher, error) { return toeplitz(seed) }},
		{"Toeplitz+Mix", func(seed uint64) (hash.BatchHasher, error) {
			// Cards have the same key by default, so the seed is that of Mix.
			t, err := toeplitz(0)
			return hash.Mixed(t, seed), err
		}},
		{"XX", func(seed uint64) (hash.BatchHasher, error) { return hash.XX{Seed: seed}, nil }},
	}
}

// A scenario is a hasher, with one seed for all switches or with one for each.
type scenario struct {
	hasher
	seedEach bool
}

func scenarios() (all []scenario) {
	for _, h := range hashers() {
		all = append(all, scenario{h, false}, scenario{h, true})
	}
	return all
}

// toeplitz returns a Toeplitz hasher with a key drawn from a seed.
func toeplitz(seed uint64) (*hash.Toeplitz, error) {
	r := rand.New(rand.NewPCG(seed, 1))
	var key []byte
	for range 5 {
		key = binary.BigEndian.AppendUint64(key, r.Uint64())
	}
	return hash.NewToeplitz(key)
}

// A result is the number of flows on each link in a scenario.
type result struct {
	scenario
	first  []int // leaf to spine, by leaf, then spine
	second []int // spine to core, by spine, then core
}

// drawFlows draws n flows of TCP from clients in 10.16.0.0/18 to servers in
// 172.16.0.0/18.
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

// host draws the address of a host.
func host(r *rand.Rand, network byte) netip.Addr {
	return netip.AddrFrom4([4]byte{network, 16, byte(r.IntN(64)), byte(1 + r.IntN(254))})
}

// play sends the flows through the fabric, flow i from leaf i modulo the number
// of leaves.
func (f fabric) play(s scenario, flows []hash.FlowKey, seed uint64) (r result, err error) {
	r = result{s, make([]int, f.leaves*f.spines), make([]int, f.spines*f.cores)}
	seeds := rand.New(rand.NewPCG(seed, 3))
	shared := uint64(seeds.Uint32())
	bySwitch := make([]hash.BatchHasher, f.leaves+f.spines)
	for i := range bySwitch {
		drawn := shared
		if s.seedEach {
			drawn = uint64(seeds.Uint32())
		}
		if bySwitch[i], err = s.build(drawn); err != nil {
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
		spine := int(toSpine.Select(bySwitch[leaf].Hash(k)))
		core := int(toCore.Select(bySwitch[f.leaves+spine].Hash(k)))
		r.first[leaf*f.spines+spine]++
		r.second[spine*f.cores+core]++
	}
	return r, nil
}

// threshold returns a selector of n next hops, as Linux would choose among
// them.
func threshold(name string, n int) (selector.Selector, error) {
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprintf("%s%02d", name, i))
	}
	return selector.New(selector.Threshold{KeepOrder: true}, selector.Equal(ids...))
}
