package joined_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/cluster/embedded"
	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/fakeplane"
	"github.com/ecmp-go/ecmp/gateway/internal/joined"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

const web = "web"

// A gateway is one of a cluster, on a plane that forwards nothing.
type gateway struct {
	*services.Registry
	cluster *joined.Cluster
	domain  *selector.Domain
	plane   *fakeplane.Plane
	stop    func()
}

// free returns an address that nobody listens on at this moment.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// serve runs a NATS server at an address.
func serve(t *testing.T, at, store string) *server.Server {
	t.Helper()
	s, err := embedded.Start(embedded.Config{Name: "n1", Listen: at, Store: store})
	require.NoError(t, err)
	t.Cleanup(func() { halt(s) })
	return s
}

func halt(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

func settings(name, url string) config.Cluster {
	return config.Cluster{
		Name: "test", Gateway: name, Secret: "0123456789abcdef", URLs: []string{"nats://" + url},
		Replicas: 1, Heartbeat: 50 * time.Millisecond, Prepare: 2 * time.Second, Pins: true, Least: time.Minute,
	}
}

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

func serviceOf(members []config.Member) []config.Service {
	return []config.Service{{
		Name: web, Prefixes: []netip.Prefix{netip.MustParsePrefix("172.16.0.20/32")},
		Strategy: selector.Bounded{Slots: 4096},
		Members:  members,
	}}
}

// start starts a gateway, which need not reach the cluster.
func start(t *testing.T, k config.Cluster, change func(*joined.Options), members ...config.Member) *gateway {
	t.Helper()
	g := &gateway{domain: selector.NewDomain()}
	p, err := fakeplane.New(g.domain)
	require.NoError(t, err)
	g.plane = p
	g.Registry = services.New(p, g.domain, []string{"lc"}, slog.New(slog.DiscardHandler))
	o := joined.Options{
		Config: k, Services: g.Registry, Log: slog.New(slog.DiscardHandler), Policy: 1, SharesPins: true,
		Sticky: &flowcache.Config{Flows: 4096},
	}
	if change != nil {
		change(&o)
	}
	g.cluster = joined.New(o)
	g.Cluster = g.cluster
	require.NoError(t, g.Replace(serviceOf(members), ""))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	g.cluster.Follow(serviceOf(members))
	go func() {
		defer close(done)
		g.cluster.Run(ctx)
	}()
	g.stop = func() { cancel(); <-done }
	t.Cleanup(g.stop)
	return g
}

// joins waits until the gateway has joined its services.
func (g *gateway) joins(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, g.cluster.Wait(ctx))
}

func (g *gateway) weights() map[string]uint32 {
	weights := make(map[string]uint32)
	members, _ := g.Members(web)
	for _, m := range members {
		weights[m.ID] = m.Weight
	}
	return weights
}

func (g *gateway) view(t *testing.T) *selector.View {
	t.Helper()
	group, err := g.Group(web)
	require.NoError(t, err)
	return group.Load().View()
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			require.FailNow(t, "did not come: "+what)
		}
	}
}

// The first gateway makes the group of its configuration. All others take it
// over, whatever theirs says, but for where members are; a change at one of
// them is one of all.
func TestMembersOfAll(t *testing.T) {
	t.Parallel()
	at := free(t)
	serve(t, at, t.TempDir())
	one := start(t, settings("gw1", at), nil, pod(1, 3), pod(2, 1))
	one.joins(t)
	elsewhere := pod(2, 1)
	elsewhere.Dev = "eth7"
	two := start(t, settings("gw2", at), nil, pod(1, 1), elsewhere, pod(9, 1))
	two.joins(t)
	assert.Equal(t, map[string]uint32{"pod1": 3, "pod2": 1}, two.weights())
	assert.Equal(t, one.view(t).Fingerprint(), two.view(t).Fingerprint())
	there, err := two.Members(web)
	require.NoError(t, err)
	assert.Equal(t, "eth7", there[1].Dev)
	assert.Equal(t, []string{
		"service web: pod1 weighs 3 in the cluster, 1 in the configuration",
		"service web: pod9 is in the configuration, and not in the cluster",
	}, two.cluster.State().Configuration)
	assert.Empty(t, one.cluster.State().Configuration)

	require.NoError(t, two.Drain(web, "pod1"))
	_, added, err := two.Edit(web, "pod4", func(*config.Member, uint32) (config.Member, error) {
		return pod(4, 2),
			nil
	})
	require.NoError(t, err)
	assert.True(t, added)
	want := map[string]uint32{"pod1": 0, "pod2": 1, "pod4": 2}
	assert.Equal(t, want, two.weights(), "in force when the change returns")
	eventually(t, "the change at the other gateway", func() bool {
		return one.view(t).Fingerprint() == two.view(t).Fingerprint() && one.view(t).Version() == two.view(t).Version()
	})
	assert.Equal(t, want, one.weights())
	there, err = one.Members(web)
	require.NoError(t, err)
	assert.Equal(t, "lp2", there[1].Dev)

	three := start(t, settings("gw3", at), nil)
	three.joins(t)
	assert.Equal(t, want, three.weights())
	var drained uint32
	_, _, err = three.Edit(web, "pod1", func(m *config.Member, before uint32) (config.Member, error) {
		drained = before
		m.Weight = before
		return *m, nil
	})
	require.NoError(t, err)
	assert.Equal(t, uint32(3), drained, "a gateway that came later knows the weight from before the drain")

	require.NoError(t, one.Delete(web, "pod2"))
	require.ErrorIs(t, one.Delete(web, "pod2"), services.ErrNoMember)
	refused := pod(5, 1)
	refused.Weight = selector.MaxWeight + 1
	err = one.SetMembers(web, []config.Member{refused})
	require.Error(t, err)
	assert.Equal(t, map[string]uint32{"pod1": 3, "pod4": 2}, one.weights())
}

// A gateway that reaches no server forwards with what it has, refuses changes
// and says so; its flows stay when it joins. A server that is lost later is a
// state, too.
func TestWithoutServer(t *testing.T) {
	t.Parallel()
	at, store := free(t), t.TempDir()
	g := start(t, settings("gw1", at), nil, pods(1, 2)...)
	before := g.view(t)
	require.Equal(t, 2, before.Len())
	require.ErrorIs(t, g.Drain(web, "pod1"), services.ErrNoCluster)
	since, reason := g.cluster.Cut()
	assert.False(t, since.IsZero())
	assert.NotEmpty(t, reason)
	s := g.cluster.State()
	assert.False(t, s.Connected)
	assert.False(t, s.Services[0].Joined)
	assert.NotEmpty(t, s.Pins.Reason)
	require.NoError(t, g.Replace(serviceOf(pods(1, 2, 3)), ""), "the configuration can be read again")
	g.cluster.Follow(serviceOf(pods(1, 2, 3)))
	assert.Equal(t, 2, g.view(t).Len(), "it says nothing of members any more")

	n := serve(t, at, store)
	g.joins(t)
	since, _ = g.cluster.Cut()
	assert.True(t, since.IsZero())
	now := g.view(t)
	require.Greater(t, now.Version(), before.Version())
	for i := range before.Len() {
		assert.Equal(t, before.Slot(int32(i)), now.Slot(int32(i)), "a pin stays at its member")
	}
	require.NoError(t, g.Drain(web, "pod1"))

	halt(n)
	eventually(t, "it notices", func() bool { since, _ := g.cluster.Cut(); return !since.IsZero() })
	require.ErrorIs(t, g.Drain(web, "pod2"), services.ErrNoCluster)
	assert.Equal(t, map[string]uint32{"pod1": 0, "pod2": 1}, g.weights())
	serve(t, at, store)
	eventually(t, "it is back", func() bool { return g.cluster.State().Connected })
	require.NoError(t, g.Drain(web, "pod2"))
	assert.Equal(t, map[string]uint32{"pod1": 0, "pod2": 0}, g.weights())
}

// A gateway with another secret, or another flow table, is named, with what
// differs.
func TestDifferences(t *testing.T) {
	t.Parallel()
	at := free(t)
	serve(t, at, t.TempDir())
	one := start(t, settings("gw1", at), nil, pods(1)...)
	one.joins(t)
	forged := settings("gw2", at)
	forged.Secret = "fedcba9876543210"
	start(t, forged, nil, pods(1)...)
	start(t, settings("gw3", at), func(o *joined.Options) { o.Sticky.Flows = 8192 }, pods(1)...)
	start(t, settings("gw4", at), func(o *joined.Options) { o.Policy = 2 }, pods(1)...)
	eventually(t, "all are named", func() bool {
		fields := map[string]string{}
		for _, d := range one.cluster.State().Differences {
			fields[d.Gateway] = d.Field
		}
		return fields["gw2"] == "seed" && fields["gw3"] == "buckets" && fields["gw4"] == "policy"
	})
}

// Of a flow all gateways are asked; one that is gone is named.
func TestFlowAsksAll(t *testing.T) {
	t.Parallel()
	at := free(t)
	serve(t, at, t.TempDir())
	var list []*gateway
	for i := range 3 {
		list = append(list, start(t, settings(fmt.Sprintf("gw%d", i+1), at), nil, pods(1, 2)...))
		list[i].joins(t)
	}
	ask := func() []joined.FlowAnswer { return list[0].cluster.Flow("tcp", "10.0.0.7:5000", "172.16.0.20:80") }
	eventually(t, "both answer", func() bool {
		answers := ask()
		return len(answers) == 2 && answers[0].Answer != nil && answers[1].Answer != nil
	})
	here, err := services.ParseQuestion("tcp", "10.0.0.7:5000", "172.16.0.20:80")
	require.NoError(t, err)
	own, err := list[0].Flow(here)
	require.NoError(t, err)
	for i, a := range ask() {
		assert.Equal(t, fmt.Sprintf("gw%d", i+2), a.Gateway)
		assert.Equal(t, own, *a.Answer)
	}
	list[2].stop()
	eventually(t, "one left", func() bool { return len(ask()) == 1 })
}

// A worker is a worker of a data plane with a table, which the cluster shares.
type worker struct {
	*flowcache.Sticky
	table *flowcache.Table
	watch func([]flowcache.Route, []flowcache.Packet, []*selector.View)
	now   func() time.Duration
}

func (g *gateway) open(t *testing.T) *worker {
	t.Helper()
	table, err := flowcache.NewTable(flowcache.Config{Domain: g.domain, Flows: 4096})
	require.NoError(t, err)
	began := time.Now()
	now := func() time.Duration { return time.Since(began) }
	watchers, end := g.cluster.Open(table, now, 1)
	t.Cleanup(end)
	return &worker{Sticky: flowcache.NewSticky(table), table: table, watch: watchers[0].Routed, now: now}
}

// send returns the members that packets of flows go to.
func (w *worker) send(v *selector.View, flows int, flags hash.TCPFlags) []string {
	ids := make([]string, flows)
	views := []*selector.View{v}
	for i := range flows {
		f := hash.Flow{Hash: (uint64(i) + 1) * 0x9e3779b97f4a7c15, Proto: hash.TCP, Flags: flags}
		packets, routes := []flowcache.Packet{flowcache.NewPacket(&f, v.Salt(), 0)}, make([]flowcache.Route, 1)
		w.RouteBatch(routes, packets, views, w.now())
		w.watch(routes, packets, views)
		ids[i] = v.Member(routes[0].Member).ID
	}
	return ids
}

// Flows that a change left where they were are there at the other gateway too,
// which takes them over. The table may be older than the connection.
func TestPinsOfAll(t *testing.T) {
	t.Parallel()
	const flows = 1000
	at := free(t)
	one := start(t, settings("gw1", at), nil, pods(1, 2)...)
	w1 := one.open(t)
	serve(t, at, t.TempDir())
	one.joins(t)
	two := start(t, settings("gw2", at), nil, pods(1, 2)...)
	two.joins(t)
	w2 := two.open(t)
	for _, g := range []*gateway{one, two} {
		eventually(t, "gateways know of each other", func() bool {
			s := g.cluster.State()
			return s.Pins.Shared && len(s.Gateways) == 1 && s.Gateways[0].Live && s.Gateways[0].Reason == "" &&
				s.Pins.Counts.ReceivedMessages > 0
		})
	}
	was := w1.send(one.view(t), flows, hash.SYN)
	w1.send(one.view(t), flows, hash.ACK)
	_, _, err := one.Edit(web, "pod3", func(*config.Member, uint32) (config.Member, error) { return pod(3, 1), nil })
	require.NoError(t, err)
	eventually(t, "the change at the other gateway", func() bool {
		return two.view(t).Fingerprint() == one.view(t).Fingerprint()
	})
	moved := 0
	v := two.view(t)
	for i := range was {
		if v.Member(v.Select((uint64(i)+1)*0x9e3779b97f4a7c15)).ID != was[i] {
			moved++
		}
	}
	require.Greater(t, moved, flows/10, "flows that the other gateway would get wrong")
	assert.Equal(t, was, w2.send(v, flows, hash.ACK))
	assert.GreaterOrEqual(t, two.cluster.State().Pins.Counts.Added, uint64(moved))
}

// A worker that is watched allocates nothing for it.
func TestWatcherAllocatesNothing(t *testing.T) {
	at := free(t)
	serve(t, at, t.TempDir())
	g := start(t, settings("gw1", at), nil, pods(1)...)
	g.joins(t)
	w := g.open(t)
	eventually(t, "pins are shared", func() bool { return g.cluster.State().Pins.Shared })
	views := []*selector.View{g.view(t)}
	packets, routes := make([]flowcache.Packet, 64), make([]flowcache.Route, 64)
	for i := range packets {
		f := hash.Flow{Hash: (uint64(i) + 1) * 0x9e3779b97f4a7c15, Proto: hash.TCP, Flags: hash.SYN}
		packets[i] = flowcache.NewPacket(&f, views[0].Salt(), 0)
	}
	w.RouteBatch(routes, packets, views, w.now())
	assert.Zero(t, testing.AllocsPerRun(100, func() { w.watch(routes, packets, views) }))
}

// A gateway with a server of its own needs no other.
func TestOwnServer(t *testing.T) {
	t.Parallel()
	listen := free(t)
	k := settings("gw1", listen)
	k.User, k.Password = "gateway", "0123456789abcdef"
	k.Server = &config.Server{Listen: netip.MustParseAddrPort(listen), Directory: t.TempDir()}
	one := start(t, k, nil, pods(1)...)
	one.joins(t)
	other := settings("gw2", listen)
	other.User, other.Password = k.User, k.Password
	two := start(t, other, nil)
	two.joins(t)
	assert.Equal(t, map[string]uint32{"pod1": 1}, two.weights())
	other.Gateway, other.Password = "gw3", "wrong"
	three := start(t, other, nil, pods(2)...)
	eventually(t, "it is told", func() bool {
		_, reason := three.cluster.Cut()
		return strings.Contains(reason, "uthorization")
	})
	assert.Equal(t, map[string]uint32{"pod2": 1}, three.weights())
}
