package main

import (
	"context"
	"fmt"
	"time"

	"github.com/ecmp-go/ecmp/cluster"
	"github.com/ecmp-go/ecmp/cluster/embedded"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/nats-io/nats.go"
)

// A gateway is one of the three, with a flow table of its own.
type gateway struct {
	conn   *cluster.Conn
	group  *selector.Group[string]
	m      *cluster.Membership
	table  *flowcache.Table
	sticky *flowcache.Sticky
	worker *cluster.PinsWorker
	pins   *cluster.Pins
	stop   context.CancelFunc
	done   chan struct{}
}

// A lab is the gateways, and the upstream router that spreads flows over them.
type lab struct {
	flows    []flow
	members  []string // of each flow, where it went last
	servers  *embedded.Three
	shared   bool
	began    time.Time
	gateways []*gateway
	turn     int // by how much upstream has turned its table
}

// A result is what became of the flows after an event.
type result struct {
	event   string
	version uint64
	agree   bool // all gateways have one fingerprint
	broken  int  // flows whose member changed though it is there
	forced  int  // whose member left
	took    time.Duration
}

func (l *lab) now() time.Duration { return time.Since(l.began) }

func (l *lab) start(ctx context.Context, name string) (err error) {
	if l.began.IsZero() {
		l.began = time.Now()
	}
	g := &gateway{done: make(chan struct{})}
	domain := selector.NewDomain()
	if g.table, err = flowcache.NewTable(flowcache.Config{Domain: domain, Flows: 4 * len(l.flows)}); err != nil {
		return err
	}
	g.sticky = flowcache.NewSticky(g.table)
	o := nats.GetDefaultOptions()
	o.Servers, o.ReconnectWait = l.servers.URLs(), 100*time.Millisecond
	g.conn, err = cluster.Connect(ctx, cluster.Config{
		Cluster: "example", Gateway: name, NATS: o, Seed: []byte(secret), Policy: policy().Fingerprint(),
		Layout: g.table.Layout(), Heartbeat: 200 * time.Millisecond, Replicas: 3,
	})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(context.Background())
	g.stop = stop
	l.gateways = append(l.gateways, g)
	close(g.done)
	g.m, g.group, err = cluster.Join(ctx, g.conn, domain, cluster.GroupConfig[string]{
		Name: "web", Strategy: selector.Bounded{Slots: 4096},
		Value: func(m cluster.Member) (string, error) { return m.Data, nil },
	})
	if err != nil || !l.shared {
		return err
	}
	if g.pins, err = cluster.NewPins(g.conn, cluster.PinsConfig{Table: g.table, Now: l.now}); err != nil {
		return err
	}
	g.worker = g.pins.Worker()
	g.pins.Share(g.m, cluster.ShareDeviating)
	g.done = make(chan struct{})
	go func() {
		defer close(g.done)
		_ = g.pins.Run(running) // until running ends
	}()
	return nil
}

// end takes a gateway out.
func (l *lab) end(i int) error {
	g := l.gateways[i]
	g.stop()
	<-g.done
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	l.gateways = append(l.gateways[:i:i], l.gateways[i+1:]...)
	return g.conn.Close(ctx)
}

func (l *lab) stop() {
	for len(l.gateways) > 0 {
		_ = l.end(0) // it goes with the process
	}
}

// pass sends three packets of every flow by upstream's present table: a SYN
// where the flow is new, and ACKs. It counts which flows changed member.
func (l *lab) pass(ctx context.Context) (r result, err error) {
	if r.version, r.agree, err = l.agree(ctx); err != nil {
		return r, err
	}
	for i, f := range l.flows {
		g := l.gateways[(int(f.hash>>40)+l.turn)%len(l.gateways)]
		snapshot := g.group.Load()
		views := []*selector.View{snapshot.View()}
		for packet := range 3 {
			flags := hash.ACK
			if l.members[i] == "" && packet == 0 {
				flags = hash.SYN
			}
			read := hash.Flow{Hash: f.hash, Proto: f.proto, Flags: flags}
			packets := []flowcache.Packet{flowcache.NewPacket(&read, g.group.Salt(), 0)}
			routes := make([]flowcache.Route, 1)
			g.sticky.RouteBatch(routes, packets, views, l.now())
			if g.worker != nil {
				g.worker.Routed(routes, packets, views)
			}
			if routes[0].Member < 0 {
				return r, fmt.Errorf("a flow has no member")
			}
			id := snapshot.Member(routes[0].Member).ID
			if old := l.members[i]; old != "" && old != id {
				if _, there := snapshot.Index(old); there {
					r.broken++
				} else {
					r.forced++
				}
			}
			l.members[i] = id
		}
	}
	return r, nil
}

// agree waits until all gateways have the newest version.
func (l *lab) agree(ctx context.Context) (version uint64, agree bool, err error) {
	for _, g := range l.gateways {
		_, revision := g.m.State()
		version = max(version, revision)
	}
	agree = true
	for _, g := range l.gateways {
		if err := g.m.Wait(ctx, version); err != nil {
			return version, false, err
		}
		agree = agree && g.group.Load().Fingerprint() == l.gateways[0].group.Load().Fingerprint()
	}
	return version, agree, nil
}
