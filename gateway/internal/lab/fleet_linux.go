package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/ecmp-go/ecmp/cluster/embedded"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
)

// A fleet is gateways that are a cluster, with all that is around them.
type fleet struct {
	*fleetNet
	FleetConfig
	ctx      context.Context //nolint:containedctx // of the run
	dir      string
	router   process // that spreads packets over the gateways
	servers  []*server
	nats     *embedded.Three
	doors    map[int]*door
	gateways map[int]*gateway // that run, by number
	cutOff   []int            // of them
	// the one of them that asks routers for others; 0: none
	withdrawn int
	members   []*pod
	load      *load
}

// RunFleet plays the events, until ctx ends. Nothing of it is left when it
// returns.
func RunFleet(ctx context.Context, c FleetConfig) (r FleetResult, err error) {
	r.Way = c.Way
	f, err := newFleet(ctx, c)
	if f != nil {
		defer func() { err = errors.Join(err, f.close()) }()
	}
	if err != nil {
		return r, err
	}
	client := &client{
		ns: f.client, from: linkAddr(c.IPv6, 0, 2), to: netip.AddrPortFrom(virtual(c.IPv6).Addr(), port),
		port: firstPort, rate: fleetRequests,
	}
	if f.load, err = client.open(ctx, c.Connections); err != nil {
		return r, err
	}
	defer f.load.close()
	for _, e := range f.events() {
		c.Log(c.Way + ": " + e.name)
		if err := f.rest(f.cutOff...); err != nil {
			return r, err
		}
		step, err := f.play(e)
		if err != nil {
			return r, fmt.Errorf("%s: %s: %w", c.Way, e.name, err)
		}
		r.Steps = append(r.Steps, step)
	}
	return r, nil
}

// fleetRequests is how many requests a second the flows make, which all the
// processes of a fleet can follow.
const fleetRequests = 2000

func newFleet(ctx context.Context, c FleetConfig) (f *fleet, err error) {
	if c.Gateways < MinFleet || c.Gateways > MaxFleet || c.Connections < 1 || c.Connections > MaxFleetConnections ||
		uint32(c.Seed) == 0 || !slices.Contains(Ways(c.Plane), c.Way) {
		return nil, fmt.Errorf("%d gateways, %d connections, seed %d, %s, %q: out of range", c.Gateways, c.Connections,
			c.Seed, c.Plane, c.Way)
	}
	if err := clearStale(c.Log); err != nil {
		return nil, err
	}
	f = &fleet{FleetConfig: c, ctx: ctx, doors: make(map[int]*door), gateways: make(map[int]*gateway)}
	if f.fleetNet, err = newFleetNet(c.Gateways+1, c.IPv6); err != nil {
		return nil, err
	}
	if f.dir, err = os.MkdirTemp("", f.upstream.Name()+"-"); err != nil {
		return f, err
	}
	if err := hashBy(f.upstream, c.IPv6, uint32(c.Seed)); err != nil {
		return f, err
	}
	for _, p := range f.pods {
		s, err := newServer(p, virtual(c.IPv6).Addr())
		if err != nil {
			return f, err
		}
		f.servers = append(f.servers, s)
	}
	f.members = f.pods[:3]
	if c.Way == ByKernel {
		return f, f.toPods(f.members)
	}
	if kind, _ := plane.Find(planes.All(), c.Plane); kind.Needs.WholeFrames {
		if err := f.plainFrames(); err != nil {
			return f, err
		}
	}
	if err := f.startUpstream(); err != nil {
		return f, err
	}
	if f.nats, err = startServers(f.dir); err != nil {
		return f, err
	}
	for i := 1; i <= c.Gateways; i++ {
		if err := f.start(i); err != nil {
			return f, err
		}
	}
	for i := range f.gateways {
		if err := f.ready(i); err != nil {
			return f, err
		}
	}
	return f, f.routed()
}

// running returns the numbers of the gateways that run.
func (f *fleet) running() (numbers []int) {
	for i := range f.gateways {
		numbers = append(numbers, i)
	}
	slices.Sort(numbers)
	return numbers
}

// start starts a gateway.
func (f *fleet) start(number int) (err error) {
	ns := f.fleetNet.gateways[number-1]
	g := &gateway{process: process{ns: ns}, program: f.Program}
	if g.dir, err = os.MkdirTemp(f.dir, fmt.Sprintf("gw%d-", number)); err != nil {
		return err
	}
	if f.doors[number] == nil {
		if f.doors[number], err = newDoor(ns, f.nats); err != nil {
			return err
		}
	}
	control := "unix:" + g.socket()
	g.http = http.Client{Timeout: time.Minute, Transport: &http.Transport{DialContext: g.dialer(control)}}
	data, err := json.Marshal(map[string]any{
		"in": "uplink", "vip": virtual(f.IPv6), "members": members(f.pods[:3]), "control": control, "io": f.Plane,
		"strategy": f.Strategy, "flows": 1 << 15, "timeouts": map[string]string{"other": "2m"}, "bgp": f.bgpOf(number),
		"cluster": map[string]any{
			"name": "lab", "gateway": fmt.Sprintf("gw%d", number), "secret": fmt.Sprintf("the secret of lab %d",
				f.Seed),
			"urls": doorURLs(), "replicas": 3, "heartbeat": "200ms", "pins": f.Way == WithPins,
		},
	})
	if err == nil {
		err = os.WriteFile(g.file(), data, 0o600)
	}
	if err != nil {
		return err
	}
	f.gateways[number] = g
	return g.run(f.ctx)
}

// clusterStats is what of a gateway's stats the lab looks at.
type clusterStats struct {
	Cluster struct {
		Connected bool `json:"connected"`
		Services  []struct {
			Joined      bool   `json:"joined"`
			Version     uint64 `json:"version"`
			Fingerprint string `json:"fingerprint"`
		} `json:"services"`
		Gateways []struct {
			Name   string `json:"name"`
			Live   bool   `json:"live"`
			Reason string `json:"reason"`
		} `json:"gateways"`
		Pins struct {
			Shared  bool     `json:"shared"`
			Missing []string `json:"missing"`
			Counts  struct{ Scans, SentPins, ReceivedPins uint64 }
		} `json:"pins"`
	} `json:"cluster"`
}

func (g *gateway) clusterStats() (s clusterStats, err error) {
	err = g.call(http.MethodGet, "/stats", nil, &s)
	return s, err
}

// fleetPatience is how long the lab waits for what must come.
const fleetPatience = time.Minute

// until waits for a condition.
func (f *fleet) until(what string, condition func() (bool, error)) error {
	for began := time.Now(); time.Since(began) < fleetPatience; {
		ok, err := condition()
		if err != nil || ok {
			return err
		}
		select {
		case <-f.ctx.Done():
			return f.ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("it did not come that %s", what)
}

// ready waits until a gateway is joined, knows all others that run, and has
// their pins.
func (f *fleet) ready(number int) error {
	return f.until(fmt.Sprintf("gateway %d is ready", number), func() (bool, error) {
		s, err := f.gateways[number].clusterStats()
		if err != nil {
			return false, err
		}
		c := &s.Cluster
		live := 0
		for _, g := range c.Gateways {
			if g.Live && g.Reason == "" {
				live++
			}
		}
		return c.Connected && len(c.Services) == 1 && c.Services[0].Joined && live == len(f.gateways)-1 &&
			(f.Way != WithPins || c.Pins.Shared && len(c.Pins.Missing) == 0), nil
	})
}

// agree waits until all gateways have one version and fingerprint, but for
// those that are cut off.
func (f *fleet) agree(but ...int) error {
	return f.until("all gateways agree", func() (bool, error) {
		seen := make(map[string]bool)
		for i, g := range f.gateways {
			if slices.Contains(but, i) {
				continue
			}
			s, err := g.clusterStats()
			if err != nil {
				return false, err
			}
			if len(s.Cluster.Services) != 1 {
				return false, nil
			}
			seen[fmt.Sprint(s.Cluster.Services[0].Version, s.Cluster.Services[0].Fingerprint)] = true
		}
		return len(seen) == 1, nil
	})
}

// rest waits until all gateways have the same members, and all that is to be
// shared of their flows, but for those that are cut off.
func (f *fleet) rest(but ...int) error {
	if f.Way == ByKernel {
		return nil
	}
	if err := f.agree(but...); err != nil || f.Way != WithPins {
		return err
	}
	last, since := "", time.Now()
	return f.until("all pins are shared", func() (bool, error) {
		now, missing := "", 0
		for _, i := range f.running() {
			if slices.Contains(but, i) {
				continue
			}
			s, err := f.gateways[i].clusterStats()
			if err != nil {
				return false, err
			}
			pins := s.Cluster.Pins
			missing += len(pins.Missing)
			now += fmt.Sprint(" ", pins.Counts.Scans, pins.Counts.SentPins, pins.Counts.ReceivedPins)
		}
		if now != last || missing > 0 {
			last, since = now, time.Now()
		}
		return time.Since(since) > time.Second/2, nil
	})
}

// kill ends a gateway's process. Its kernel ends the session with the router.
func (f *fleet) kill(number int) {
	f.gateways[number].end(syscall.SIGKILL)
	delete(f.gateways, number)
}

// crash ends a gateway with its kernel: nobody says anything any more, and BFD
// is how the router finds out.
func (f *fleet) crash(number int) error {
	err := f.gateways[number].ns.IP("link set uplink down\n")
	f.kill(number)
	return err
}

// one returns a gateway to tell a change to: the first that runs.
func (f *fleet) one() *gateway { return f.gateways[f.running()[0]] }

func (f *fleet) close() error {
	f.router.signal(syscall.SIGTERM) // so that gateways that end have nobody to wait for
	for _, g := range f.gateways {
		g.end(syscall.SIGKILL)
	}
	var err error
	for _, d := range f.doors {
		err = errors.Join(err, d.close())
	}
	if f.nats != nil {
		f.nats.Stop()
	}
	for _, s := range f.servers {
		s.close()
	}
	return errors.Join(err, f.fleetNet.close(), os.RemoveAll(f.dir))
}
