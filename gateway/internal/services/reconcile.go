package services

import (
	"slices"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/links"
)

// SetLink takes over the state of an interface; one with Index 0 is not there.
// Members behind one without a carrier are down: packets avoid them, and return
// to them with the carrier. One that was made anew is opened anew. After an
// error the data plane may still send as before: [Registry.Reconcile] tries
// again.
func (r *Registry) SetLink(l links.Link) error {
	r = r.By("link")
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.host.links[l.Name]
	had := r.host.carrier(l.Name)
	r.host.set(l)
	members := r.anyMember(func(m config.Member) bool { return m.Dev == l.Name })
	if had != l.Carrier && (members || slices.Contains(r.in, l.Name)) {
		what := l.Name + " lost its carrier"
		if l.Carrier {
			what = l.Name + " has a carrier again"
		}
		r.log(Change{What: what, movedBefore: r.moved()})
		if had && members {
			r.detour(func(_ *service, m config.Member) bool { return m.Dev == l.Name })
		}
	}
	if !members || was == l && !r.behind {
		return nil
	}
	// One whose carrier is back may have been down when the plane was made anew.
	anew := was.Index != l.Index || was.MAC != l.MAC || was.MTU != l.MTU || r.host.faults[l.Name] != nil ||
		!had && l.Carrier
	return r.follow(anew && l.Index != 0)
}

// SetNeighbour takes over a neighbour as the kernel knows it now: members there
// whose MAC address was not given have this one, or are down without. One that
// is gone from the table is no longer known, unless a member is there.
func (r *Registry) SetNeighbour(n links.Neighbour) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := place{n.Index, n.Addr}
	wanted := r.anyMember(func(m config.Member) bool { p, ok := r.host.place(m); return ok && p == at })
	if r.host.neighbours[at] == n.MAC || n.Gone && wanted {
		return nil
	}
	if r.host.neighbours[at] = n.MAC; n.MAC == (engine.MAC{}) {
		delete(r.host.neighbours, at)
	}
	if !wanted {
		return nil
	}
	return r.follow(true)
}

// Reconcile has the data plane do what it could not do before: send by
// interfaces that it could not open, or take over a state that it failed to.
// It asks again for neighbours that don't answer. To be called every some
// seconds, and cheap if there is nothing to be done.
func (r *Registry) Reconcile() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	again := r.behind
	for dev := range r.host.faults {
		again = again || r.host.links[dev].Index != 0
	}
	for _, s := range r.services {
		for _, m := range s.Members {
			if p, ok := r.host.place(m); ok && r.host.neighbours[p] == (engine.MAC{}) {
				delete(r.host.asked, p)
			}
		}
	}
	r.ask(r.state())
	if !again {
		return nil
	}
	return r.follow(true)
}

// follow has the data plane follow the host. Anew is true if more changed than
// who is down.
func (r *Registry) follow(anew bool) (err error) {
	if anew {
		err = r.apply(r.state())
	} else {
		r.mark(r.state())
		err = r.sync()
	}
	r.behind = err != nil
	return err
}

// ask has the kernel keep the neighbours that members are, if it was not asked
// before.
func (r *Registry) ask(services []config.Service) {
	if r.Keep == nil {
		return
	}
	for _, s := range services {
		for _, m := range s.Members {
			if p, ok := r.host.place(m); ok && !r.host.asked[p] {
				r.host.asked[p] = true
				r.Keep(p.index, p.addr)
			}
		}
	}
}

// anyMember reports whether a member of any service is so.
func (r *Registry) anyMember(is func(config.Member) bool) bool {
	return slices.ContainsFunc(r.services, func(s *service) bool { return slices.ContainsFunc(s.Members, is) })
}

// mark says of each member whether it is down: in all services, or in one.
func (r *Registry) mark(services []config.Service) {
	for i := range services {
		n := &services[i]
		s, err := r.find(n.Name)
		for _, m := range n.Members {
			r.domain.Mark(m.ID).SetDown(r.host.fault(m) != nil)
			if err == nil {
				s.group.Mark(m.ID).SetDown(s.fault(n, m) != nil)
			}
		}
	}
}
