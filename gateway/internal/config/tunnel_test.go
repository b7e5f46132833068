package config_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// A tunnel leads to the address of its member, unless another one is given, and
// its packets to the router that is given, or that address on the link.
func TestTunnel(t *testing.T) {
	local := netip.MustParseAddr("10.9.1.1")
	for _, c := range []struct{ tunnel, remote, next string }{
		{`{"local": "10.9.1.1"}`, "192.0.2.7", "192.0.2.7"},
		{`{"local": "10.9.1.1", "remote": "192.0.2.9"}`, "192.0.2.9", "192.0.2.9"},
		{`{"local": "10.9.1.1", "via": "10.9.1.254"}`, "192.0.2.7", "10.9.1.254"},
		{`{"local": "10.9.1.1", "remote": "192.0.2.9", "via": "fe80::1"}`, "192.0.2.9", "fe80::1"},
	} {
		members, err := config.ParseMembers([]byte(`[{"id": "a", "dev": "lp1", "addr": "192.0.2.7", "tunnel": ` +
			c.tunnel + `}]`))
		require.NoError(t, err)
		m := members[0]
		want, err := engine.NewTunnel(local, netip.MustParseAddr(c.remote))
		require.NoError(t, err)
		assert.Equal(t, want, m.Outer(), c.tunnel)
		assert.Equal(t, c.next, m.NextHop().String(), c.tunnel)

		text, err := json.Marshal(members)
		require.NoError(t, err)
		assert.Contains(t, string(text), strings.ReplaceAll(c.tunnel, " ", ""))
		again, err := config.ParseMembers(text)
		require.NoError(t, err)
		assert.True(t, m.Equal(again[0]))
	}
	members, err := config.ParseMembers([]byte(`[{"id": "a", "dev": "lp1", "addr": "192.0.2.7"}]`))
	require.NoError(t, err)
	assert.Equal(t, engine.Tunnel{}, members[0].Outer())
	assert.Equal(t, "192.0.2.7", members[0].NextHop().String())
}

// A change may give a member a tunnel, leave that as it is, and take it away. A
// MAC address holds while frames go to the same address.
func TestTunnelChanges(t *testing.T) {
	m := config.Member{
		ID: "a", Dev: "lp1", Addr: netip.MustParseAddr("192.0.2.7"), Weight: 1, MAC: engine.MAC{2},
		Tunnel: config.Tunnel{Local: netip.MustParseAddr("10.9.1.1"), Via: netip.MustParseAddr("10.9.1.254")},
	}
	change := func(text string) (config.Member, error) {
		c, err := config.ParseMemberChange([]byte(text))
		require.NoError(t, err)
		return c.Of("a", &m)
	}
	same, err := change(`{"addr": "192.0.2.8", "weight": 2}`)
	require.NoError(t, err)
	assert.Equal(t, m.Tunnel, same.Tunnel)
	assert.Equal(t, m.MAC, same.MAC, "that of the router")
	assert.False(t, m.SamePlace(same), "another end")

	twin := m
	assert.True(t, m.Equal(twin))
	twin.Tunnel.Remote = netip.MustParseAddr("192.0.2.9")
	assert.False(t, m.Equal(twin))

	none, err := change(`{"tunnel": null}`)
	require.NoError(t, err)
	assert.Equal(t, config.Tunnel{}, none.Tunnel)
	assert.Zero(t, none.MAC)
	assert.False(t, m.Equal(none))

	other, err := change(`{"tunnel": {"local": "10.9.1.1"}}`)
	require.NoError(t, err)
	assert.Equal(t, config.Tunnel{Local: m.Tunnel.Local}, other.Tunnel)
	assert.Zero(t, other.MAC)

	_, err = change(`{"addr": "2001:db8::7"}`)
	var wrong *config.Error
	require.ErrorAs(t, err, &wrong)
	assert.Contains(t, wrong.Reason, `member "a": a tunnel from 10.9.1.1 to 2001:db8::7`)
}

// A data plane without tunnels says so.
func TestTunnelNeedsAPlane(t *testing.T) {
	tunnelled := strings.Replace(sample, `"weight": 0`, `"tunnel": {"local": "10.9.3.1"}`, 1)
	_, err := config.Parse("f.json", []byte(tunnelled), kinds())
	require.NoError(t, err)
	_, err = config.Parse("f.json", []byte(strings.Replace(tunnelled, `"afpacket"`, `"afxdp"`, 1)), kinds())
	require.EqualError(t, err, `f.json:13: member "pod3": "tunnel" needs another "io" than afxdp, which has none`)
}
