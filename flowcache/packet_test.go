package flowcache_test

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

func TestGroupsThatShareATableDoNotShareFlows(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	other, err := selector.NewGroup[string](r.domain, selector.GroupConfig{Name: "other",
		Strategy: selector.Rendezvous{}})
	require.NoError(t, err)
	_, err = other.Update([]selector.Hop[string]{{ID: "a", Weight: 1}})
	require.NoError(t, err)
	f := &hash.Flow{Hash: 42 << 32, Proto: hash.TCP, Flags: hash.SYN}
	of := func(v *selector.View) sent { return sent{flowcache.NewPacket(f, v.Salt(), 0), v} }
	one, two := of(r.view()), of(other.Load().View())
	_, v := r.send(one)
	assert.Equal(t, flowcache.Placed, v)
	_, v = r.send(two)
	assert.Equal(t, flowcache.Placed, v)
	_, v = r.send(one)
	assert.Equal(t, flowcache.Pinned, v)
}

// TestGroupsOfAScopeShareFlows has a prefix that goes from group to group,
// while one worker is a burst behind.
func TestGroupsOfAScopeShareFlows(t *testing.T) {
	d := selector.NewDomain()
	group := func(name string, ids ...string) *selector.Group[string] {
		g, err := selector.NewGroup[string](d, selector.GroupConfig{Name: name, Strategy: selector.Rendezvous{},
			Scope: "vrf"})
		require.NoError(t, err)
		var hops []selector.Hop[string]
		for _, id := range ids {
			hops = append(hops, selector.Hop[string]{ID: id, Weight: 1})
		}
		_, err = g.Update(hops)
		require.NoError(t, err)
		return g
	}
	r := newRouter(t, flowcache.Config{Domain: d})
	r.group = group("abc", "a", "b", "c")
	member := make(map[uint64]string)
	for f := range uint64(flows) {
		member[f] = r.connect(f)
	}
	abc := r.group
	r.group = group("abcd", "a", "b", "c", "d")
	for f, m := range member {
		r.expect(f, hash.ACK, m, flowcache.Pinned)
	}
	verdicts := make(map[flowcache.Verdict]int)
	for f := range uint64(flows) {
		r.connect(flows + f)
		_, v := r.send(packet(abc.Load().View(), flows+f, hash.TCP, hash.ACK))
		verdicts[v]++
	}
	assert.Positive(t, verdicts[flowcache.Rebalanced], "pinned to d, which the old group does not have")
	assert.Equal(t, flows, verdicts[flowcache.Rebalanced]+verdicts[flowcache.Pinned])
	assert.Zero(t, r.table.Stats().Moved)

	_, err := r.group.Update([]selector.Hop[string]{{ID: "a", Weight: 1}})
	require.NoError(t, err)
	for f, m := range member {
		want := flowcache.Rebalanced // abc has b and c
		if m == "a" {
			want = flowcache.Pinned
		}
		r.expect(f, hash.ACK, "a", want)
	}
}

func TestPacketsOfErrorsAndFragments(t *testing.T) {
	for name, h := range map[string]hash.Headers{
		"ICMP error":     {Proto: hash.ICMP, ICMPError: true},
		"first fragment": {Proto: hash.UDP, FragFirst: true},
		"later fragment": {Proto: hash.UDP, FragLater: true},
	} {
		assert.Equal(t, flowcache.LookupOnly, flowcache.HeadersPacket(&h, 1, 0, 0).Mode, name)
		assert.Equal(t, flowcache.Own, flowcache.InnerPacket(&h, 1, 0, 0).Mode, name)
	}
	for name, h := range map[string]hash.Headers{
		"inner ICMP error": {InnerProto: hash.ICMP, InnerICMPError: true},
		"inner fragment":   {InnerProto: hash.UDP, InnerFragment: true},
	} {
		assert.Equal(t, flowcache.Own, flowcache.HeadersPacket(&h, 1, 0, 0).Mode, name)
		assert.Equal(t, flowcache.LookupOnly, flowcache.InnerPacket(&h, 1, 0, 0).Mode, name)
	}
	f := hash.Flow{Hash: 5, Proto: hash.UDP, Kind: hash.LookupOnly | hash.Special}
	assert.Equal(t, flowcache.Packet{Digest: 5 ^ 7, Ref: 3, Mode: flowcache.LookupOnly}, flowcache.NewPacket(&f, 7, 3))
	h := hash.Headers{Proto: hash.TCP, TCPFlags: hash.SYN, InnerProto: hash.TCP, InnerFlags: hash.ACK}
	want := flowcache.Packet{Digest: 5 ^ 7, Ref: 3, Flags: hash.SYN, Class: flowcache.ClassTCP}
	assert.Equal(t, want, flowcache.HeadersPacket(&h, 5, 7, 3))
	want.Flags = hash.ACK
	assert.Equal(t, want, flowcache.InnerPacket(&h, 5, 7, 3))
	assert.EqualValues(t, 16, unsafe.Sizeof(want))
}

// TestForeignViewsAreCounted routes by a view whose slots mean nothing to the
// table.
func TestForeignViewsAreCounted(t *testing.T) {
	r, other := newRouter(t, flowcache.Config{}, "a"), newRouter(t, flowcache.Config{}, "x")
	r.connect(1)
	p := packet(other.view(), 1, hash.TCP, hash.ACK)
	m, v := r.send(p)
	assert.Equal(t, "x", m)
	assert.Equal(t, flowcache.Unpinned, v)
	routes := make([]flowcache.Route, 2)
	p.Ref = 1
	own := packet(r.view(), 1, hash.TCP, hash.ACK)
	r.RouteBatch(routes, []flowcache.Packet{own.Packet, p.Packet}, []*selector.View{r.view(), other.view()}, r.now)
	assert.Equal(t, []flowcache.Route{{0, flowcache.Pinned}, {0, flowcache.Unpinned}}, routes)
	assert.EqualValues(t, 2, r.table.Stats().Foreign)
}

func TestSkippedPacketsHaveNoMember(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	r.connect(1)
	list := []sent{packet(r.view(), 1, hash.TCP, hash.ACK), packet(r.view(), 1, hash.TCP, hash.ACK),
		packet(r.view(), 2, hash.TCP, hash.ACK)}
	list[0].Mode, list[2].Mode = flowcache.Skip, flowcache.Skip
	packets, views := burst(list)
	routes := make([]flowcache.Route, 3)
	r.RouteBatch(routes, packets, views, r.now)
	none := flowcache.Route{Member: -1, Verdict: flowcache.NoMember}
	assert.Equal(t, []flowcache.Route{none, {0, flowcache.Pinned}, none}, routes)
	assert.EqualValues(t, 1, r.table.Stats().Inserted)
	_, v := r.send(list[0])
	assert.Equal(t, flowcache.NoMember, v)
}

func TestVerdictNames(t *testing.T) {
	seen := make(map[string]bool)
	for v := flowcache.Pinned; v <= flowcache.NumVerdicts; v++ {
		seen[v.String()] = true
	}
	assert.Len(t, seen, flowcache.NumVerdicts+1)
}
