package pages

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/ecmp-go/ecmp/symmetric"
)

// A side is a router at one side of the firewalls.
type side struct {
	group  *selector.Group[struct{}]
	policy hash.Policy
}

func newSide(t *testing.T, policy hash.Policy, firewalls ...string) side {
	t.Helper()
	group, err := selector.NewGroup[struct{}](selector.NewDomain(), selector.GroupConfig{Strategy: selector.Bounded{}})
	require.NoError(t, err)
	s := side{group, policy}
	s.update(t, firewalls...)
	return s
}

func (s side) update(t *testing.T, firewalls ...string) {
	t.Helper()
	var hops []selector.Hop[struct{}]
	for _, f := range firewalls {
		hops = append(hops, selector.Hop[struct{}]{ID: f, Weight: 1})
	}
	_, err := s.group.Update(hops)
	require.NoError(t, err)
}

// meet counts the replies that meet the firewall of their request, of 1000
// conversations whose client has another address outside, if that is not nil.
func meet(inside, outside side, translated func(netip.AddrPort) netip.AddrPort) (met int) {
	server := netip.MustParseAddrPort("192.0.2.80:443")
	for port := range uint16(1000) {
		client := netip.AddrPortFrom(netip.MustParseAddr("10.0.0.7"), 40000+port)
		there := inside.group.Load().Select(inside.policy.Hash(hash.NewFlowKey(hash.TCP, client, server)))
		if translated != nil {
			client = translated(client)
		}
		back := outside.group.Load().Select(outside.policy.Hash(hash.NewFlowKey(hash.TCP, server, client)))
		if inside.group.Load().Member(there).ID == outside.group.Load().Member(back).ID {
			met++
		}
	}
	return met
}

// Each line of the page's table breaks what it says that it breaks.
func TestTrapsOfSymmetric(t *testing.T) {
	seed42 := hash.Policy{Hasher: hash.XX{Seed: 42}}
	good := symmetric.Policy(seed42)
	third := func(met int, what string) {
		t.Helper()
		assert.InDelta(t, 333, met, 60, what)
	}
	inside := newSide(t, good, "fw1", "fw2", "fw3")
	assert.Equal(t, 1000, meet(inside, newSide(t, good, "fw3", "fw2", "fw1"), nil))
	third(meet(inside, newSide(t, seed42, "fw1", "fw2", "fw3"), nil), "one side plain")
	third(meet(inside, newSide(t, symmetric.Policy(hash.Policy{Hasher: hash.XX{Seed: 43}}), "fw1", "fw2", "fw3"), nil),
		"another seed")
	half := symmetric.Policy(hash.Policy{Extractor: hash.SrcAddr | hash.SrcPort, Hasher: hash.XX{Seed: 42}})
	third(meet(newSide(t, half, "fw1", "fw2", "fw3"), newSide(t, half, "fw1", "fw2", "fw3"), nil), "sources alone")
	third(meet(inside, newSide(t, good, "fw1", "fw2", "fw3"), func(client netip.AddrPort) netip.AddrPort {
		return netip.AddrPortFrom(netip.MustParseAddr("198.51.100.1"), client.Port())
	}), "translated")
	for name, other := range map[string]hash.Policy{
		"plain": seed42, "seed": symmetric.Policy(hash.Policy{Hasher: hash.XX{Seed: 43}}),
	} {
		assert.NotEqual(t, good.Fingerprint(), other.Fingerprint(), name)
	}

	// Both sides change: all meet again. Until then, those that moved do not.
	outside := newSide(t, good, "fw1", "fw2", "fw3")
	inside.update(t, "fw1", "fw2", "fw3", "fw4")
	moved := inside.group.Load().Diff(outside.group.Load())
	assert.InDelta(t, 1-float64(moved.Moved)/float64(moved.Hashes), float64(meet(inside, outside, nil))/1000, 0.05)
	outside.update(t, "fw4", "fw3", "fw2", "fw1")
	assert.Equal(t, 1000, meet(inside, outside, nil))

	// A mark at one side alone sends its flows elsewhere there, and is no part
	// of a fingerprint.
	inside.group.Mark("fw2").SetDown(true)
	assert.Less(t, meet(inside, outside, nil), 850)
	assert.Equal(t, inside.group.Load().Fingerprint(), outside.group.Load().Fingerprint())
	outside.group.Mark("fw2").SetDown(true)
	assert.Equal(t, 1000, meet(inside, outside, nil))
}

// With a flow table at each side, open flows stay at their firewall while one
// joins, at one side first.
func TestFlowTablesOfSymmetric(t *testing.T) {
	policy := symmetric.Policy(hash.Policy{Hasher: hash.XX{Seed: 42}})
	sides := []side{newSide(t, policy, "fw1", "fw2", "fw3"), newSide(t, policy, "fw3", "fw2", "fw1")}
	var tables []*flowcache.Sticky
	for _, s := range sides {
		table, err := flowcache.NewTable(flowcache.Config{Domain: s.group.Domain(), Flows: 10_000})
		require.NoError(t, err)
		tables = append(tables, flowcache.NewSticky(table))
	}
	meet := func(flags ...hash.TCPFlags) (met int) {
		for flow := range uint64(1000) {
			var names [2]string
			for i, s := range sides { // the request comes to the first side, the reply to the second
				f := hash.Flow{Hash: flow * 0x9e3779b97f4a7c15, Proto: hash.TCP, Flags: flags[i]}
				packet := flowcache.NewPacket(&f, s.group.Salt(), 0)
				snapshot := s.group.Load()
				names[i] = snapshot.Member(tables[i].Route(packet, snapshot.View(), time.Second).Member).ID
			}
			if names[0] == names[1] {
				met++
			}
		}
		return met
	}
	assert.Equal(t, 1000, meet(hash.SYN, hash.SYN|hash.ACK))
	assert.Equal(t, 1000, meet(hash.ACK, hash.ACK))
	sides[0].update(t, "fw1", "fw2", "fw3", "fw4")
	assert.Equal(t, 1000, meet(hash.ACK, hash.ACK))
	sides[1].update(t, "fw4", "fw1", "fw2", "fw3")
	assert.Equal(t, 1000, meet(hash.ACK, hash.ACK))
	assert.Positive(t, sides[0].group.Load().Shares()[3])
}

// packet returns an IPv4 packet with a fragment offset in bytes.
func packet(proto byte, src, dst string, more bool, offset uint16, data []byte) []byte {
	p := make([]byte, 20, 20+len(data))
	p[0], p[8], p[9] = 0x45, 64, proto
	binary.BigEndian.PutUint16(p[2:], uint16(20+len(data)))
	binary.BigEndian.PutUint16(p[6:], offset/8)
	if more {
		p[6] |= 0x20
	}
	a, b := netip.MustParseAddr(src).As4(), netip.MustParseAddr(dst).As4()
	copy(p[12:], a[:])
	copy(p[16:], b[:])
	return append(p, data...)
}

func hashOf(t *testing.T, policy hash.Policy, packet []byte) uint64 {
	t.Helper()
	var h [1]hash.Headers
	require.NoError(t, hash.ParseIP(packet, &h[0]))
	var sums [1]uint64
	policy.HashHeaders(sums[:], h[:], [][]byte{packet})
	return sums[0]
}

// Fragments have no ports, so they meet whole packets only where ports do not
// count. An ICMP error has the hash of the packet that it is about.
func TestFragmentsAndErrorsOfSymmetric(t *testing.T) {
	ports := symmetric.Policy(hash.Policy{Extractor: hash.FiveTuple, Hasher: hash.XX{Seed: 42}})
	addresses := symmetric.Policy(hash.Policy{Extractor: hash.SrcAddr | hash.DstAddr, Hasher: hash.XX{Seed: 42}})
	const client, server = "10.0.0.7", "192.0.2.80"
	udp := func(src, dst uint16) []byte {
		b := make([]byte, 16)
		binary.BigEndian.PutUint16(b, src)
		binary.BigEndian.PutUint16(b[2:], dst)
		binary.BigEndian.PutUint16(b[4:], 16)
		return b
	}
	for n := range uint16(10) {
		request := packet(hash.UDP, client, server, false, 0, udp(4000+n, 53))
		reply := packet(hash.UDP, server, client, false, 0, udp(53, 4000+n))
		first := packet(hash.UDP, server, client, true, 0, udp(53, 4000+n))
		later := packet(hash.UDP, server, client, false, 16, make([]byte, 8))
		tooBig := packet(hash.ICMP, "203.0.113.1", server, false, 0, append([]byte{3, 4, 0, 0, 0, 0, 5, 0}, reply...))
		for name, policy := range map[string]hash.Policy{"ports": ports, "addresses": addresses} {
			want := hashOf(t, policy, request)
			what := fmt.Sprint(name, n)
			assert.Equal(t, want, hashOf(t, policy, reply), what)
			assert.Equal(t, want, hashOf(t, policy, tooBig), what)
			assert.Equal(t, hashOf(t, policy, first), hashOf(t, policy, later), what)
			assert.Equal(t, name == "addresses", want == hashOf(t, policy, later), what)
		}
	}
}
