package flowcache_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// updateAt is set for a change that several routers make.
func (r *router) updateAt(version uint64, members ...selector.Member) {
	r.t.Helper()
	_, err := r.group.UpdateAt(version, hopsOf(members))
	require.NoError(r.t, err)
}

// Flows that are older than a change of several routers, and come to one that
// has no pin of them, stay where they are until the change is settled.
func TestOlderFlowsGoByThePreviousView(t *testing.T) {
	const flows = 2000
	r := newRouter(t, flowcache.Config{}, "a", "b", "c", "d")
	before := r.view()
	was := func(flow uint64) string {
		p := packet(before, flow, hash.TCP, 0)
		return before.Member(before.Select(p.hash())).ID
	}
	members := selector.Equal("b", "c", "d", "e") // a left, e joined
	members[0].Weight = 0                         // b is drained
	r.updateAt(9, members...)
	owns := func(flow uint64) string {
		p := packet(r.view(), flow, hash.TCP, 0)
		return r.view().Member(r.view().Select(p.hash())).ID
	}
	moved := 0
	for flow := range uint64(flows) {
		want := was(flow)
		if want == "a" {
			want = owns(flow)
		}
		if want != owns(flow) {
			moved++
		}
		p := packet(r.view(), flow, hash.TCP, hash.ACK)
		p.Mode = flowcache.LookupOnly
		member, verdict := r.send(p)
		require.Equal(t, want, member)
		require.Equal(t, flowcache.Unpinned, verdict)

		p = packet(r.view(), flow, hash.UDP, 0)
		p.Mode = flowcache.LookupOnly
		member, _ = r.send(p)
		require.Equal(t, owns(flow), member, "nobody can tell how old it is")

		flags := []hash.TCPFlags{hash.ACK, hash.FIN | hash.ACK, hash.RST}[flow%3]
		r.expect(flow, flags, want, flowcache.Placed)
		r.expect(flow, hash.ACK, want, flowcache.Pinned)
		r.expect(flow+flows, hash.SYN, owns(flow+flows), flowcache.Placed)
		r.expect(flow+2*flows, hash.SYN|hash.ACK, owns(flow+2*flows), flowcache.Placed)
	}
	assert.Greater(t, moved, flows/8)

	r.domain.Mark("b").SetDown(true)
	for flow := range uint64(100) {
		member, _ := r.tcp(flow+5*flows, hash.ACK)
		require.NotEqual(t, "b", member)
	}
	r.domain.Mark("b").SetDown(false)

	r.group.Settle(9)
	for flow := range uint64(flows) {
		r.expect(flow+3*flows, hash.ACK, owns(flow+3*flows), flowcache.Placed)
	}
}

// A flow that goes by the previous view is pinned also where members are
// announced: its hash is not settled where it is.
func TestOlderFlowsArePinnedBesideAnnouncedMembers(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a", "b", "c", "d")
	before := r.view()
	members := selector.Equal("a", "b", "c", "d")
	members[0].Weight = 0
	r.updateAt(9, members...)
	_, err := r.group.Announce(selector.Equal("a")...)
	require.NoError(t, err)
	pinned := 0
	for flow := range uint64(2000) {
		p := packet(before, flow, hash.TCP, 0)
		if before.Member(before.Select(p.hash())).ID != "a" {
			continue
		}
		r.expect(flow, hash.ACK, "a", flowcache.Placed)
		pinned++
	}
	r.group.Settle(9)
	_, err = r.group.Announce()
	require.NoError(t, err)
	for flow := range uint64(2000) {
		p := packet(before, flow, hash.TCP, 0)
		if before.Member(before.Select(p.hash())).ID == "a" {
			r.expect(flow, hash.ACK, "a", flowcache.Pinned)
		}
	}
	assert.Positive(t, pinned)
}

func TestAssignDoesNotAskThePreviousView(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a", "b")
	r.updateAt(9, selector.Equal("a", "b", "c")...)
	for flow := range uint64(100) {
		p := packet(r.view(), flow, hash.TCP, hash.ACK)
		route := r.Assign(p.Packet, p.View, 2, r.now)
		require.Equal(t, flowcache.Route{Member: 2, Verdict: flowcache.Placed}, route)
	}
}
