package fib

import (
	"encoding/binary"
	"testing"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Hardware that forwards a route is told by a flag of the route, or of one of
// its next hops. No interface of a test has any.
func TestOffloaded(t *testing.T) {
	one := rtnetlink.RouteMessage{Family: unix.AF_INET, DstLength: 8, Type: unix.RTN_UNICAST, Table: 254}
	one.Attributes.Dst, one.Attributes.OutIface = []byte{10, 0, 0, 0}, 3
	two := one
	two.Attributes.OutIface = 0
	two.Attributes.Multipath = []rtnetlink.NextHop{
		{Hop: rtnetlink.RTNextHop{IfIndex: 3}}, {Hop: rtnetlink.RTNextHop{IfIndex: 4, Hops: 2}},
	}
	for _, m := range []rtnetlink.RouteMessage{one, two} {
		data, err := m.MarshalBinary()
		require.NoError(t, err)
		r, err := parseRoute(data)
		require.NoError(t, err)
		assert.False(t, r.Offloaded)
		assert.Len(t, r.Hops, max(1, len(m.Attributes.Multipath)))
		const flags = 8 // rtm_flags of struct rtmsg
		binary.NativeEndian.PutUint32(data[flags:], 0x4000)
		r, err = parseRoute(data)
		require.NoError(t, err)
		assert.True(t, r.Offloaded)
	}
	two.Attributes.Multipath[1].Hop.Flags = unix.RTNH_F_OFFLOAD | unix.RTNH_F_LINKDOWN
	data, err := two.MarshalBinary()
	require.NoError(t, err)
	r, err := parseRoute(data)
	require.NoError(t, err)
	assert.True(t, r.Offloaded)
	assert.Equal(t, []Hop{{Out: 3, Weight: 1}, {Out: 4, Weight: 3, Linkdown: true}}, r.Hops)
}
