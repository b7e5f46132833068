package xdp

import (
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// onOneProcessor keeps the calling goroutine on one processor until the test
// ends, where the program has the counters of that one.
func onOneProcessor(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	var all, one unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(0, &all))
	for cpu := 0; ; cpu++ {
		if all.IsSet(cpu) {
			one.Set(cpu)
			break
		}
	}
	require.NoError(t, unix.SchedSetaffinity(0, &one))
	t.Cleanup(func() {
		require.NoError(t, unix.SchedSetaffinity(0, &all))
		runtime.UnlockOSThread()
	})
}

// The slow path gets as many pings as it may answer, and all else that it got:
// pings of others than the gateway's own addresses, and errors.
func TestPingsOverTheRate(t *testing.T) {
	const rate = 3
	onOneProcessor(t)
	r := newFixtureWith(t, plane.Config{Sticky: &flowcache.Config{Flows: 1000}, ICMP: plane.ICMP{Pings: rate}},
		selector.Maglev{}, selector.Maglev{}, selector.Maglev{})
	of := func(prefixes ...string) (list []netip.Prefix) {
		for _, p := range prefixes {
			list = append(list, netip.MustParsePrefix(p))
		}
		return list
	}
	r.list = []plane.Service{
		{Group: r.groups[0], Own: true, Prefixes: of("10.0.0.1/32", "fd00::1/128")},
		{Group: r.groups[1], Own: true, Prefixes: of("10.0.0.2/32", "10.1.0.0/24", "fd00:1::/64")},
		{Group: r.groups[2], Prefixes: of("10.0.0.3/32", "fd00::3/128")},
	}
	for i := range r.groups {
		r.update(i, hopsFor(1)...)
	}
	action := func(frame []byte) uint32 {
		a, _ := r.run(frame)
		return a
	}
	dropped := func() uint64 { return r.Counters().Dropped[tooManyPings.reason()] }
	own := [][]byte{pingOf("10.0.0.1"), pingOf("fd00::1"), pingOf("10.0.0.2")}
	for i := range rate {
		assert.EqualValues(t, xdpPass, action(own[i]))
	}
	for i, f := range own {
		assert.EqualValues(t, xdpDrop, action(f))
		assert.EqualValues(t, i+1, dropped())
	}
	c := r.Counters()
	assert.EqualValues(t, 2, c.ServiceDrops[r.groups[0]][tooManyPings.reason()])
	assert.EqualValues(t, 1, c.ServiceDrops[r.groups[1]][tooManyPings.reason()])
	assert.EqualValues(t, 3, c.In.Frames)

	reply, fails, udp := pingOf("10.0.0.1"), pingOf("fd00::1"), pingOf("10.0.0.1")
	reply[ipv4End], fails[ipAt+40] = 0, 1
	udp[ipAt+9] = hash.SCTP
	for range 2 * rate {
		for _, f := range [][]byte{pingOf("10.1.0.1"), pingOf("fd00:1::1"), pingOf("10.0.0.3"), pingOf("fd00::3"),
			pingOf("10.9.9.9"), reply, fails, udp} {
			assert.EqualValues(t, xdpPass, action(f))
		}
	}
	assert.EqualValues(t, 3, dropped())

	r.advance(time.Second / rate)
	assert.EqualValues(t, xdpPass, action(own[0]))
	assert.EqualValues(t, xdpDrop, action(own[1]))
	r.advance(time.Hour)
	for range rate {
		assert.EqualValues(t, xdpPass, action(own[1]))
	}
	assert.EqualValues(t, xdpDrop, action(own[0]))
	assert.Zero(t, r.Flows().Stats().Flows)

	// An address that is not served any more, and a plane whose members get pings.
	r.list = r.list[1:]
	require.NoError(t, r.Sync(r.list))
	assert.EqualValues(t, xdpPass, action(own[0]))
	assert.EqualValues(t, xdpDrop, action(own[2]))
}

// Where members get pings, all of them pass to the slow path.
func TestPingsOfMembers(t *testing.T) {
	r := newFixture(t, 0, selector.Maglev{})
	r.list[0].Own, r.list[0].Prefixes = true, []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}
	r.update(0, hopsFor(1)...)
	for range 100 {
		a, _ := r.run(pingOf("10.0.0.1"))
		require.EqualValues(t, xdpPass, a)
	}
}
