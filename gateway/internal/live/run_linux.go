package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ecmp-go/ecmp/gateway/internal/bgp"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/control"
	"github.com/ecmp-go/ecmp/gateway/internal/health"
	"github.com/ecmp-go/ecmp/gateway/internal/host"
	"github.com/ecmp-go/ecmp/gateway/internal/joined"
	"github.com/ecmp-go/ecmp/gateway/internal/links"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/selector"
)

// Options is what a gateway is run with.
type Options struct {
	File   string           // the configuration
	Reload <-chan os.Signal // each has the configuration read again, even if it did not change
	Log    *slog.Logger
	Planes []plane.Kind // that the configuration may choose from, the default first
}

// Run forwards until ctx ends, and then returns nil. Else it returns the error
// that kept it from running or from going on: an error of package config if the
// configuration is wrong.
func Run(ctx context.Context, o Options) (err error) {
	data, err := config.ReadFile(o.File)
	if err != nil {
		return err
	}
	c, err := config.Parse(o.File, data, o.Planes)
	if err != nil {
		return err
	}
	// first of all: another process may run with this configuration
	listener, err := control.Listen(c.Control)
	if err != nil {
		return fmt.Errorf("control: %w", err)
	}
	defer listener.Close() //nolint:errcheck // closed by the server, if it came to that
	snapshot := snapshotFile(c.Snapshot)
	if snapshot != "" {
		if err := snapshot.try(); err != nil {
			return c.BlameSnapshot(err)
		}
	}
	domain := selector.NewDomain()
	together, err := newCluster(c, o.Log)
	if err != nil {
		return err
	}
	p, err := plane.Last(c.Plane, planeConfig(c, domain, together), o.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	g := &gateway{
		Options: o, plane: p, services: services.New(p, domain, c.In, o.Log), cluster: together,
		snapshot: snapshot, present: c, data: data,
		in: make(map[string]links.Link), compiled: c.Plane.Needs.Address,
		names: c.In, looks: make(chan struct{}, 1), last: make(map[string]lastError), connected: make(chan struct{}),
		doubts: make(chan doubt, mostDoubts),
		needs:  host.Needs{WholeFrames: c.Plane.Needs.WholeFrames, Redirects: c.Plane.InKernel},
	}
	if c.Kernel {
		g.keeper, g.services.Kernel = host.NewKeeper(c.Control.String()), true
		defer func() { err = errors.Join(err, g.keeper.Remove()) }()
	}
	for _, name := range c.In {
		g.in[name] = links.Link{}
	}
	if err := g.meet(); err != nil {
		return err
	}
	checks, end := context.WithCancel(ctx)
	checker := health.New(checks, g.checked, g.markOf)
	defer checker.Wait()
	defer end()
	g.services.Check = func(t []health.Target) {
		checker.Set(t)
		g.lookSoon() // ways that lead there may be missing
	}
	defer func() { g.leaveCluster() }()
	if err := g.begin(ctx); err != nil {
		return err
	}
	g.look()
	if g.speaker, err = g.startSpeaker(); err != nil {
		return err
	}
	if g.speaker != nil {
		defer func() { err = errors.Join(err, g.speaker.Close()) }()
	}
	ctx, drained := g.untilDrained(ctx)
	defer drained()
	return g.run(ctx, listener)
}

func planeConfig(c *config.Config, domain *selector.Domain, together *joined.Cluster) plane.Config {
	pc := plane.Config{In: c.In, Workers: c.Workers, Seed: c.Seed, Domain: domain, Reset: c.Reset,
		ICMP: c.ICMP}
	if c.Sticky != nil {
		sticky := *c.Sticky
		sticky.Domain = domain
		pc.Sticky = &sticky
	}
	if together != nil {
		pc.Sharer = together
	}
	return pc
}

type gateway struct {
	Options
	plane     *plane.Lasting
	services  *services.Registry
	reloads   control.Reloads
	snapshot  snapshotFile // empty: none
	snapshots control.Snapshots
	// of the process before, whose flows were restored: members by service
	learnedBefore map[string][]string

	speaker   *bgp.Speaker    // nil: no routers
	connected chan struct{}   // closed when it begins to call them
	cluster   *joined.Cluster // nil: the gateway is in none
	leave     func()          // ends its part in the cluster; nil: it has none

	// Of the goroutine that watches the file: the configuration in force, but
	// for changes of its members over HTTP, and the file as it was read last.
	present *config.Config
	data    []byte

	// Of the goroutine that watches the links.
	in       map[string]links.Link // that packets come in by
	compiled bool                  // the plane depends on their MAC addresses

	// What the kernel does with the packets of the gateway: of the goroutine
	// that reconciles.
	names    []string             // of the interfaces that packets come in by
	needs    host.Needs           // of the data plane
	keeper   *host.Keeper         // nil: the kernel is only asked
	findings host.Findings        // for anybody
	looks    chan struct{}        // has room for one: look at once
	last     map[string]lastError // by kind

	doubts chan doubt // neighbours that are asked for again
}

// run has all parts run until ctx ends or one fails.
func (g *gateway) run(ctx context.Context, listener net.Listener) error {
	present := g.present // which is of the goroutine that watches the file, from then on
	served := control.Config{Services: g.services, Control: present.Control, Reloads: &g.reloads,
		Findings: &g.findings, BGP: g.speaker, Cluster: g.cluster, Log: g.Log,
		Process: control.Process{Plane: present.Plane.Name, Workers: max(1, present.Workers), Mode: g.plane.Mode,
			Started: time.Now()},
	}
	if g.snapshot != "" {
		served.Snapshots = &g.snapshots
	}
	server := control.NewServer(served)
	server.ErrorLog = slog.NewLogLogger(g.Log.Handler(), slog.LevelWarn)
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return g.services.Run(ctx) })
	parts.Go(func() error {
		links.Watch(ctx, interval, g.linkChanged, g.errorsOf("interfaces can't be followed"))
		return nil
	})
	parts.Go(func() error {
		links.WatchNeighbours(ctx, interval, g.neighbourChanged, g.errorsOf("neighbours can't be followed"))
		return nil
	})
	parts.Go(func() error { return g.confirmUntil(ctx) })
	parts.Go(func() error { return g.reconcileUntil(ctx) })
	parts.Go(func() error { return g.stepUntil(ctx) })
	parts.Go(func() error { return g.watchFile(ctx) })
	parts.Go(func() error { return g.saveUntil(ctx) })
	parts.Go(func() error { return g.speak(ctx) })
	if present.BGP != nil {
		parts.Go(func() error { return g.learn(ctx, present.BGP.Learn) })
	}
	parts.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	parts.Go(func() error {
		<-ctx.Done()
		const patience = 2 * time.Second
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		if server.Shutdown(late) != nil {
			return server.Close()
		}
		return nil
	})
	g.Log.Info("forwarding", "in", present.In, "io", present.Plane.Name, "control", listener.Addr().String())
	err := parts.Wait()
	if g.snapshot != "" {
		err = errors.Join(err, g.save())
	}
	g.Log.Info("stopped")
	return err
}
