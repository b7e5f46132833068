package services_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/health"
	"github.com/ecmp-go/ecmp/gateway/internal/host"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// Members that are asked by their service have a path for each of its addresses
// that they are asked by, and those that can't be asked so are refused by any
// change, which changes nothing.
func TestPaths(t *testing.T) {
	f := newRegistry(t)
	var asked []health.Target
	f.Check = func(list []health.Target) { asked = list }
	first, second, third := service(t, config.Default, vip, "maglev", pods(1, 2)),
		service(t, "dns", other, "maglev", pods(2)),
		service(t, "plain", netip.MustParseAddr("172.16.9.9"), "maglev", pods(3))
	first.Check = &health.Check{By: health.TCP, Port: 80, Interval: time.Second, ToVIP: true}
	second.Check, third.Check = first.Check, &health.Check{By: health.TCP, Port: 80, Interval: time.Second}
	require.NoError(t, f.Replace([]config.Service{first, second, third}, "through"))
	var want []host.Path
	for _, target := range asked[:3] {
		want = append(want, services.PathOf(target))
	}
	assert.Equal(t, want, f.Paths())
	at := pods(2)[0]
	require.NotZero(t, at.MAC, "which was given")
	assert.Equal(t, host.Path{
		VIP: second.Prefixes[0].Addr(), Hop: host.Hop{Dev: at.Dev, Addr: at.Addr, MAC: at.MAC},
	}, want[2])
	assert.False(t, asked[3].Via.IsValid())

	six, far := pods(4)[0], pods(5)[0]
	six.Addr = netip.MustParseAddr("fd09::2")
	far.Tunnel.Local = netip.MustParseAddr("10.9.1.1")
	var many []config.Member
	for i := range host.MostHops + 1 {
		m := pods(1)[0]
		m.ID = string(rune('a'+i/26)) + string(rune('a'+i%26))
		m.Addr = netip.AddrFrom4([4]byte{10, 8, byte(i >> 8), byte(i)})
		many = append(many, m)
	}
	for want, members := range map[string][]config.Member{
		"no \"vip\" of that version": {six}, "has a tunnel": {far}, "at most 256 members": many,
	} {
		require.ErrorContains(t, f.SetMembers("dns", members), want)
		require.ErrorContains(t, f.TryMembers("dns", members), want)
		now, err := f.Members("dns")
		require.NoError(t, err)
		assert.Equal(t, second.Members, now)
	}
	require.NoError(t, f.SetMembers("plain", []config.Member{six}), "which is asked at its own address")
	assert.Len(t, f.Paths(), 3)
}
