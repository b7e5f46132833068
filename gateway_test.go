package ecmp_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/ecmp-go/ecmp/symmetric"
)

// A gateway is one router: a group, a flow table, and a symmetric hash.
type gateway struct {
	t      *testing.T
	hasher hash.Hasher
	group  *selector.Group[string]
	sticky *flowcache.Sticky
	table  *flowcache.Table
}

func newGateway(t *testing.T, s selector.Strategy, members ...selector.Member) *gateway {
	t.Helper()
	domain := selector.NewDomain()
	group, err := selector.NewGroup[string](domain, selector.GroupConfig{Name: "172.16.0.20", Strategy: s})
	require.NoError(t, err)
	table, err := flowcache.NewTable(flowcache.Config{Domain: domain, Flows: 100_000})
	require.NoError(t, err)
	g := &gateway{
		t: t, hasher: symmetric.Hasher{Base: hash.XX{Seed: 7}},
		group: group, sticky: flowcache.NewSticky(table), table: table,
	}
	g.set(members...)
	return g
}

func (g *gateway) set(members ...selector.Member) *selector.Snapshot[string] {
	g.t.Helper()
	hops := make([]selector.Hop[string], len(members))
	for i, m := range members {
		hops[i] = selector.Hop[string]{ID: m.ID, Weight: m.Weight, Value: m.ID}
	}
	s, err := g.group.Update(hops)
	require.NoError(g.t, err)
	return s
}

// forward routes a packet of the flow at time now.
func (g *gateway) forward(k hash.FlowKey, flags hash.TCPFlags, now time.Duration) (pod string, v flowcache.Verdict) {
	s := g.group.Load()
	p := flowcache.NewPacket(&hash.Flow{Hash: g.hasher.Hash(k), Proto: k.Proto(), Flags: flags}, s.View().Salt(), 0)
	r := g.sticky.Route(p, s.View(), now)
	if r.Member < 0 {
		return "", r.Verdict
	}
	return *s.At(r.Member), r.Verdict
}

// normal is what the hash alone says, as if no flow were remembered.
func (g *gateway) normal(k hash.FlowKey) string {
	s := g.group.Load()
	return *s.At(s.Select(g.hasher.Hash(k)))
}

// connect sends what establishes the flow, and returns its pod.
func (g *gateway) connect(k hash.FlowKey, now time.Duration) string {
	if k.Proto() == tcp {
		g.forward(k, hash.SYN, now)
		pod, _ := g.forward(k, hash.ACK, now)
		return pod
	}
	pod, _ := g.forward(k, 0, now)
	g.forward(k, 0, now+2*second)
	return pod
}

// clients returns flows to the VIP: TCP and UDP, IPv4 and IPv6.
func clients(n int) []hash.FlowKey {
	rng := rand.New(rand.NewPCG(172, 20))
	vip4, vip6 := netip.MustParseAddr("172.16.0.20"), netip.MustParseAddr("2001:db8::20")
	keys := make([]hash.FlowKey, n)
	for i := range keys {
		proto, port := uint8(tcp), uint16(80)
		if i%2 == 1 {
			proto, port = udp, 53
		}
		src, dst := netip.AddrFrom4([4]byte{10, byte(rng.Uint32()), byte(i >> 8), byte(i)}), vip4
		if i%4 >= 2 {
			a := netip.MustParseAddr("2001:db8:1::").As16()
			a[13], a[14], a[15] = byte(rng.Uint32()), byte(i>>8), byte(i)
			src, dst = netip.AddrFrom16(a), vip6
		}
		keys[i] = hash.NewFlowKey(proto, netip.AddrPortFrom(src, uint16(1024+rng.IntN(60000))),
			netip.AddrPortFrom(dst, port))
	}
	return keys
}

func pods(from, to int) []selector.Member {
	var ids []string
	for i := from; i <= to; i++ {
		ids = append(ids, fmt.Sprintf("pod%02d", i))
	}
	return selector.Equal(ids...)
}

const (
	second = time.Second
	tcp    = 6
	udp    = 17
)
