package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/cluster/embedded"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// A livingGateway shares pins over three embedded servers.
type livingGateway struct {
	conn       *Conn
	membership *Membership
	group      *selector.Group[string]
	table      *flowcache.Table
	pins       *Pins
	worker     *livingWorker
}

// A livingWorker is a worker of the packet path, with all that is its own.
type livingWorker struct {
	*flowcache.Sticky
	*PinsWorker
	now     func() time.Duration
	packets []flowcache.Packet
	routes  []flowcache.Route
}

const burstSize = 32

func (g *livingGateway) newWorker() *livingWorker {
	return &livingWorker{
		Sticky: flowcache.NewSticky(g.table), PinsWorker: g.pins.Worker(), now: g.pins.config.Now,
		packets: make([]flowcache.Packet, burstSize), routes: make([]flowcache.Route, burstSize),
	}
}

// send routes a packet of each of these flows and tells of each route.
func (w *livingWorker) send(
	v *selector.View, from, to uint64, flags hash.TCPFlags, told func(flow uint64, r flowcache.Route),
) {
	views := []*selector.View{v}
	for ; from < to; from += burstSize {
		n := min(burstSize, to-from)
		for i := range n {
			flow := hash.Flow{Hash: mixFlow(from + i), Proto: hash.TCP, Flags: flags}
			w.packets[i] = flowcache.NewPacket(&flow, v.Salt(), 0)
		}
		w.RouteBatch(w.routes[:n], w.packets[:n], views, w.now())
		w.Routed(w.routes[:n], w.packets[:n], views)
		if told != nil {
			for i := range n {
				told(from+i, w.routes[i])
			}
		}
	}
}

// living starts gateways with tables for this many flows. A gateway that is
// alone joins the group and shares no pins.
func living(t testing.TB, n, flows int, alone bool, change func(*Pins)) []*livingGateway {
	t.Helper()
	_, urls := livingServers(t)
	return livingOn(t, urls, n, flows, alone, change)
}

// livingServers starts three NATS servers.
func livingServers(t testing.TB) (servers [3]*server.Server, urls []string) {
	t.Helper()
	var peers []string
	var listeners []net.Listener
	for range servers { // ports that are free for now
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		peers = append(peers, l.Addr().String())
		listeners = append(listeners, l)
	}
	for _, l := range listeners {
		require.NoError(t, l.Close())
	}
	for i := range servers {
		var err error
		servers[i], err = embedded.Start(embedded.Config{
			Name: fmt.Sprint("n", i), Cluster: "three", Listen: "127.0.0.1:0", Peer: peers[i], Routes: peers,
			Store: t.TempDir(),
		})
		require.NoError(t, err)
		urls = append(urls, servers[i].ClientURL())
		t.Cleanup(func() { servers[i].Shutdown(); servers[i].WaitForShutdown() })
	}
	soon(t, "the servers have a leader", func() bool {
		for _, s := range servers {
			if !s.JetStreamIsCurrent() {
				return false
			}
		}
		return true
	})
	return servers, urls
}

func livingOn(t testing.TB, urls []string, n, flows int, alone bool, change func(*Pins)) (list []*livingGateway) {
	t.Helper()
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("g%d", i))
	}
	return livingNamed(t, urls, names, flows, alone, change)
}

func livingNamed(
	t testing.TB, urls, names []string, flows int, alone bool, change func(*Pins),
) (list []*livingGateway) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	start := time.Now()
	for i, name := range names {
		g := new(livingGateway)
		d := selector.NewDomain()
		var err error
		g.table, err = flowcache.NewTable(flowcache.Config{Domain: d, Flows: flows})
		require.NoError(t, err)
		o := nats.GetDefaultOptions()
		o.Servers, o.NoRandomize = slices.Concat(urls[i%3:], urls[:i%3]), true
		o.ReconnectWait = 20 * time.Millisecond
		g.conn, err = Connect(ctx, Config{
			Cluster: "test", Gateway: name, NATS: o, Seed: []byte("0123456789abcdef"),
			Heartbeat: 50 * time.Millisecond, Replicas: 3, Layout: g.table.Layout(), Prepare: 30 * time.Second,
		})
		require.NoError(t, err)
		g.membership, g.group, err = Join(ctx, g.conn, d, GroupConfig[string]{Name: "web"})
		require.NoError(t, err)
		g.pins, err = NewPins(g.conn, PinsConfig{
			Table: g.table, Now: func() time.Duration { return began + time.Since(start) },
			Refused: func(err error) { t.Error(err) },
		})
		require.NoError(t, err)
		if change != nil {
			change(g.pins)
		}
		g.worker = g.newWorker()
		if !alone {
			g.pins.Share(g.membership, ShareDeviating)
			running.Go(func() {
				if err := g.pins.Run(ctx); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
		list = append(list, g)
	}
	t.Cleanup(func() {
		stop()
		running.Wait()
		for _, g := range list {
			_ = g.conn.Close(context.Background())
		}
	})
	soon(t, "gateways know of each other", func() bool {
		for _, g := range list {
			live := 0
			for _, p := range g.conn.Peers() {
				if _, has := p.Groups["web"]; has && p.Live && p.Refused == nil {
					live++
				}
			}
			if live < len(names)-1 {
				return false
			}
		}
		return true
	})
	return list
}

// soon waits for a condition.
func soon(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			require.FailNow(t, "did not come: "+what)
		}
	}
}

func members(from, to int) func(*State) error {
	return func(s *State) error {
		for i := from; i < to; i++ {
			s.Put(Member{ID: memberID(i), Weight: 1})
		}
		return nil
	}
}

// update makes a change and waits until all gateways have it.
func update(t testing.TB, list []*livingGateway, planned bool, change func(*State) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var revision uint64
	if planned {
		o, err := list[0].membership.UpdatePlanned(ctx, change)
		require.NoError(t, err)
		require.Empty(t, o.Silent)
		revision = o.Revision
	} else {
		var err error
		revision, err = list[0].membership.Update(ctx, change)
		require.NoError(t, err)
	}
	for _, g := range list {
		require.NoError(t, g.membership.Wait(ctx, revision))
	}
}

// establish opens flows at a gateway and returns their members.
func (g *livingGateway) establish(from, to uint64) []string {
	list := make([]string, to-from)
	v := g.membership.View()
	g.worker.send(v, from, to, hash.SYN, func(flow uint64, r flowcache.Route) {
		list[flow-from] = v.Member(r.Member).ID
	})
	g.worker.send(v, from, to, hash.ACK, nil)
	return list
}

// changed counts the flows that change member if all of them enter at this
// gateway now.
func (g *livingGateway) changed(from uint64, was []string) (n int) {
	v := g.membership.View()
	g.worker.send(v, from, from+uint64(len(was)), hash.ACK, func(flow uint64, r flowcache.Route) {
		if v.Member(r.Member).ID != was[flow-from] {
			n++
		}
	})
	return n
}

// wrong counts the flows that the selector would send elsewhere.
func (g *livingGateway) wrong(from uint64, was []string) (n int) {
	v := g.membership.View()
	for i, id := range was {
		if v.Member(v.Unmarked(mixFlow(from+uint64(i)))).ID != id {
			n++
		}
	}
	return n
}

// TestFlowsThatChangeGateway is the bar of issue 19: of 100,000 established
// flows, half are not where the selector would send them, and upstream sends
// all of them to another gateway.
func TestFlowsThatChangeGateway(t *testing.T) {
	const flows = 100_000
	for _, way := range []struct {
		name           string
		alone, planned bool
	}{{"announced", false, true}, {"unannounced", false, false}, {"nothing shared", true, false}} {
		t.Run(way.name, func(t *testing.T) {
			list := living(t, 3, 2*flows, way.alone, nil)
			update(t, list, false, members(0, 5))
			if !way.alone {
				acquainted(t, list)
			}
			was := list[0].establish(0, flows)
			update(t, list, way.planned, members(5, 10))
			for _, g := range list {
				g.membership.mu.Lock()
				assert.Equal(t, way.planned || way.alone, g.membership.settleAt.IsZero(),
					"a change is settled at once if its pins are here, or none come")
				g.membership.mu.Unlock()
			}
			wrong := list[0].wrong(0, was)
			assert.InDelta(t, flows/2, wrong, flows/20)
			want := 0
			switch {
			case way.alone:
				want = wrong
				for _, g := range list {
					soon(t, "the change is settled", func() bool { return g.membership.View().Previous() == nil })
				}
			case !way.planned:
				for _, g := range list[1:] {
					soon(t, "all pins come", func() bool { return g.pins.Stats().Added == uint64(wrong) })
				}
			}
			for _, g := range list[1:] {
				assert.Equal(t, want, g.changed(0, was))
			}
			if !way.alone {
				pins, bytes := uint64(0), uint64(0)
				for _, g := range list {
					pins += g.pins.Stats().SentPins
					bytes += g.pins.Stats().SentBytes
				}
				assert.LessOrEqual(t, pins, uint64(wrong)*6/5)
				t.Logf("%d of %d flows deviate; sent %.3f times by all, %.2f bytes a pin", wrong, flows,
					float64(pins)/float64(wrong), float64(bytes)/float64(pins))
			}
		})
	}
}

// acquainted waits until gateways know whose pins they share: who meets another
// one asks for all that it has.
func acquainted(t testing.TB, list []*livingGateway) {
	t.Helper()
	for _, g := range list {
		soon(t, "it knows the others", func() bool {
			known := make(chan bool)
			g.pins.call(func(instant) {
				n := 0
				for _, p := range g.pins.sharer.order {
					if of := p.groups["web"]; of != nil && len(of.cover.gaps) == 0 {
						n++
					}
				}
				known <- n == len(list)-1
			})
			return <-known
		})
	}
}

// TestShareAgain has a gateway leave a group and take part in it again: what it
// sends then is nobody's old message.
func TestShareAgain(t *testing.T) {
	const flows = 2000
	list := living(t, 2, 2*flows, false, nil)
	update(t, list, false, members(0, 5))
	was := list[0].establish(0, flows)
	list[0].pins.Unshare(list[0].membership)
	list[0].pins.Share(list[0].membership, ShareDeviating)
	list[0].pins.Share(list[0].membership, ShareDeviating) // it is shared
	require.Equal(t, 1, list[0].observers())
	update(t, list, true, members(5, 10))
	wrong := list[0].wrong(0, was)
	require.Positive(t, wrong)
	soon(t, "all pins come", func() bool { return list[1].pins.Stats().Added == uint64(wrong) })
	assert.Zero(t, list[1].changed(0, was))
	list[0].pins.Unshare(list[0].membership)
	require.Zero(t, list[0].observers())
}

// observers returns how many are told what becomes of the group.
func (g *livingGateway) observers() int {
	g.membership.mu.Lock()
	defer g.membership.mu.Unlock()
	return len(g.membership.observers)
}

// A membership outlives flow tables, and keeps none whose Run has ended.
func TestEndedPinsAreNotKept(t *testing.T) {
	g := living(t, 1, 1000, true, nil)[0]
	require.Zero(t, g.observers())
	pins, err := NewPins(g.conn, PinsConfig{Table: g.table, Now: g.pins.config.Now})
	require.NoError(t, err)
	pins.Share(g.membership, ShareDeviating)
	require.Equal(t, 1, g.observers())
	ctx, stop := context.WithCancel(context.Background())
	stop()
	require.ErrorIs(t, pins.Run(ctx), context.Canceled)
	require.Zero(t, g.observers())
	pins.Share(g.membership, ShareDeviating)
	require.Zero(t, g.observers())
}

// TestMissing has a gateway come late: it names the others until it has all
// pins, and then gets no flow wrong.
func TestMissing(t *testing.T) {
	const flows = 20_000
	_, urls := livingServers(t)
	one := livingOn(t, urls, 1, 2*flows, false, nil)[0]
	update(t, []*livingGateway{one}, false, members(0, 5))
	was := one.establish(0, flows)
	update(t, []*livingGateway{one}, false, members(5, 10))
	wrong := one.wrong(0, was)
	late := livingNamed(t, urls, []string{"late"}, 2*flows, false, nil)[0]
	soon(t, "the late one knows the other", func() bool {
		p, _ := late.conn.Peer("g0")
		return p.Live && p.Refused == nil && len(p.Groups) == 1
	})
	soon(t, "nothing is missing", func() bool { return len(late.pins.Missing()) == 0 })
	assert.Equal(t, uint64(wrong), late.pins.Stats().Added)
	assert.Zero(t, late.changed(0, was))
}
