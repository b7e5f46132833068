package main

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/internal/capture"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// A file is a capture in memory.
type file struct{ bytes.Buffer }

func (*file) Close() error { return nil }

// madeOf returns a capture of one frame of the built-in capture at each of some
// times.
func madeOf(t *testing.T, times ...time.Duration) *capture.Reader {
	t.Helper()
	var f file
	w, err := capture.NewWriter(&f)
	require.NoError(t, err)
	p := packetsOf(t, vipPcap)[10]
	start := p.Time
	for _, at := range times {
		p.Time = start.Add(at)
		require.NoError(t, w.Write(p))
	}
	require.NoError(t, w.Close())
	r, err := capture.NewReader(&f)
	require.NoError(t, err)
	return r
}

func newTestForwarder(t *testing.T) *forwarder {
	t.Helper()
	everything := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	f, err := newForwarder(forwarderConfig{
		strategy: selector.Bounded{}, prefixes: everything, sticky: true, flows: 1000,
	})
	require.NoError(t, err)
	require.NoError(t, f.update(pods(3)))
	return f
}

// Packets of the same millisecond are one burst, up to the longest; every
// packet is seen once and in order; and time does not run backwards where the
// packets of a capture do.
func TestBursts(t *testing.T) {
	times := []time.Duration{time.Second, time.Second + 999*time.Microsecond, time.Second + time.Millisecond, 0,
		2 * time.Second, time.Second}
	for range 3 * engine.MaxBurst {
		times = append(times, 3*time.Second)
	}
	times = append(times, 2500*time.Millisecond) // begins a burst, being the next after a full one
	var bursts []time.Time
	var seen []time.Time
	p := player{
		forwarder: newTestForwarder(t),
		before: func(now time.Time) error {
			bursts = append(bursts, now)
			return nil
		},
		after: func(p capture.Packet, d engine.Decision) error {
			require.NotNil(t, d.Hop)
			seen = append(seen, p.Time)
			return nil
		},
	}
	require.NoError(t, p.play(madeOf(t, times...)))
	start := packetsOf(t, vipPcap)[10].Time
	require.Len(t, seen, len(times))
	for i := range times {
		require.Equal(t, times[i], seen[i].Sub(start))
	}
	require.Len(t, bursts, 7)
	for i, want := range []time.Duration{1000, 1001, 2000, 3000, 3000, 3000, 3000} {
		assert.Equal(t, want*time.Millisecond, bursts[i].Sub(start), i)
	}
}

// The flow table is swept by the capture's clock, however the packets come.
func TestSweep(t *testing.T) {
	for step, steps := range map[time.Duration]int{10 * time.Millisecond: 18000, time.Second: 180, 5 * time.Minute: 3} {
		f := newTestForwarder(t)
		now := time.Unix(1e9, 0)
		f.sweep(now)
		p := flowcache.NewPacket(&hash.Flow{Hash: 1 << 40, Proto: hash.UDP}, f.group.Salt(), 0)
		r := flowcache.NewSticky(f.flows).Route(p, f.group.Load().View(), time.Duration(now.UnixNano()))
		require.Equal(t, flowcache.Placed, r.Verdict)
		for range steps {
			now = now.Add(step)
			f.sweep(now)
		}
		assert.EqualValues(t, 1, f.flows.Stats().Expired, step)
	}
}
