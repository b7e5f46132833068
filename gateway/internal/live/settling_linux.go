package live

import (
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/bgp"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

const (
	// Routers that are there are waited for no longer, beyond the wait for those
	// that are not, whatever they do: sessions may begin and end.
	settleAtMost = 20 * time.Second
	settleEvery  = 200 * time.Millisecond // how often it is looked
)

// A settling is the time in which a process that was started again hears from
// routers what the one before knew: they come one after the other, and flows
// whose next hop is not there yet would be sent to another. RFC 4724 has a
// router wait so, too. It begins with the first call of over, and has ended from
// the start if nothing was known.
type settling struct {
	before map[string][]string // the members of services that were learned
	wait   time.Duration       // for routers that are not there
	began  time.Time
	ended  bool
}

// over reports whether it has ended, by what is learned now and how it stands to
// routers: all is there that was, or all routers that are there have told of all
// their routes, and those that are not were waited for.
func (s *settling) over(learned []config.Service, routers []bgp.PeerState, now time.Time) bool {
	if s.began.IsZero() {
		s.began = now
	}
	waited := now.Sub(s.began)
	s.ended = s.ended || s.whole(learned) || waited >= s.wait+settleAtMost ||
		!slices.ContainsFunc(routers, func(p bgp.PeerState) bool {
			if p.Established() {
				return !p.ToldAll
			}
			return waited < s.wait
		})
	return s.ended
}

// whole reports whether all is learned that was.
func (s *settling) whole(learned []config.Service) bool {
	missing := 0
	for _, members := range s.before {
		missing += len(members)
	}
	for _, service := range learned {
		for _, m := range service.Members {
			if slices.Contains(s.before[service.Name], m.ID) {
				missing--
			}
		}
	}
	return missing == 0
}

// tell logs which routers were waited for in vain.
func (s *settling) tell(log *slog.Logger, routers []bgp.PeerState) {
	var away []netip.Addr
	for _, p := range routers {
		if !p.ToldAll {
			away = append(away, p.Addr)
		}
	}
	if len(away) > 0 {
		log.Warn("what routers announce is served, and flows of routers that are away may move",
			"lacks", away, "waited", s.wait)
	}
}
