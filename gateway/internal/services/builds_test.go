package services_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/fakeplane"
	"github.com/ecmp-go/ecmp/gateway/internal/health"
	"github.com/ecmp-go/ecmp/gateway/internal/links"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

// counted is a strategy that counts what it builds.
type counted struct {
	selector.Strategy
	builds *atomic.Int64 // several are built at the same time
}

func (c counted) Build(members []selector.Member) (selector.Selector, error) {
	c.builds.Add(1)
	s, err := c.Strategy.Build(members)
	return c.count(s), err
}

func (c counted) count(s selector.Selector) selector.Selector {
	if r, ok := s.(selector.Rebuilder); ok {
		return countedRebuilder{r, c}
	}
	return s
}

type countedRebuilder struct {
	selector.Rebuilder
	by counted
}

func (r countedRebuilder) Rebuild(members []selector.Member, prev []int32) (selector.Selector, error) {
	r.by.builds.Add(1)
	s, err := r.Rebuilder.Rebuild(members, prev)
	return r.by.count(s), err
}

// manyServices returns services of so many members each.
func manyServices(n, members int, strategy selector.Strategy) []config.Service {
	list := make([]config.Service, n)
	for i := range list {
		vip := netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)})
		list[i] = config.Service{
			Name: fmt.Sprint("service", i), Prefixes: []netip.Prefix{netip.PrefixFrom(vip, 32)}, Strategy: strategy,
		}
		for j := range members {
			list[i].Members = append(list[i].Members, pod(members*i+j, 1))
		}
	}
	return list
}

// start puts services in force.
func start(tb testing.TB, list []config.Service) fixture {
	tb.Helper()
	domain := selector.NewDomain()
	p, err := fakeplane.New(domain)
	require.NoError(tb, err)
	r := services.New(p, domain, []string{"lc"}, slog.New(slog.DiscardHandler))
	require.NoError(tb, r.Replace(list, "first"))
	return fixture{r, p}
}

// A change of one service builds its table once, and no other's.
func TestBuilds(t *testing.T) {
	for _, row := range catalog.All() {
		n := 50
		if row.Name == catalog.Default {
			n = 200
		}
		t.Run(row.Name, func(t *testing.T) {
			var builds atomic.Int64
			strategy := counted{row.Strategy, &builds}
			list := manyServices(n, 3, strategy)
			r := start(t, list)
			takes := func(want int, what string, change func() error) {
				t.Helper()
				builds.Store(0)
				require.NoError(t, change(), what)
				assert.EqualValues(t, want, builds.Load(), what)
			}
			assert.EqualValues(t, n, builds.Load(), "the start")
			takes(1, "a drain", func() error { return r.Drain("service7", "pod21") })
			takes(1, "a removal", func() error { return r.Delete("service8", "pod24") })
			takes(0, "a carrier", func() error { return r.SetLink(links.Link{Name: "lp30"}) })
			takes(0, "another MAC address", func() error {
				return r.SetLink(links.Link{Name: "lp31", Index: 31, MAC: pod(99, 1).MAC, Carrier: true})
			})
			require.NoError(t, r.Replace(list, "first"))

			next := slices.Clone(list)
			next[9].Members = next[9].Members[:2]
			takes(1, "a reload", func() error { return r.Replace(next, "second") })
			next = slices.Clone(next)
			next[10].Prefixes = append(next[10].Prefixes, netip.MustParsePrefix("10.0.0.0/8"))
			takes(0, "a reload with another prefix", func() error { return r.Replace(next, "third") })
			takes(1, "a reload with one more", func() error {
				more := config.Service{Name: "more", Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")},
					Strategy: strategy, Members: pods(800)}
				return r.Replace(append(next, more), "fourth")
			})
			takes(0, "a reload with one less", func() error { return r.Replace(next[1:], "fifth") })

			next = slices.Clone(next[1:])
			for i := range 2 {
				next[12+i].Members = slices.Clone(next[12+i].Members)
				next[12+i].Members[0].MAC[0] = 6
			}
			takes(0, "a reload with two other MAC addresses", func() error { return r.Replace(next, "sixth") })
			next = slices.Clone(next)
			next[14].Members = nil
			next[15].Members = []config.Member{pod(801, 0), pod(802, 0)}
			next[16].Members = next[16].Members[:2]
			takes(1, "a reload that drains two and changes one", func() error { return r.Replace(next, "seventh") })

			next = slices.Clone(next)
			for i := range 4 {
				next[20+i].Members = next[20+i].Members[:2]
			}
			takes(4, "a reload of four", func() error {
				return r.Replace(next, "eighth")
			})
		})
	}
}

// A change of one service leaves all others alone: their groups, what the plane
// has open, whom the kernel resolves and who is asked whether it serves.
func TestOthersAreNotTouched(t *testing.T) {
	list := manyServices(20, 3, selector.Bounded{})
	for i := range list {
		list[i].Check = &health.Check{By: health.TCP, Port: 80}
		list[i].Members[0].MAC = engine.MAC{}
	}
	f := start(t, list)
	kept, checks := 0, 0
	f.Keep = func(int, netip.Addr) { kept++ }
	for i := range 60 {
		require.NoError(t, f.SetLink(link(fmt.Sprint("lp", i), 100+i)))
	}
	assert.Equal(t, 20, kept)
	f.Check = func([]health.Target) { checks++ }
	versions, opens := f.versions(), f.plane.Opens()
	changes := func(what string, services ...string) {
		t.Helper()
		now := f.versions()
		for name, version := range now {
			if slices.Contains(services, name) {
				assert.Equal(t, versions[name]+1, version, "%s: %s", what, name)
			} else {
				assert.Equal(t, versions[name], version, "%s: %s", what, name)
			}
		}
		versions = now
	}
	require.NoError(t, f.Drain("service7", "pod22"))
	changes("a drain", "service7")
	next := slices.Clone(list)
	next[8].Members = slices.Clone(next[8].Members)
	next[8].Members[1].Weight = 5
	require.NoError(t, f.Replace(next, "second"))
	changes("a reload", "service8")
	assert.Equal(t, opens, f.plane.Opens(), "no interface came or went")
	assert.Equal(t, 20, kept)
	moved := links.Neighbour{Index: 127, Addr: list[9].Members[0].Addr, MAC: engine.MAC{2, 1}}
	require.NoError(t, f.SetNeighbour(moved))
	changes("a neighbour", "service9")
	down := link("lp31", 131)
	down.Carrier = false
	require.NoError(t, f.SetLink(down))
	changes("a carrier")
	require.NoError(t, f.SetLink(links.Link{Name: "lp31", Index: 131, Carrier: true, MAC: engine.MAC{2, 99}}))
	changes("another interface", "service10")
	next = slices.Clone(next)
	next[11].Members = append(slices.Clone(next[11].Members), pod(4, 1))
	opens = f.plane.Opens()
	require.NoError(t, f.Replace(next, "third"))
	changes("a pod of another service", "service11")
	assert.Equal(t, opens+1, f.plane.Opens())
	target := health.Target{Service: "service12", Member: "pod37", Addr: pod(37, 1).Addr, Check: *list[12].Check}
	require.NoError(t, f.SetHealth(target, errors.New("closed")))
	changes("a check")
	assert.NotContains(t, f.weights("service12"), "pod37")
}

// asked is a strategy that counts how often its selectors are asked. They show
// no table, so that who wants to know who owns what has to ask.
type asked struct {
	selector.Strategy
	times *atomic.Int64
}

func (a asked) Build(members []selector.Member) (selector.Selector, error) {
	s, err := a.Strategy.Build(members)
	return askedSelector{s, a.times}, err
}

type askedSelector struct {
	selector.Selector
	times *atomic.Int64
}

func (s askedSelector) Select(h uint64) int32 {
	s.times.Add(1)
	return s.Selector.Select(h)
}

// Who owns what is looked up where it may have changed, and nowhere else.
func TestOwnedIsReadWhereItChanged(t *testing.T) {
	var times atomic.Int64
	list := manyServices(10, 3, asked{selector.Maglev{}, &times})
	f := start(t, list)
	reads := func(what string, change func() error) int64 {
		t.Helper()
		times.Store(0)
		require.NoError(t, change(), what)
		return times.Load()
	}
	owns := func(service int) (owned float64) {
		for _, m := range f.Stats().Services[service].Members {
			owned += m.Owned
		}
		return owned
	}
	assert.InDelta(t, 1, owns(0), 1e-9, "the start")
	next := slices.Clone(list)
	next[1].Prefixes = append(slices.Clone(next[1].Prefixes), netip.MustParsePrefix("10.0.0.0/8"))
	assert.Zero(t, reads("another prefix", func() error { return f.Replace(next, "second") }))
	up := link("lp0", 100)
	require.NoError(t, f.SetLink(up))
	f.plane.FailSync = assert.AnError
	down := up
	down.Carrier = false
	require.ErrorIs(t, f.SetLink(down), assert.AnError)
	f.plane.FailSync = nil
	assert.Zero(t, reads("all again", f.Reconcile))
	assert.Positive(t, reads("a drain", func() error { return f.Drain("service2", "pod6") }))
	assert.Zero(t, f.Stats().Services[2].Members[0].Owned)
	assert.InDelta(t, 1, owns(2), 1e-9)
	next = append(slices.Clone(next), service(t, "fresh", other, "maglev", pods(90)))
	require.NoError(t, f.Replace(next, "third"), "a service more")
	assert.InDelta(t, 1, owns(10), 1e-9)
}

// A member that two services have must not come to another place by a change of
// one, and may by a change of both.
func TestOnePlaceInEachService(t *testing.T) {
	list := manyServices(3, 2, selector.Bounded{})
	list[1].Members = append(list[1].Members, pod(0, 1))
	f := start(t, list)
	elsewhere := pod(0, 1)
	elsewhere.Dev = "lp99"
	var refused *services.RefusedError
	require.ErrorAs(t, f.SetMembers("service0", []config.Member{elsewhere}), &refused)
	require.ErrorAs(t, f.SetMembers("service2", []config.Member{elsewhere}), &refused)
	next := slices.Clone(list)
	next[0].Members = []config.Member{elsewhere}
	require.ErrorAs(t, f.Replace(next, "one"), &refused)
	next[1].Members = []config.Member{elsewhere}
	require.NoError(t, f.Replace(next, "both"))
	require.NoError(t, f.Delete("service1", "pod0"))
	require.NoError(t, f.SetMembers("service0", pods(0)), "it is in no other service")
	require.NoError(t, f.SetLink(links.Link{Name: "lp0"}))
	assert.Empty(t, f.weights("service0"), "it is known where it is")
}

// A member of several services that moves in all of them, or in one while
// another goes, is looked for at its new place alone.
func TestSharedMemberMoves(t *testing.T) {
	list := manyServices(2, 2, selector.Bounded{})
	list[1].Members = append(list[1].Members, pod(0, 1))
	moved := pod(0, 1)
	moved.Dev = "lp99"
	both := slices.Clone(list)
	both[0].Members, both[1].Members = []config.Member{moved}, []config.Member{moved}
	for what, next := range map[string][]config.Service{"in both": both, "and a service goes": both[:1]} {
		f := start(t, list)
		require.NoError(t, f.Replace(next, what))
		require.NoError(t, f.SetLink(links.Link{Name: "lp0"}))
		assert.Len(t, f.weights("service0"), 1, "%s: the old place does not count", what)
		require.NoError(t, f.SetLink(links.Link{Name: "lp99"}))
		assert.Empty(t, f.weights("service0"), "%s: the new place counts", what)
		assert.Empty(t, f.weights("service1"), what)
	}
}

// quiet is a plane that remembers nothing.
type quiet struct{ *fakeplane.Plane }

func (quiet) Sync([]plane.Service) error { return nil }

// BenchmarkDrain is the time of a change under the lock.
func BenchmarkDrain(b *testing.B) {
	for _, n := range []int{1, 50, 200, 1000} {
		b.Run(fmt.Sprint("services=", n), func(b *testing.B) {
			r := startQuiet(b, manyServices(n, 16, selector.Bounded{}))
			weight := uint32(0)
			for b.Loop() {
				_, _, err := r.Edit("service0", "pod0", func(m *config.Member, _ uint32) (config.Member, error) {
					next := *m
					next.Weight, weight = weight, 1-weight
					return next, nil
				})
				require.NoError(b, err)
			}
		})
	}
}

// BenchmarkReload changes one member of one service by a whole list.
func BenchmarkReload(b *testing.B) {
	list := manyServices(1000, 16, selector.Bounded{})
	r := startQuiet(b, list)
	weight := uint32(0)
	for b.Loop() {
		next := slices.Clone(list)
		next[5].Members = slices.Clone(next[5].Members)
		next[5].Members[0].Weight, weight = weight, 1-weight
		require.NoError(b, r.Replace(next, "next"))
	}
}

// BenchmarkStart puts all services in force.
func BenchmarkStart(b *testing.B) {
	list := manyServices(1000, 16, selector.Bounded{})
	for b.Loop() {
		startQuiet(b, list)
	}
}

func startQuiet(b *testing.B, list []config.Service) *services.Registry {
	b.Helper()
	domain := selector.NewDomain()
	p, err := fakeplane.New(domain)
	require.NoError(b, err)
	r := services.New(quiet{p}, domain, []string{"lc"}, slog.New(slog.DiscardHandler))
	require.NoError(b, r.Replace(list, "first"))
	return r
}
