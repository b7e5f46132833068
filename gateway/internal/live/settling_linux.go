package live

import (
	"reflect"
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

const (
	// Without news from routers for so long, the routes are taken to be whole.
	// frr waits for a second until it announces anything.
	quiet = 5 * time.Second
	// A router that is not there is not waited for any longer. TCP tries again
	// for longer than that, and pins wait for longer.
	settleAtMost = 20 * time.Second
	settleEvery  = 200 * time.Millisecond // how often it is looked
)

// A settling is the time in which a process that was started again hears from
// routers what the one before knew: they come one after the other, and flows
// whose next hop is not there yet would be sent to another. RFC 4724 has a
// router wait so, too. It begins with the first call of over, and has ended from
// the start if nothing was known.
type settling struct {
	before         map[string][]string // the members of services that were learned
	began, changed time.Time
	last           []config.Service
	ended          bool
}

// over reports whether it has ended, by what is learned now and whether there
// are sessions with all routers: all is there that was, or routers have nothing
// more to say, or it has taken too long.
func (s *settling) over(learned []config.Service, sessions bool, now time.Time) bool {
	if s.began.IsZero() {
		s.began, s.changed = now, now
	}
	if !reflect.DeepEqual(learned, s.last) || !sessions {
		s.last, s.changed = learned, now
	}
	s.ended = s.ended || s.whole(learned) || now.Sub(s.changed) >= quiet || now.Sub(s.began) >= settleAtMost
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
