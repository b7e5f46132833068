package plane

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/gateway/internal/testbed"
)

// What waits for an interface that is down is lost when that is no output any
// more, and counted; its memory is not lost.
func TestOutputGoneWithFrames(t *testing.T) {
	b := newBench(t, NewAFXDP, Config{}, 1)
	free := func() (n int) {
		p := b.plane.(*userspace)
		p.mu.Lock()
		defer p.mu.Unlock()
		w := p.workers[0]
		w.between(func() { n = len(w.lane.(*afxdpLane).free) })
		return n
	}
	eventually := func(reached func() bool) {
		t.Helper()
		require.Eventually(t, reached, time.Minute, time.Millisecond)
	}
	before := free()
	require.NoError(t, b.Router.IP("link set lp1 down\n"))
	const frames = 10
	send := b.raw(t)
	for i := range uint16(frames) {
		send(datagram(i))
	}
	eventually(func() bool { return b.plane.Counters().In.Frames == frames })
	eventually(func() bool { return free() == before-frames })
	require.NoError(t, b.Router.Do(func() error { return setOutputs(b.plane, nil) }))
	eventually(func() bool { return free() == before })
	assert.Equal(t, Drops{"interface gone": frames}, b.plane.Counters().Dropped)

	require.NoError(t, b.Router.IP("link set lp1 up\n"))
	require.NoError(t, b.Router.Do(func() error { return setOutputs(b.plane, testbed.Outputs(1)) }))
	send(datagram(1))
	eventually(func() bool { return b.plane.Counters().Members[1].Frames == 1 })
}

// A lane says so if there is no descriptor left for what it opens first.
func TestLaneWithoutDescriptors(t *testing.T) {
	var limit unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	require.NoError(t, unix.Prlimit(0, unix.RLIMIT_NOFILE, &unix.Rlimit{Max: limit.Max}, nil))
	_, err := openAFXDPLane(nil, 0)
	require.NoError(t, unix.Prlimit(0, unix.RLIMIT_NOFILE, &limit, nil))
	require.ErrorIs(t, err, unix.EMFILE)
}

// A veth copies packets, and a plane of several says so.
func TestModeOfSeveralInterfaces(t *testing.T) {
	in := func(c Config) (Plane, error) {
		c.In = append(c.In, "lp1")
		return NewAFXDP(c)
	}
	b := newBench(t, in, Config{}, 1)
	assert.Equal(t, "AF_XDP, with a copy of each packet", b.plane.(*userspace).Mode())
}
