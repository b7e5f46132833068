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

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/control"
	"github.com/ecmp-go/ecmp/gateway/internal/links"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/router"
	"github.com/ecmp-go/ecmp/selector"
)

// Options is what a forwarder is run with.
type Options struct {
	File   string           // the configuration
	Reload <-chan os.Signal // each has the configuration read again, even if it did not change
	Log    *slog.Logger
	Links  config.Links // links.Host{}, outside of tests

	// Plane makes the data plane of that name.
	Plane func(name string, c plane.Config) (plane.Plane, error)
}

// Run forwards until ctx ends, and then returns nil. Else it returns the error
// that kept it from running or from going on: an error of package config if the
// configuration is wrong.
func Run(ctx context.Context, o Options) (err error) {
	data, err := os.ReadFile(o.File)
	if err != nil {
		return err
	}
	c, err := config.Parse(o.File, data, o.Links)
	if err != nil {
		return err
	}
	// first of all: another process may run with this configuration
	listener, err := control.Listen(c.Control)
	if err != nil {
		return fmt.Errorf("control: %w", err)
	}
	defer listener.Close() //nolint:errcheck // closed by the server, if it came to that
	domain := selector.NewDomain()
	p, err := o.Plane(c.IO, planeConfig(c, domain))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	f := &forwarder{
		Options: o, router: router.New(p, domain, c.In, o.Log), snapshot: c.Snapshot, present: c, data: data,
		known: make(map[string]links.Link),
	}
	if err := links.List(f.linkChanged); err != nil {
		return err
	}
	if err := f.begin(); err != nil {
		return err
	}
	return f.run(ctx, listener)
}

func planeConfig(c *config.Config, domain *selector.Domain) plane.Config {
	pc := plane.Config{In: c.In, Workers: c.Workers, Seed: c.Seed, Domain: domain, Reset: c.Reset}
	if c.Sticky != nil {
		sticky := *c.Sticky
		sticky.Domain = domain
		pc.Sticky = &sticky
	}
	return pc
}

type forwarder struct {
	Options
	router   *router.Router
	reloads  control.Reloads
	snapshot string // a file; empty: none

	// Of the goroutine that watches the file: the configuration in force, but
	// for changes of its members over HTTP, and the file as it was read last.
	present *config.Config
	data    []byte

	known map[string]links.Link // by name; of the goroutine that watches the links
}

// run has all parts run until ctx ends or one fails.
func (f *forwarder) run(ctx context.Context, listener net.Listener) error {
	server := control.NewServer(control.Config{
		Router: f.router, Links: f.Links, Control: f.present.Control, Reloads: &f.reloads,
	})
	server.ErrorLog = slog.NewLogLogger(f.Log.Handler(), slog.LevelWarn)
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return f.router.Run(ctx) })
	parts.Go(func() error { return links.Watch(ctx, f.linkChanged) })
	parts.Go(func() error { return f.watchFile(ctx) })
	parts.Go(func() error { return f.saveUntil(ctx) })
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
	f.Log.Info("forwarding", "in", f.present.In, "io", f.present.IO, "control", listener.Addr().String())
	err := parts.Wait()
	if f.snapshot != "" {
		err = errors.Join(err, f.save())
	}
	f.Log.Info("stopped")
	return err
}
