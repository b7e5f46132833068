package services

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/hash"
)

// Until says when a drain ends: the flows that the member still has then go
// elsewhere, each with its next packet. Zero times are never.
type Until struct {
	Deadline time.Time `json:"deadline,omitzero"`
	// for flows without a connection, such as those of UDP; not of a service
	// whose flows may be many connections of TCP
	UDP time.Time `json:"udpDeadline,omitzero"`
}

// text says in words when a drain ends.
func (u Until) text() string {
	var parts []string
	if !u.Deadline.IsZero() {
		parts = append(parts, "until "+u.Deadline.UTC().Format(time.RFC3339))
	}
	if !u.UDP.IsZero() {
		parts = append(parts, "for flows without a connection until "+u.UDP.UTC().Format(time.RFC3339))
	}
	if len(parts) == 0 {
		return "without an end"
	}
	return strings.Join(parts, ", ")
}

// due returns which flows are to be released by now.
func (u Until) due(now time.Time) plane.Released {
	switch {
	case !u.Deadline.IsZero() && !now.Before(u.Deadline):
		return plane.Everything
	case !u.UDP.IsZero() && !now.Before(u.UDP):
		return plane.Connectionless
	}
	return plane.Kept
}

// over returns which flows the log of a cluster says are released.
func (d Drain) over() plane.Released {
	switch {
	case !d.Ended.IsZero():
		return plane.Everything
	case !d.UDPEnded.IsZero():
		return plane.Connectionless
	}
	return plane.Kept
}

// tellsUDP reports whether flows without a connection are known from others in
// a service. A flow that is many connections looks like them, whatever it has
// of TCP.
func (s *service) tellsUDP() bool {
	switch {
	case !s.Key.Aggregate():
		return true
	case s.Key == placement.ThreeTuple, s.Key == placement.Addresses, s.Key == placement.Client:
		return s.Protocol != 0 && s.Protocol != hash.TCP
	}
	return false // whatever is inside a tunnel
}

// checkEnd returns an error if the flows of an end can't be told from others.
func (s *service) checkEnd(end Until) error {
	if end.UDP.IsZero() || s.tellsUDP() {
		return nil
	}
	return &RefusedError{s.Name, fmt.Errorf(
		"by its key %s a flow may be many connections of TCP, so no deadline can be for UDP alone", s.Key)}
}

// releases returns which members lose flows by now, in order. In a cluster the
// log says it, and not the clock here.
func (r *Registry) releases(now time.Time) (list []plane.Release) {
	for name, drains := range r.drains {
		s, err := r.find(name)
		if err != nil {
			continue
		}
		for id, drain := range drains {
			which := drain.due(now)
			if r.inCluster(s) {
				which = drain.over()
			}
			if which == plane.Everything || which == plane.Connectionless && s.tellsUDP() {
				list = append(list, plane.Release{Group: s.group, Member: id, Which: which})
			}
		}
	}
	slices.SortFunc(list, func(a, b plane.Release) int {
		return cmp.Or(cmp.Compare(nameOf(a.Group), nameOf(b.Group)), cmp.Compare(a.Member, b.Member))
	})
	return list
}

func nameOf(g *engine.Group) string { return g.Load().View().Name() }

// endDrains has the plane release the flows of the members whose drain ends by
// now, and of no others. After an error the next call tries again.
func (r *Registry) endDrains(now time.Time) error {
	flows := r.plane.Flows()
	if flows == nil {
		return nil
	}
	due := r.releases(now)
	if !r.untold && slices.Equal(due, r.told) {
		return nil
	}
	if err := flows.Release(due); err != nil {
		r.untold = true
		return fmt.Errorf("the end of drains: %w", err)
	}
	r.told, r.untold = due, false
	for _, is := range due {
		service := nameOf(is.Group)
		r.drains[service][is.Member] = r.endDrain(service, is, r.drains[service][is.Member], now)
	}
	return nil
}

// endDrain takes down that the plane was told to release flows of a member.
// What ended before, in the process before this one too, is not told again.
func (r *Registry) endDrain(service string, is plane.Release, drain Drain, now time.Time) Drain {
	switch {
	case is.Which == plane.Everything && drain.Ended.IsZero():
		drain.Ended = now
	case is.Which == plane.Connectionless && drain.UDPEnded.IsZero():
		drain.UDPEnded = now
	default:
		return drain
	}
	r.tellEnd(service, is.Member, drain)
	return drain
}

// tellEnd says in the history that a drain ended, for all flows or some.
func (r *Registry) tellEnd(service, id string, drain Drain) {
	what := "the drain of " + id + " ended for flows without a connection: they go elsewhere"
	if drain.over() == plane.Everything {
		what = "the drain of " + id + " ended: its flows go elsewhere"
	}
	r.By(cmp.Or(drain.EndBy, drain.By)).log(Change{Service: service, What: what, movedBefore: r.moved()})
}
