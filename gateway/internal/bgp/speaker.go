package bgp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	"github.com/osrg/gobgp/v4/pkg/server"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// A Speaker announces prefixes to routers. It is safe for concurrent use.
type Speaker struct {
	config config.BGP
	log    *slog.Logger
	server *server.BgpServer
	stop   context.CancelFunc // of the events

	changed chan struct{} // has room for one: routes may have changed

	peers  sync.Mutex // held while peers are added
	closed bool       // guarded by peers

	mu     sync.Mutex
	wanted map[netip.Prefix]bool
	told   map[netip.Prefix]announcement // what peers are told now
	phase  Phase
	drain  *drain // nil: none is on
	heard  map[netip.Addr]*session
}

// Phase says how the gateway stands to its routers.
type Phase string

// The phases of a speaker.
const (
	Announcing Phase = "announcing" // what is wanted
	Draining   Phase = "draining"   // under graceful shutdown: routers prefer others
	Withdrawn  Phase = "withdrawn"  // nothing is announced until Resume
)

// An announcement is what peers are told of a prefix.
type announcement struct {
	path    *apiutil.Path
	leaving bool // under graceful shutdown
}

// A drain is a withdrawal to come.
type drain struct {
	timer *time.Timer
	done  chan struct{} // closed when it has happened, or was called off
}

// Start returns a speaker that knows no peer yet: what is announced before
// [Speaker.Connect] is what a peer hears first. It fails if it can't listen
// where the configuration says.
func Start(c config.BGP, log *slog.Logger) (*Speaker, error) {
	ctx, stop := context.WithCancel(context.Background())
	s := &Speaker{
		config: c, log: log, stop: stop, phase: Announcing, heard: make(map[netip.Addr]*session),
		changed: make(chan struct{}, 1),
		wanted:  make(map[netip.Prefix]bool), told: make(map[netip.Prefix]announcement),
		server: server.NewBgpServer(server.LoggerOption(quiet(log), new(slog.LevelVar))),
	}
	go s.server.Serve()
	global := &api.Global{Asn: c.AS, RouterId: c.ID.String(), ListenPort: -1, UseMultiplePaths: true}
	if c.Listen.IsValid() {
		global.ListenPort, global.ListenAddresses = int32(c.Listen.Port()), []string{c.Listen.Addr().String()}
	}
	if err := s.server.StartBgp(ctx, &api.StartBgpRequest{Global: global}); err != nil {
		stop()
		s.server.Stop()
		return nil, fmt.Errorf("BGP: %w", err)
	}
	if err := s.setPolicy(ctx, c.Learn != nil); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	err := s.server.WatchEvent(ctx, server.WatchEventMessageCallbacks{
		OnPeerUpdate: s.peerChanged,
		OnBestPath:   func([]*apiutil.Path, time.Time) { s.routesChanged() },
		OnPathEor:    s.endOfRIB,
	}, server.WatchPeer(), server.WatchBestPath(true), server.WatchEor(false))
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Restarts reports whether some peer keeps routes over a restart.
func (s *Speaker) Restarts() bool {
	return slices.ContainsFunc(s.config.Peers, func(p config.Peer) bool { return p.Restart > 0 })
}

// Announce has the peers told of these prefixes and of no others, but under a
// drain. It costs nothing if nothing changed. What a call before could not tell
// is tried again.
func (s *Speaker) Announce(prefixes []netip.Prefix) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.wanted)
	for _, p := range prefixes {
		s.wanted[p] = true
	}
	return s.tell()
}

// tell has the peers told of what is wanted, as the phase says.
func (s *Speaker) tell() (failed error) {
	for prefix := range maps.Clone(s.told) {
		if !s.wanted[prefix] || s.phase == Withdrawn {
			failed = errors.Join(failed, s.withdraw(prefix))
		}
	}
	if s.phase == Withdrawn {
		return failed
	}
	leaving := s.phase == Draining
	for prefix := range s.wanted {
		if is, known := s.told[prefix]; !known || is.leaving != leaving {
			failed = errors.Join(failed, s.announce(prefix, leaving))
		}
	}
	return failed
}

func (s *Speaker) announce(prefix netip.Prefix, leaving bool) error {
	path, err := s.path(prefix, leaving)
	if err == nil {
		_, err = s.server.AddPath(apiutil.AddPathRequest{Paths: []*apiutil.Path{path}})
	}
	if err != nil {
		return fmt.Errorf("BGP: announcing %s: %w", prefix, err)
	}
	s.told[prefix] = announcement{path, leaving}
	s.log.Info("BGP: announced", "prefix", prefix, "draining", leaving)
	return nil
}

func (s *Speaker) withdraw(prefix netip.Prefix) error {
	err := s.server.DeletePath(apiutil.DeletePathRequest{Paths: []*apiutil.Path{s.told[prefix].path}})
	if err != nil {
		return fmt.Errorf("BGP: withdrawing %s: %w", prefix, err)
	}
	delete(s.told, prefix)
	s.log.Info("BGP: withdrawn", "prefix", prefix)
	return nil
}

// Drain has routers prefer other gateways, by the community of RFC 8326, and
// withdraws everything a while later. It returns at once. The channel is closed
// when that has happened, or when Resume has called it off. After an error the
// next Announce tries again.
func (s *Speaker) Drain(by string) (<-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drain == nil {
		s.drain = &drain{done: make(chan struct{})}
	}
	if s.phase != Announcing {
		return s.drain.done, nil
	}
	d := s.drain
	s.phase = Draining
	s.log.Info("BGP: draining", "by", by, "withdrawal", s.config.Drain)
	d.timer = time.AfterFunc(s.config.Drain, func() { s.endDrain(d) })
	return d.done, s.tell()
}

func (s *Speaker) endDrain(d *drain) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drain != d {
		return // Resume came first
	}
	s.phase = Withdrawn
	if err := s.tell(); err != nil {
		s.log.Error("BGP: the drain", "error", err)
	}
	close(d.done)
}

// Resume announces again what is wanted.
func (s *Speaker) Resume(by string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == Announcing {
		return nil
	}
	if s.phase == Draining {
		s.drain.timer.Stop()
		close(s.drain.done)
	}
	s.log.Info("BGP: announcing again", "by", by)
	s.drain, s.phase = nil, Announcing
	return s.tell()
}

// Close ends the sessions. Peers withdraw what they were told, but those that
// keep it over a restart, if the configuration wants that.
func (s *Speaker) Close() error {
	defer s.server.Stop()
	defer s.stop()
	s.peers.Lock()
	s.closed = true
	s.peers.Unlock()
	s.mu.Lock()
	if s.drain != nil && s.phase == Draining {
		s.drain.timer.Stop()
	}
	s.mu.Unlock()
	return s.server.StopBgp(context.Background(), &api.StopBgpRequest{AllowGracefulRestart: s.config.Keep})
}

// Keeps reports whether routes are to stay when the process ends.
func (s *Speaker) Keeps() bool { return s.config.Keep }
