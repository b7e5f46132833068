package services_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/fakeplane"
	"github.com/ecmp-go/ecmp/gateway/internal/links"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/selector"
)

var (
	vip   = netip.MustParseAddr("172.16.0.20")
	other = netip.MustParseAddr("172.16.0.53")
)

func pod(i int, weight uint32) config.Member {
	return config.Member{
		ID: fmt.Sprintf("pod%d", i), Dev: fmt.Sprintf("lp%d", i), Addr: netip.AddrFrom4([4]byte{10, 9, byte(i), 2}),
		MAC: engine.MAC{2, 0, 0, 1, byte(i), 2}, Weight: weight,
	}
}

func pods(numbers ...int) (members []config.Member) {
	for _, i := range numbers {
		members = append(members, pod(i, 1))
	}
	return members
}

func service(t *testing.T, name string, to netip.Addr, strategyName string, members []config.Member) config.Service {
	t.Helper()
	s, err := selector.ParseStrategy(strategyName)
	require.NoError(t, err)
	return config.Service{Name: name, Prefixes: []netip.Prefix{netip.PrefixFrom(to, 32)}, Strategy: s, Members: members}
}

type fixture struct {
	*services.Registry
	plane *fakeplane.Plane
}

// newRegistry returns a registry with one service of three pods, and a flow
// table.
func newRegistry(t *testing.T) fixture {
	t.Helper()
	domain := selector.NewDomain()
	p, err := fakeplane.New(domain)
	require.NoError(t, err)
	f := fixture{services.New(p, domain, []string{"lc"}, slog.New(slog.DiscardHandler)), p}
	require.NoError(t, f.Replace([]config.Service{service(t, config.Default, vip, "maglev", pods(1, 2, 3))}, "first"))
	return f
}

// SetCarrier tells the registry of an interface that is there.
func (f fixture) SetCarrier(dev string, up bool) error {
	return f.SetLink(links.Link{Name: dev, Index: 1, Carrier: up})
}

func (f fixture) weights(name string) map[string]uint32 { return f.plane.Forwards()[name] }

// versions returns those of the groups: each update of one adds 1.
func (f fixture) versions() map[string]uint64 {
	versions := make(map[string]uint64)
	for _, s := range f.Stats().Services {
		versions[s.Name] = s.Version
	}
	return versions
}

func TestChanges(t *testing.T) {
	f := newRegistry(t)
	assert.Equal(t, map[string]uint32{"pod1": 1, "pod2": 1, "pod3": 1}, f.weights(config.Default))
	assert.Equal(t, map[uint16]string{0: "lp1", 1: "lp2", 2: "lp3"}, f.plane.Devices())

	require.NoError(t, f.Drain(config.Default, "pod2"))
	assert.Equal(t, map[string]uint32{"pod1": 1, "pod2": 0, "pod3": 1}, f.weights(config.Default))
	require.NoError(t, f.Drain(config.Default, "pod2"), "again")

	require.NoError(t, f.Delete(config.Default, "pod1"))
	assert.Equal(t, map[string]uint32{"pod2": 0, "pod3": 1}, f.weights(config.Default))
	assert.Equal(t, map[uint16]string{1: "lp2", 2: "lp3"}, f.plane.Devices(), "a member keeps its number")

	require.NoError(t, f.SetMembers(config.Default, pods(3, 4)))
	assert.Equal(t, map[string]uint32{"pod3": 1, "pod4": 1}, f.weights(config.Default))
	assert.Equal(t, map[uint16]string{0: "lp4", 2: "lp3"}, f.plane.Devices(), "the lowest number that is free")

	require.NoError(t, f.SetMembers(config.Default, nil))
	assert.Empty(t, f.weights(config.Default))
	assert.Empty(t, f.plane.Devices())
	require.NoError(t, f.SetMembers(config.Default, pods(1)))

	require.ErrorIs(t, f.Delete(config.Default, "pod9"), services.ErrNoMember)
	require.ErrorIs(t, f.Drain(config.Default, "pod9"), services.ErrNoMember)
	require.ErrorIs(t, f.Delete("web", "pod1"), services.ErrNoService)
	require.ErrorIs(t, f.Drain("web", "pod1"), services.ErrNoService)
	require.ErrorIs(t, f.SetMembers("web", nil), services.ErrNoService)
	_, err := f.Members("web")
	require.ErrorIs(t, err, services.ErrNoService)
}

// A member is told the weight it had before its drain, through other changes
// and as often as it is drained.
func TestWeightBeforeDrain(t *testing.T) {
	f := newRegistry(t)
	require.NoError(t, f.SetMembers(config.Default, []config.Member{pod(1, 5), pod(2, 1)}))
	require.NoError(t, f.Drain(config.Default, "pod1"))
	require.NoError(t, f.Drain(config.Default, "pod1"))
	require.NoError(t, f.Delete(config.Default, "pod2"))
	edit := func(present *config.Member, drained uint32) (config.Member, error) {
		assert.Equal(t, uint32(5), drained)
		present.Weight = drained
		return *present, nil
	}
	m, added, err := f.Edit(config.Default, "pod1", edit)
	require.NoError(t, err)
	assert.False(t, added)
	assert.Equal(t, uint32(5), m.Weight)
	assert.Equal(t, map[string]uint32{"pod1": 5}, f.weights(config.Default))
	_, _, err = f.Edit(config.Default, "pod1", func(present *config.Member, drained uint32) (config.Member, error) {
		assert.Zero(t, drained)
		present.Weight = 7
		return *present, errors.New("changed my mind")
	})
	require.Error(t, err)
	assert.Equal(t, map[string]uint32{"pod1": 5}, f.weights(config.Default))
	m, added, err = f.Edit(config.Default, "pod2", func(present *config.Member, _ uint32) (config.Member, error) {
		assert.Nil(t, present)
		return pod(2, 2), nil
	})
	require.NoError(t, err)
	assert.True(t, added)
	assert.Equal(t, pod(2, 2), m)
}

// Whatever fails on the way, the members, the outputs and what is forwarded are
// as before, and the change can be tried again.
func TestFailedChangesChangeNothing(t *testing.T) {
	failure := errors.New("no room")
	for name, c := range map[string]struct {
		fail func(p *fakeplane.Plane)
		next func() []config.Service
	}{
		"outputs": {func(p *fakeplane.Plane) { p.FailOutputs = failure }, nil},
		"sync":    {func(p *fakeplane.Plane) { p.FailSync = failure }, nil},
		"a weight": {nil, func() []config.Service {
			return []config.Service{
				service(t, config.Default, vip, "maglev", pods(2, 4)),
				service(t, "web", other, "maglev", []config.Member{pod(5, selector.MaxWeight), pod(6, 1)}),
			}
		}},
		"a strategy, which alone knows its history": {nil, func() []config.Service {
			return []config.Service{
				service(t, config.Default, vip, "maglev", pods(2, 4)),
				service(t, "anchor", other, "anchor", pods(5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
					20, 21)),
			}
		}},
		"a strategy, of the one group that changes": {nil, func() []config.Service {
			return []config.Service{
				service(t, config.Default, vip, "maglev", pods(1, 2, 3)),
				service(t, "anchor", other, "anchor", []config.Member{pod(1, 1), pod(5, 2)}),
			}
		}},
		"one member, two places": {nil, func() []config.Service {
			elsewhere := pod(4, 1)
			elsewhere.Dev = "lp9"
			return []config.Service{
				service(t, config.Default, vip, "maglev", pods(2, 4)),
				service(t, "web", other, "maglev", []config.Member{elsewhere}),
			}
		}},
	} {
		f := newRegistry(t)
		before := []config.Service{
			service(t, config.Default, vip, "maglev", pods(1, 2, 3)), service(t, "anchor", other, "anchor", pods(1, 5)),
		}
		require.NoError(t, f.Replace(before, "second"))
		forwards, devices, versions := f.plane.Forwards(), f.plane.Devices(), f.versions()
		went := f.plane.Receive(vip, 0, 50)
		next := []config.Service{service(t, config.Default, vip, "maglev", pods(1, 2, 3, 4)),
			service(t, "web", other, "maglev", pods(5))}
		if c.next != nil {
			next = c.next()
		}
		if c.fail != nil {
			c.fail(f.plane)
		}
		err := f.Replace(next, "third")
		require.Error(t, err, name)
		var refused *services.RefusedError
		assert.Equal(t, c.fail == nil, errors.As(err, &refused), "%s: %v", name, err)
		f.plane.FailOutputs, f.plane.FailSync = nil, nil
		if c.fail == nil {
			assert.Equal(t, versions, f.versions(), "%s: not even for a moment", name)
		}

		members, err := f.Members(config.Default)
		require.NoError(t, err)
		assert.Equal(t, pods(1, 2, 3), members, name)
		_, err = f.Members("web")
		require.ErrorIs(t, err, services.ErrNoService, name)
		assert.Equal(t, devices, f.plane.Devices(), name)
		assert.Equal(t, forwards, f.plane.Forwards(), name)
		assert.Equal(t, went, f.plane.Receive(vip, 0, 50), "%s: flows stay", name)
		assert.Equal(t, slotsOf(went), slotsOf(f.plane.Receive(vip, 1000, 50)),
			"%s: new flows go to the same members", name)
		next = []config.Service{service(t, config.Default, vip, "maglev", pods(2, 4)),
			service(t, "web", other, "maglev", pods(5))}
		require.NoError(t, f.Replace(next, "third"), name)
		assert.Equal(t, fakeplane.Forwarding{config.Default: {"pod2": 1, "pod4": 1}, "web": {"pod5": 1}},
			f.plane.Forwards(), name)
	}
}

// slotsOf returns who got flows.
func slotsOf(went []string) map[string]bool {
	set := make(map[string]bool)
	for _, id := range went {
		set[id] = true
	}
	return set
}

func TestServices(t *testing.T) {
	f := newRegistry(t)
	require.NoError(t, f.Replace([]config.Service{
		service(t, config.Default, vip, "maglev", pods(1, 2, 3)), service(t, "dns", other, "bounded", pods(3, 4)),
	}, "second"))
	assert.Equal(t, fakeplane.Forwarding{config.Default: {"pod1": 1, "pod2": 1, "pod3": 1},
		"dns": {"pod3": 1, "pod4": 1}}, f.plane.Forwards())
	require.NoError(t, f.Drain("dns", "pod3"))
	assert.Equal(t, fakeplane.Forwarding{config.Default: {"pod1": 1, "pod2": 1, "pod3": 1},
		"dns": {"pod3": 0, "pod4": 1}}, f.plane.Forwards())
	versions := f.Stats().Services
	assert.Equal(t, uint64(1), versions[0].Version, "not changed, not counted")
	assert.Equal(t, uint64(2), versions[1].Version)
	// A service that is removed gives back its name.
	for range 3 {
		require.NoError(t, f.Replace([]config.Service{service(t, "dns", other, "bounded", pods(3, 4))}, "third"))
		require.NoError(t, f.Replace([]config.Service{service(t, config.Default, vip, "maglev", pods(1))}, "fourth"))
	}
	assert.Equal(t, fakeplane.Forwarding{config.Default: {"pod1": 1}}, f.plane.Forwards())
}

func TestHealth(t *testing.T) {
	f := newRegistry(t)
	require.EqualError(t, f.Health(), "the data plane is not running")
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() { assert.NoError(t, f.Run(ctx)) })
	require.Eventually(t, func() bool { return f.Health() == nil }, waitFor, tick)
	require.NoError(t, f.SetCarrier("lc", false))
	require.EqualError(t, f.Health(), "no carrier on [lc]")
	require.NoError(t, f.SetCarrier("lc", true))
	require.NoError(t, f.Health())
	require.NoError(t, f.SetMembers(config.Default, []config.Member{pod(1, 0), pod(2, 1)}))
	require.NoError(t, f.Health())
	require.NoError(t, f.SetCarrier("lp2", false))
	require.EqualError(t, f.Health(), "no service has a member that takes flows")
	cancel()
	wait.Wait()
	require.EqualError(t, f.Health(), "the data plane is not running")
}

// A renewable plane may be being made anew.
type renewable struct {
	*fakeplane.Plane
	fault error
}

func (r *renewable) Fault() error { return r.fault }

// A plane that follows another one is no reason to withdraw anything; one that
// can't be made is.
func TestHealthyWhilePlaneIsRenewed(t *testing.T) {
	domain := selector.NewDomain()
	fake, err := fakeplane.New(domain)
	require.NoError(t, err)
	p := &renewable{Plane: fake}
	r := services.New(p, domain, []string{"lc"}, slog.New(slog.DiscardHandler))
	require.NoError(t, r.Replace([]config.Service{service(t, config.Default, vip, "maglev", pods(1))}, ""))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.Run(ctx) }()
	require.Eventually(t, func() bool { return r.Stats().Healthy }, time.Minute, time.Millisecond)
	p.fault = plane.ErrAnew
	require.True(t, r.Stats().Healthy)
	p.fault = plane.ErrNoInterface
	require.False(t, r.Stats().Healthy)
	cancel()
	require.NoError(t, <-ended)
}
