package plane

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/testbed"
	"github.com/ecmp-go/ecmp/selector"
)

// Each drop counts for the member or the service that the frame was for, in
// each plane, with however many workers. A service that left is forgotten, and
// begins at zero when it comes again.
func TestDropsAreToldByMemberAndService(t *testing.T) {
	forEach(t, func(t *testing.T, open func(*testing.T, Config, int) *bench) {
		b := open(t, Config{}, 2)
		send := b.raw(t)
		other := netip.MustParseAddr("172.16.0.99")
		empty, err := selector.NewGroup[engine.Adjacency](b.group.Domain(), selector.GroupConfig{Name: "empty",
			Strategy: selector.Maglev{}})
		require.NoError(t, err)
		vip := Service{Group: b.group, Prefixes: testbed.Prefixes()}
		both := []Service{vip, {Group: empty, Prefixes: []netip.Prefix{netip.PrefixFrom(other, 32)}}}
		require.NoError(t, b.plane.Sync(both))
		sent := uint64(0)
		play := func(times int, change func(frame []byte)) (c Counters) {
			t.Helper()
			for i := range times {
				f := datagram(uint16(i))
				change(f)
				send(f)
				sent++
			}
			require.Eventually(t, func() bool {
				c = b.plane.Counters()
				return c.In.Frames == sent
			}, time.Minute, time.Millisecond)
			return c
		}
		expired := func(f []byte) { f[14+8] = 1 }
		toOther := func(f []byte) { copy(f[14+16:], other.AsSlice()) }
		play(30, expired)
		play(20, toOther)
		require.NoError(t, b.Router.Do(func() error { return setOutputs(b.plane, testbed.Outputs(2)) }))
		c := play(50, func([]byte) {})
		lost := 50 - c.Members[2].Frames
		assert.Positive(t, lost)
		assert.Equal(t, map[uint16]Drops{1: {noOutput: lost}}, c.MemberDrops)
		assert.Equal(t, map[*engine.Group]Drops{b.group: {"TTL expired": 30}, empty: {"no member": 20}}, c.ServiceDrops)
		all := Drops{"TTL expired": 30, "no member": 20, noOutput: lost}
		assert.Equal(t, all, c.Dropped)

		assertTold(t, c)
		b.forgot = true
		require.NoError(t, b.plane.Sync(both[:1]))
		assert.Equal(t, map[*engine.Group]Drops{b.group: {"TTL expired": 30}}, b.plane.Counters().ServiceDrops)
		assert.Equal(t, all, b.plane.Counters().Dropped)
		require.NoError(t, b.plane.Sync(both))
		c = play(5, func(f []byte) { expired(f); toOther(f) })
		assert.Equal(t, Drops{"TTL expired": 5}, c.ServiceDrops[empty])
		assert.Equal(t, Drops{"TTL expired": 35, "no member": 20, noOutput: lost}, c.Dropped)
	})
}
