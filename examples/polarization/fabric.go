package main

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"net/netip"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

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

// A chooser is what the switches of a tier choose by.
type chooser struct {
	policies []hash.Policy // one for all switches, or one for each
	rotate   int
	wide     bool // hashes have 64 bits
	selector selector.Selector
}

func newChooser(t planTier, next planTier) (c chooser, err error) {
	h, err := findHasher(t.Hash)
	if err != nil {
		return c, err
	}
	for _, seed := range t.Seeds {
		if err := h.takes(seed); err != nil {
			return c, err
		}
		built, err := h.build(seed)
		if err != nil {
			return c, err
		}
		c.policies = append(c.policies, hash.Policy{Hasher: built})
		c.wide = hash.Bits(built) == 64
	}
	strategy, err := selector.ParseStrategy(t.Strategy)
	if err != nil {
		return c, err
	}
	var ids []string
	for i := range next.Switches {
		ids = append(ids, fmt.Sprintf("%s%04d", next.Name, i))
	}
	c.rotate = t.Rotate
	c.selector, err = selector.New(strategy, selector.Equal(ids...))
	return c, err
}

// choose returns the link that a switch sends a flow over. A hash of fewer than
// 64 bits is rotated in the 32 high bits, where devices and selectors look.
func (c *chooser) choose(at int, k hash.FlowKey) int {
	policy := &c.policies[0]
	if len(c.policies) > 1 {
		policy = &c.policies[at]
	}
	h := policy.Hash(k)
	switch {
	case c.rotate == 0:
	case c.wide:
		h = bits.RotateLeft64(h, -c.rotate)
	default:
		h = uint64(bits.RotateLeft32(uint32(h>>32), -c.rotate))<<32 | h&(1<<32-1)
	}
	return int(c.selector.Select(h))
}

// play sends the flows through the switches, flow i from the first tier's switch
// i modulo their number, and returns the number of flows on each link of each
// tier, by switch, then link.
func (p plan) play(flows []hash.FlowKey) (loads [][]int, err error) {
	at := make([]uint16, len(flows))
	for i := range at {
		at[i] = uint16(i % p.Tiers[0].Switches)
	}
	for i := range len(p.Tiers) - 1 {
		c, err := newChooser(p.Tiers[i], p.Tiers[i+1])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Tiers[i].Name, err)
		}
		width := p.Tiers[i+1].Switches
		load := make([]int, p.Tiers[i].Switches*width)
		for f, k := range flows {
			link := c.choose(int(at[f]), k)
			load[int(at[f])*width+link]++
			at[f] = uint16(link)
		}
		loads = append(loads, load)
	}
	return loads, nil
}
