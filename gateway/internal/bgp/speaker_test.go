package bgp_test

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/bgp"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

func start(t *testing.T, c config.BGP) *bgp.Speaker {
	t.Helper()
	s, err := bgp.Start(c, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

func lonely(drain time.Duration) config.BGP {
	return config.BGP{AS: 65101, ID: netip.MustParseAddr("127.0.0.1"), Drain: drain,
		// nobody is at an address of TEST-NET-1
		Peers: []config.Peer{{Addr: netip.MustParseAddr("192.0.2.1"), AS: 65000, Hold: 9 * time.Second}}}
}

func prefixes(text ...string) []netip.Prefix {
	list := []netip.Prefix{}
	for _, p := range text {
		list = append(list, netip.MustParsePrefix(p))
	}
	return list
}

// What is announced is what was asked for last, whoever hears it.
func TestAnnounce(t *testing.T) {
	s := start(t, lonely(time.Hour))
	require.NoError(t, s.Connect())
	for _, want := range [][]netip.Prefix{
		prefixes("10.0.0.1/32", "2001:db8::1/128"), prefixes("10.0.0.1/32"), prefixes(), prefixes("10.0.0.0/24"),
	} {
		require.NoError(t, s.Announce(want))
		assert.Equal(t, want, s.State().Announced)
	}
	state := s.State()
	assert.Equal(t, bgp.Announcing, state.Phase)
	require.Len(t, state.Peers, 1)
	assert.False(t, state.Peers[0].Established(), "it is not there, which is a state")
	assert.NotEmpty(t, state.Peers[0].Session)
}

func TestDrain(t *testing.T) {
	s := start(t, lonely(time.Millisecond))
	require.NoError(t, s.Announce(prefixes("10.0.0.1/32")))
	done, err := s.Drain("a test")
	require.NoError(t, err)
	<-done
	assert.Equal(t, bgp.Withdrawn, s.State().Phase)
	assert.Empty(t, s.State().Announced)
	require.NoError(t, s.Announce(prefixes("10.0.0.2/32")))
	assert.Empty(t, s.State().Announced, "a service that came meanwhile")
	require.NoError(t, s.Resume("a test"))
	assert.Equal(t, prefixes("10.0.0.2/32"), s.State().Announced)
	assert.Equal(t, bgp.Announcing, s.State().Phase)
}

// A drain that is called off leaves everything announced.
func TestResumeDuringDrain(t *testing.T) {
	s := start(t, lonely(time.Hour))
	require.NoError(t, s.Announce(prefixes("10.0.0.1/32")))
	done, err := s.Drain("a test")
	require.NoError(t, err)
	assert.Equal(t, bgp.Draining, s.State().Phase)
	assert.Equal(t, prefixes("10.0.0.1/32"), s.State().Announced, "until the time is over")
	again, err := s.Drain("another")
	require.NoError(t, err)
	assert.Equal(t, done, again)
	require.NoError(t, s.Resume("a test"))
	<-done
	assert.Equal(t, prefixes("10.0.0.1/32"), s.State().Announced)
}

func TestListenFails(t *testing.T) {
	c := lonely(0)
	c.Listen = netip.MustParseAddrPort("192.0.2.7:179") // no address of this host
	_, err := bgp.Start(c, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "192.0.2.7")
}
