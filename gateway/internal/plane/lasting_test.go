package plane_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/fakeplane"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/selector"
)

// A mortal is a plane that ends when it is told to.
type mortal struct {
	*fakeplane.Plane
	end   chan error
	reads atomic.Int32 // of all flows
}

// Flows are those of the plane, and say whether all of them were read.
func (m *mortal) Flows() plane.Flows { return readFlows{m.Plane.Flows(), &m.reads} }

type readFlows struct {
	plane.Flows
	reads *atomic.Int32
}

func (f readFlows) Save(w io.Writer) error { f.reads.Add(1); return f.Flows.Save(w) }
func (f readFlows) Stats() plane.FlowStats { f.reads.Add(1); return f.Flows.Stats() }
func (f readFlows) Counts() plane.FlowStats {
	s := f.Flows.Stats()
	s.Flows = 0
	return s
}

// SetOutputs opens interfaces but for the one that there is none of.
func (m *mortal) SetOutputs(devices map[uint16]string) (plane.Faults, error) {
	_, err := m.Plane.SetOutputs(devices)
	faults := plane.Faults{}
	for _, name := range devices {
		if name == nowhere {
			faults[name] = plane.ErrNoInterface
		}
	}
	return faults, err
}

const nowhere = "no such interface"

func (m *mortal) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-m.end:
		return err
	}
}

// mortals make planes, and fail for as long as fault is set.
type mortals struct {
	mu    sync.Mutex
	fault error
	made  []*mortal
	seed  uint64 // of the one made last
}

func (m *mortals) open(c plane.Config) (plane.Plane, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault != nil {
		return nil, m.fault
	}
	m.seed = c.Seed
	fake, err := fakeplane.New(c.Domain)
	m.made = append(m.made, &mortal{Plane: fake, end: make(chan error, 1)})
	return m.made[len(m.made)-1], err
}

func (m *mortals) set(fault error) { m.mu.Lock(); m.fault = fault; m.mu.Unlock() }

// last returns the plane made last, when so many have been made.
func (m *mortals) last(t *testing.T, made int) *mortal {
	t.Helper()
	require.Eventually(t, func() bool { m.mu.Lock(); defer m.mu.Unlock(); return len(m.made) == made }, time.Minute,
		time.Millisecond)
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.made[made-1]
}

// A plane that can't go on is followed by one that has what it had. What both
// counted is added up.
func TestLasting(t *testing.T) {
	vip := netip.MustParseAddr("172.16.0.20")
	domain := selector.NewDomain()
	var m mortals
	m.set(plane.ErrNoInterface)
	p, err := plane.Last(plane.Kind{New: m.open}, plane.Config{Domain: domain, Sticky: &flowcache.Config{}},
		slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	group, err := selector.NewGroup[engine.Adjacency](domain, selector.GroupConfig{Name: "vip",
		Strategy: selector.Bounded{}})
	require.NoError(t, err)
	hops := []engine.Hop{{ID: "a", Weight: 1, Value: engine.Adjacency{ID: "a", Output: 1}},
		{ID: "b", Weight: 1, Value: engine.Adjacency{ID: "b", Output: 2}}}
	_, err = group.Update(hops)
	require.NoError(t, err)
	devices := map[uint16]string{1: "lo", 2: nowhere}
	faults, err := p.SetOutputs(devices)
	require.NoError(t, err)
	assert.Equal(t, plane.Faults{nowhere: plane.ErrNoInterface}, faults)
	require.NoError(t, p.Sync([]plane.Service{{Prefixes: []netip.Prefix{netip.PrefixFrom(vip, 32)}, Group: group}}))
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() { assert.NoError(t, p.Run(ctx)) })
	require.ErrorIs(t, p.Fault(), plane.ErrNoInterface)

	m.set(nil)
	p.Renew()
	first := m.last(t, 1)
	waits := func() {
		t.Helper()
		require.Eventually(t, func() bool { return p.Fault() == nil }, time.Minute, time.Millisecond)
	}
	waits()
	assert.Equal(t, devices, first.Devices())
	went := first.Receive(vip, 0, 300)
	_, err = group.Update(append(hops, engine.Hop{ID: "c", Weight: 1, Value: engine.Adjacency{ID: "c", Output: 1}}))
	require.NoError(t, err)
	first.Lose("vip", "b", "sender full")
	empty, err := selector.NewGroup[engine.Adjacency](domain, selector.GroupConfig{Name: "empty",
		Strategy: selector.Bounded{}})
	require.NoError(t, err)
	both := []plane.Service{{Prefixes: []netip.Prefix{netip.PrefixFrom(vip, 32)}, Group: group},
		{Prefixes: []netip.Prefix{netip.PrefixFrom(vip.Next(), 32)}, Group: empty}}
	require.NoError(t, p.Sync(both))
	first.Receive(vip.Next(), 0, 5)
	counters, flows := p.Counters(), p.Flows().Stats()
	assert.EqualValues(t, 306, counters.In.Frames)

	failure := errors.New("the interface is gone")
	m.set(failure)
	first.end <- failure
	require.Eventually(t, func() bool { return errors.Is(p.Fault(), failure) }, time.Minute, time.Millisecond)
	assert.Equal(t, counters, p.Counters())
	assert.Equal(t, flows, p.Flows().Stats())
	var saved countWriter
	require.NoError(t, p.Flows().Save(&saved))
	assert.Positive(t, saved, "who saves now loses no flow")
	m.set(nil)
	second := m.last(t, 2) // after a while
	waits()
	assert.Equal(t, went, second.Receive(vip, 0, 300), "flows stay where they were")
	assert.EqualValues(t, 606, p.Counters().In.Frames)
	second.Lose("vip", "b", "sender full")
	second.Receive(vip.Next(), 0, 5)
	assert.Equal(t, map[uint16]plane.Drops{2: {"sender full": 2}}, p.Counters().MemberDrops)
	assert.Equal(t, map[*engine.Group]plane.Drops{empty: {"no member": 10}}, p.Counters().ServiceDrops)
	assert.Equal(t, plane.Drops{"no member": 10, "sender full": 2}, p.Counters().Dropped)
	assert.Equal(t, flows.Placed, p.Flows().Stats().Placed)

	p.Renew()
	third := m.last(t, 3)
	waits()
	assert.True(t, p.SetCannot(nil), "it could not open an output, which nobody was told")
	assert.False(t, p.SetCannot(nil))
	assert.Equal(t, went, third.Receive(vip, 0, 300))
	assert.Equal(t, plane.Drops{"no member": 10}, p.Counters().ServiceDrops[empty])
	require.NoError(t, p.Sync(both[:1]))
	assert.Empty(t, p.Counters().ServiceDrops, "services that left are forgotten")
	assert.Equal(t, plane.Drops{"no member": 10, "sender full": 2}, p.Counters().Dropped)
	cancel()
	wait.Wait()
	require.NoError(t, p.Close())

	m.set(failure)
	_, err = plane.Last(plane.Kind{New: m.open}, plane.Config{}, slog.New(slog.DiscardHandler))
	require.ErrorIs(t, err, failure)
}

// seeded returns a plane whose hash has seed 3, with a service of one member.
func (m *mortals) seeded(t *testing.T) (*plane.Lasting, netip.Addr, *engine.Group) {
	t.Helper()
	vip := netip.MustParseAddr("172.16.0.20")
	domain := selector.NewDomain()
	p, err := plane.Last(plane.Kind{New: m.open}, plane.Config{Domain: domain, Sticky: &flowcache.Config{}, Seed: 3},
		slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	group, err := selector.NewGroup[engine.Adjacency](domain, selector.GroupConfig{Name: "vip",
		Strategy: selector.Bounded{}})
	require.NoError(t, err)
	_, err = group.Update([]engine.Hop{{ID: "a", Weight: 1, Value: engine.Adjacency{ID: "a"}}})
	require.NoError(t, err)
	_, err = p.SetOutputs(map[uint16]string{0: "lo"})
	require.NoError(t, err)
	require.NoError(t, p.Sync([]plane.Service{{Prefixes: []netip.Prefix{netip.PrefixFrom(vip, 32)}, Group: group}}))
	return p, vip, group
}

// A plane of another seed has what the one before had, but for the flows.
func TestSeed(t *testing.T) {
	var m mortals
	p, vip, group := m.seeded(t)
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() { assert.NoError(t, p.Run(ctx)) })
	first := m.last(t, 1)
	first.Receive(vip, 0, 100)
	require.Equal(t, 100, p.Flows().Stats().Flows)
	drained := []plane.Release{{Group: group, Member: "a", Which: plane.Connectionless}}
	require.NoError(t, p.Flows().Release(drained))
	reads := first.reads.Load()
	p.SetSeed(3) // as it is
	p.SetSeed(4)
	second := m.last(t, 2)
	require.Eventually(t, func() bool { return p.Fault() == nil }, time.Minute, time.Millisecond)
	assert.EqualValues(t, 4, m.seed)
	assert.Equal(t, reads, first.reads.Load(), "pins that are of no use are not read")
	assert.Zero(t, p.Flows().Stats().Flows)
	assert.EqualValues(t, 100, p.Flows().Stats().Placed, "what was counted goes on")
	assert.Equal(t, map[uint16]string{0: "lo"}, second.Devices())
	assert.Equal(t, map[string]plane.Released{"vip/a": plane.Connectionless}, second.Released, "drains that ended")
	assert.Equal(t, 1, second.Releases, "in one call")
	assert.NotContains(t, second.Receive(vip, 0, 100), "")
	p.Renew()
	m.last(t, 3)
	require.Eventually(t, func() bool { return p.Fault() == nil }, time.Minute, time.Millisecond)
	assert.Equal(t, 100, p.Flows().Stats().Flows, "later ones have them")

	_, err := group.Update([]engine.Hop{{ID: "b", Weight: 1, Value: engine.Adjacency{ID: "b"}}})
	require.NoError(t, err)
	p.Renew()
	fourth := m.last(t, 4)
	require.Eventually(t, func() bool { return p.Fault() == nil }, time.Minute, time.Millisecond)
	assert.Empty(t, fourth.Released, "a member that left")
	fourth.FailRelease = assert.AnError
	require.ErrorIs(t, p.Flows().Release(nil), assert.AnError)
	cancel()
	wait.Wait()
	require.NoError(t, p.Close())
}

// A seed that comes back before there is a plane of another one costs no flow.
func TestSeedThereAndBack(t *testing.T) {
	var m mortals
	p, vip, _ := m.seeded(t)
	m.last(t, 1).Receive(vip, 0, 100)
	p.SetSeed(4)
	p.SetSeed(3)
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() { assert.NoError(t, p.Run(ctx)) })
	m.last(t, 2)
	require.Eventually(t, func() bool { return p.Fault() == nil }, time.Minute, time.Millisecond)
	assert.EqualValues(t, 3, m.seed)
	assert.Equal(t, 100, p.Flows().Stats().Flows)
	cancel()
	wait.Wait()
	require.NoError(t, p.Close())
}

type countWriter int

func (c *countWriter) Write(p []byte) (int, error) {
	*c += countWriter(len(p))
	return len(p), nil
}

// during is what flows are saved to: it calls a function while they are, and
// returns once that has.
type during func()

func (d during) Write(b []byte) (int, error) {
	done := make(chan struct{})
	go func() { d(); close(done) }()
	select {
	case <-done:
		return len(b), nil
	case <-time.After(time.Minute):
		return 0, context.DeadlineExceeded
	}
}

// Neither a change nor the question whether packets are forwarded waits for
// flows that are being saved, be there a plane or not.
func TestNobodyWaitsForASave(t *testing.T) {
	var m mortals
	c := plane.Config{Domain: selector.NewDomain(), Sticky: &flowcache.Config{}}
	p, err := plane.Last(plane.Kind{New: m.open}, c, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	others := during(func() {
		if err := p.Sync(nil); err != nil {
			t.Error(err)
		}
		_ = p.Fault()
	})
	require.NoError(t, p.Flows().Save(others))

	m.set(plane.ErrNoInterface)
	running, stop := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() { assert.NoError(t, p.Run(running)) })
	m.last(t, 1).end <- plane.ErrNoInterface
	require.Eventually(t, func() bool { return errors.Is(p.Fault(), plane.ErrNoInterface) }, time.Minute,
		time.Millisecond)
	require.NoError(t, p.Flows().Save(others))
	stop()
	wait.Wait()
	require.NoError(t, p.Close())
}
