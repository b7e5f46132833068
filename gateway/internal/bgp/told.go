package bgp

import (
	"slices"
	"time"

	"github.com/osrg/gobgp/v4/pkg/apiutil"
	"github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

const (
	// A router that says nothing of the end of its routes is taken to have told
	// all when its session is so old: frr waits for a second until it announces
	// anything.
	silent = 5 * time.Second
	// One that keeps routes over restarts is to say it (RFC 4724), and is waited
	// for longer.
	restarts = 20 * time.Second
)

// A session is what is known of the last one with a router.
type session struct {
	at     time.Time // when it began or ended
	reason string    // of its end; empty: it is there

	families []bgp.Family // that the router has, of those that it was offered
	ends     []bgp.Family // of which it has told all
}

// toldAll reports whether a router has told of all its routes since the session
// began. What it does not announce then it has withdrawn; what it did not
// announce before may be yet to come.
func (s *session) toldAll(p config.Peer, now time.Time) bool {
	if len(s.families) > 0 && len(s.ends) == len(s.families) {
		return true
	}
	limit := silent
	if p.Restart > 0 {
		limit = restarts
	}
	return now.Sub(s.at) >= limit
}

// end takes down that a router has told of all its routes of a family.
func (s *session) end(f bgp.Family) {
	if slices.Contains(s.families, f) && !slices.Contains(s.ends, f) {
		s.ends = append(s.ends, f)
	}
}

// endOfRIB takes down what a router says of its routes.
func (s *Speaker) endOfRIB(p *apiutil.Path, _ time.Time) {
	s.mu.Lock()
	if known, ok := s.heard[p.PeerAddress]; ok && known.reason == "" {
		known.end(p.Family)
	}
	s.mu.Unlock()
	s.routesChanged() // those that are not there are withdrawn now
}

// familiesOf returns the families of prefixes that both ends of a session have.
// A router that names none has IPv4 (RFC 4760).
func (s *Speaker) familiesOf(p config.Peer, capabilities []bgp.ParameterCapabilityInterface) (both []bgp.Family) {
	var theirs []bgp.Family
	for _, c := range capabilities {
		if f, ok := c.(*bgp.CapMultiProtocol); ok {
			theirs = append(theirs, f.CapValue)
		}
	}
	if len(theirs) == 0 {
		theirs = []bgp.Family{bgp.RF_IPv4_UC}
	}
	for _, f := range []bgp.Family{bgp.RF_IPv4_UC, bgp.RF_IPv6_UC} {
		if s.config.Carries(p, f == bgp.RF_IPv6_UC) && slices.Contains(theirs, f) {
			both = append(both, f)
		}
	}
	return both
}
