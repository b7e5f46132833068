package bgp

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/osrg/gobgp/v4/pkg/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// What could not be told when a drain began, or was called off, is told by the
// next announcement.
func TestAnnouncementsAreTriedAgain(t *testing.T) {
	s, err := Start(config.BGP{AS: 65101, ID: netip.MustParseAddr("127.0.0.1"), Drain: time.Hour},
		slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.Close()) }()
	prefixes := []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}
	require.NoError(t, s.Announce(prefixes))

	working, failing := s.server, server.NewBgpServer() // which was not told who it is
	go failing.Serve()
	for _, change := range []struct {
		do      func() error
		leaving bool
	}{
		{func() error { _, err := s.Drain("a test"); return err }, true},
		{func() error { return s.Resume("a test") }, false},
	} {
		s.server = failing
		require.Error(t, change.do())
		s.server = working
		require.Equal(t, !change.leaving, leaving(t, s))
		require.NoError(t, s.Announce(prefixes))
		require.Equal(t, change.leaving, leaving(t, s))
	}
}

// leaving reports whether the one prefix that is announced has the community of
// graceful shutdown.
func leaving(t *testing.T, s *Speaker) (found bool) {
	t.Helper()
	request := apiutil.ListPathRequest{TableType: api.TableType_TABLE_TYPE_GLOBAL, Family: bgp.RF_IPv4_UC}
	prefixes := 0
	require.NoError(t, s.server.ListPath(request, func(_ bgp.NLRI, paths []*apiutil.Path) {
		prefixes++
		require.Len(t, paths, 1)
		for _, a := range paths[0].Attrs {
			_, is := a.(*bgp.PathAttributeCommunities)
			found = found || is
		}
	}))
	require.Equal(t, 1, prefixes)
	return found
}
