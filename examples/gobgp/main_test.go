package main

import (
	"bytes"
	"net/netip"
	"runtime"
	"testing"

	"github.com/osrg/gobgp/v4/pkg/apiutil"
	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func path(t *testing.T, hop string, communities ...uint32) *apiutil.Path {
	t.Helper()
	next, err := bgp.NewPathAttributeNextHop(netip.MustParseAddr(hop))
	require.NoError(t, err)
	attrs := []bgp.PathAttributeInterface{next}
	if len(communities) > 0 {
		attrs = append(attrs, bgp.NewPathAttributeCommunities(communities))
	}
	return &apiutil.Path{Best: true, Attrs: attrs}
}

// table is a GoBGP server with one prefix.
type table struct{ paths []*apiutil.Path }

func (s *table) ListPath(r apiutil.ListPathRequest, each func(bgp.NLRI, []*apiutil.Path)) error {
	nlri, err := bgp.NewIPAddrPrefix(netip.MustParsePrefix("198.18.0.0/24"))
	if err == nil && r.Family == bgp.RF_IPv4_UC && len(s.paths) > 0 {
		each(nlri, s.paths)
	}
	return err
}

func TestRefresh(t *testing.T) {
	const leaving = 0xffff0000
	a, b, c := path(t, "10.0.0.1"), path(t, "10.0.0.2"), path(t, "10.0.0.3")
	worse := path(t, "10.0.0.4")
	worse.Best = false
	var out bytes.Buffer
	s := &table{}
	r := newRouter(s, &out)
	for _, step := range []struct {
		paths []*apiutil.Path
		says  string
	}{
		{[]*apiutil.Path{b, a}, "198.18.0.0/24 by 10.0.0.1, 10.0.0.2: 100.0 % of new flows go elsewhere"},
		{[]*apiutil.Path{a, b, worse}, ""},
		{[]*apiutil.Path{a, b, c, c}, "198.18.0.0/24 by 10.0.0.1, 10.0.0.2, 10.0.0.3: "},
		{[]*apiutil.Path{a, path(t, "10.0.0.2", leaving), c}, "198.18.0.0/24 by 10.0.0.1, 10.0.0.3: "},
		{[]*apiutil.Path{path(t, "10.0.0.2", leaving)}, "198.18.0.0/24 by 10.0.0.2: "},
		{nil, "198.18.0.0/24 by nobody: "},
	} {
		out.Reset()
		s.paths = step.paths
		require.NoError(t, r.refresh())
		assert.Contains(t, out.String(), step.says)
		assert.Equal(t, step.says == "", out.Len() == 0, out.String())
	}
}

// The peers that are played are real ones, over TCP.
func TestPlay(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the loopback has one address elsewhere")
	}
	require.NoError(t, run(t.Context(), 65010, "127.0.0.1", nil))
}

func TestPeers(t *testing.T) {
	require.ErrorContains(t, run(t.Context(), 65010, "127.0.0.1", []string{"10.0.0.1"}), `peer "10.0.0.1"`)
	require.Error(t, run(t.Context(), 65010, "nobody", nil), "an ID that is no address")
}
