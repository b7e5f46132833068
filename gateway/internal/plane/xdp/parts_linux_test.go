package xdp

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// partAddresses are those that the services of these tests have.
func partAddresses() []netip.Addr {
	return []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"),
		netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2")}
}

// drawParts gives each group a part of what is for a few addresses.
func drawParts(t *testing.T, rng *rand.Rand, r *fixture) (list []plane.Service) {
	t.Helper()
	var parts plane.Parts
	for len(list) < len(r.groups) {
		a := partAddresses()[rng.IntN(4)]
		s := plane.Service{Group: r.groups[len(list)], Prefixes: []netip.Prefix{netip.PrefixFrom(a, a.BitLen())}}
		switch rng.IntN(8) {
		case 0:
			s.Prefixes[0] = netip.PrefixFrom(a, a.BitLen()-2).Masked()
		case 1:
		case 2:
			s.Protocol = []uint8{hash.TCP, hash.UDP, hash.GRE, protoIPv4}[rng.IntN(4)]
		default:
			s.Protocol = []uint8{hash.TCP, hash.UDP}[rng.IntN(2)]
			for range 1 + rng.IntN(2) {
				first := 1 + rng.Uint32N(1<<16-1)>>rng.IntN(16)
				last := min(first+rng.Uint32N(1<<16)>>rng.IntN(17), 1<<16-1)
				s.Ports = append(s.Ports, plane.PortRange{First: uint16(first), Last: uint16(last)})
			}
		}
		tried := parts
		if tried.Add("any", s) == nil {
			list = append(list, s)
		}
		parts = plane.Parts{} // a part of one that was refused may be in it
		for _, s := range list {
			require.NoError(t, parts.Add("any", s))
		}
	}
	return list
}

// modelOf returns the service that has a packet, found as slowly as it can be
// read; -1: none has it.
func modelOf(list []plane.Service, c conversation) int {
	best, rank := -1, -1
	for i, s := range list {
		for part := range s.Parts() {
			port := c.dst.Port()
			if c.proto != hash.TCP && c.proto != hash.UDP {
				port = 0
			}
			is := part.Prefix.Bits()
			switch {
			case !part.Prefix.Contains(c.dst.Addr()), part.Protocol != 0 && part.Protocol != c.proto:
				continue
			case part.Ports.Last != 0:
				if port < part.Ports.First || port > part.Ports.Last {
					continue
				}
				is = 1000
			case part.Protocol != 0:
				is = 500
			}
			if is > rank {
				best, rank = i, is
			}
		}
	}
	return best
}

// The program, the engine and a slow model agree which service has a packet, by
// its address, protocol and port.
func TestPartsAgree(t *testing.T) {
	strategies := make([]selector.Strategy, 14)
	for i := range strategies {
		strategies[i] = selector.Maglev{Size: 7}
	}
	for _, flows := range []int{0, 1 << 14} {
		r := newFixture(t, flows, strategies...)
		for i := range r.groups {
			r.update(i, hopOf(uint16(i), 1))
		}
		rng := rand.New(rand.NewPCG(9, uint64(flows)))
		found := make(map[bool]int)
		for range 20 {
			list := drawParts(t, rng, r)
			require.NoError(t, r.Sync(list))
			routing, err := plane.NewRouting(list, testSeed)
			require.NoError(t, err)
			routing.Apply(r.engine)
			ports := []uint16{0, 1, 80, 1<<16 - 1, uint16(rng.Uint32())}
			for _, s := range list {
				for _, p := range s.Ports {
					ports = append(ports, p.First-1, p.First, p.Last, p.Last+1, uint16(rng.Uint32()))
				}
			}
			for range 400 {
				dst := partAddresses()[rng.IntN(4)]
				src := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, rng.Uint32()|1<<30)))
				if dst.Is6() {
					src = netip.AddrFrom16([16]byte{0x20, 1, 15: byte(rng.Uint32())})
				}
				c := conversation{netip.AddrPortFrom(src, uint16(rng.Uint32())),
					netip.AddrPortFrom(dst, ports[rng.IntN(len(ports))]),
					[]uint8{hash.TCP, hash.UDP, hash.TCP, hash.UDP, hash.GRE, protoIPv4}[rng.IntN(6)]}
				frame := c.frame(hash.ACK, 64, 40)
				want := modelOf(list, c)
				found[want >= 0]++
				if want < 0 {
					require.EqualValues(t, xdpPass, r.compare(frame), "%v %v", c, list)
					continue
				}
				require.EqualValues(t, xdpRedirect, r.compare(frame), "%v %v", c, list)
				require.EqualValues(t, want, r.member(frame), "%v %v", c, list)
			}
		}
		require.Greater(t, found[true], 1000)
		require.Greater(t, found[false], 500)
	}
}

// A range of ports is as few prefixes as make it up, which have these ports and
// no others.
func TestKeysOfPorts(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for range 2000 {
		first := 1 + rng.Uint32N(1<<16-1)>>rng.IntN(16)
		last := min(first+rng.Uint32N(1<<16)>>rng.IntN(17), 1<<16-1)
		keys := keysOf(plane.Part{Prefix: netip.MustParsePrefix("10.0.0.1/32"), Protocol: hash.TCP,
			Ports: plane.PortRange{First: uint16(first), Last: uint16(last)}})
		require.LessOrEqual(t, len(keys), 30)
		next := first
		for _, k := range keys {
			free := familyBits + addressBits + protocolBits + portBits - k.Length
			port := uint32(binary.BigEndian.Uint16(k.End[1:]))
			require.Equal(t, next, port)
			require.Zero(t, port&(1<<free-1))
			next += 1 << free
		}
		require.Equal(t, last+1, next)
	}
}
