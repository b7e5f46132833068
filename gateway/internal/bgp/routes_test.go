package bgp

import (
	"net/netip"
	"testing"

	"github.com/osrg/gobgp/v4/pkg/apiutil"
	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// learnedPath is a best path from a peer, with a bandwidth in bytes a second
// unless that is 0.
func learnedPath(t *testing.T, peer, hop string, bandwidth float32) *apiutil.Path {
	t.Helper()
	next, err := bgp.NewPathAttributeNextHop(netip.MustParseAddr(hop))
	require.NoError(t, err)
	p := &apiutil.Path{Best: true, PeerAddress: netip.MustParseAddr(peer), Attrs: []bgp.PathAttributeInterface{next}}
	if bandwidth > 0 {
		p.Attrs = append(p.Attrs, bgp.NewPathAttributeExtendedCommunities([]bgp.ExtendedCommunityInterface{
			bgp.NewLinkBandwidthExtended(65001, bandwidth)}))
	}
	return p
}

// hop is one whose router has its address.
func hop(addr string, weight uint32) Hop {
	a := netip.MustParseAddr(addr)
	return Hop{a, weight, []netip.Addr{a}}
}

func TestHops(t *testing.T) {
	a, b := learnedPath(t, "10.0.0.1", "10.0.0.1", 0), learnedPath(t, "10.0.0.2", "10.0.0.2", 0)
	assert.Equal(t, []Hop{hop("10.0.0.1", 1), hop("10.0.0.2", 1)}, hops([]*apiutil.Path{b, a}), "by address")

	longer := learnedPath(t, "10.0.0.3", "10.0.0.3", 0)
	longer.Best = false
	own := learnedPath(t, "10.0.0.3", "10.0.0.3", 0)
	own.PeerAddress = netip.Addr{}
	assert.Equal(t, []Hop{hop("10.0.0.1", 1)}, hops([]*apiutil.Path{longer, a, own}))

	again := learnedPath(t, "10.0.0.9", "10.0.0.1", 0)
	both := hop("10.0.0.1", 1)
	both.Routers = append(both.Routers, netip.MustParseAddr("10.0.0.9"))
	assert.Equal(t, []Hop{both}, hops([]*apiutil.Path{again, a, again}), "by way of two peers")
	assert.Empty(t, hops(nil))
}

// Weights are bandwidths if all paths have one: a path without one has no
// weight that could be compared.
func TestHopsByBandwidth(t *testing.T) {
	a := learnedPath(t, "10.0.0.1", "10.0.0.1", 3.75e8) // frr: set extcommunity bandwidth 3000
	b := learnedPath(t, "10.0.0.2", "10.0.0.2", 1.25e8)
	assert.Equal(t, []Hop{hop("10.0.0.1", 3000), hop("10.0.0.2", 1000)}, hops([]*apiutil.Path{a, b}))
	assert.Equal(t, []Hop{hop("10.0.0.1", 3000)}, hops([]*apiutil.Path{a}), "and stays as it is without the other")
	none := learnedPath(t, "10.0.0.3", "10.0.0.3", 0)
	assert.Equal(t, []Hop{hop("10.0.0.1", 1), hop("10.0.0.3", 1)}, hops([]*apiutil.Path{a, none}), "all or none")
	small := learnedPath(t, "10.0.0.4", "10.0.0.4", 1)
	assert.Equal(t, []Hop{hop("10.0.0.4", 1)}, hops([]*apiutil.Path{small}))
}
