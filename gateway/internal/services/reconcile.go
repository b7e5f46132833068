package services

import (
	"cmp"
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
	members := len(r.roster.behind[l.Name]) > 0
	if had != l.Carrier && (members || slices.Contains(r.in, l.Name)) {
		what := l.Name + " lost its carrier"
		if l.Carrier {
			what = l.Name + " has a carrier again"
		}
		r.log(Change{What: what, movedBefore: r.moved()})
		if had && members {
			r.detour(r.servicesBehind(l.Name), func(m config.Member) bool { return m.Dev == l.Name })
		}
	}
	// A member at the address of an interface of the gateway's own is down.
	own := was.MAC != l.MAC && slices.Contains(r.in, l.Name)
	if own {
		for dev := range r.roster.behind {
			r.markBehind(dev)
		}
	}
	if !members && !own || was == l && !r.behind {
		return nil
	}
	// One whose carrier is back may have been down when the plane was made anew.
	anew := was.Index != l.Index || was.MAC != l.MAC || was.MTU != l.MTU || r.host.faults[l.Name] != nil ||
		!had && l.Carrier
	if anew && l.Index != 0 {
		return r.follow(r.servicesBehind(l.Name))
	}
	r.markBehind(l.Name)
	return r.follow(nil)
}

// SetNeighbour takes over a neighbour as the kernel knows it now: members there
// whose MAC address was not given have this one, or are down without. One that
// is gone from the table is no longer known, unless a member is there.
func (r *Registry) SetNeighbour(n links.Neighbour) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := place{n.Index, n.Addr}
	if r.host.neighbours[at] == n.MAC {
		return nil
	}
	var there []*service
	var members []config.Member
	for p := range r.roster.behind[r.host.names[n.Index]] {
		if is, ok := r.host.place(p.Member); ok && is == at {
			there, members = append(there, p.services...), append(members, p.Member)
		}
	}
	if n.Gone && len(there) > 0 {
		delete(r.host.asked, at)
		r.ask(members) // else its next MAC address goes unseen
		return nil
	}
	if r.host.neighbours[at] = n.MAC; n.MAC == (engine.MAC{}) {
		delete(r.host.neighbours, at)
	}
	if len(there) == 0 {
		return nil
	}
	return r.follow(r.inOrder(there))
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
	for _, p := range r.roster.members {
		if at, ok := r.host.place(p.Member); ok && r.host.neighbours[at] == (engine.MAC{}) {
			delete(r.host.asked, at)
			r.ask([]config.Member{p.Member})
		}
	}
	if !again {
		return nil
	}
	return r.follow(r.services)
}

// follow has the data plane follow the host. Given are the services of which
// more changed than who is down.
func (r *Registry) follow(changed []*service) error {
	var err error
	switch {
	case r.behind:
		err = r.apply(r.again(r.services))
	case len(changed) > 0:
		err = r.apply(r.again(changed))
	default:
		err = r.sync()
	}
	r.behind = err != nil
	return err
}

// applied takes down that the plane has all that is known, if it was given
// that without an error.
func (r *Registry) applied(err error) error {
	r.behind = r.behind && err != nil
	return err
}

// servicesBehind returns the services with members behind an interface.
func (r *Registry) servicesBehind(dev string) []*service {
	var list []*service
	for p := range r.roster.behind[dev] {
		list = append(list, p.services...)
	}
	return r.inOrder(list)
}

// inOrder returns services each once and in their order.
func (r *Registry) inOrder(list []*service) []*service {
	slices.SortFunc(list, func(a, b *service) int { return cmp.Compare(a.Name, b.Name) })
	return slices.Compact(list)
}

// ask has the kernel keep the neighbours that members are, if it was not asked
// before.
func (r *Registry) ask(members []config.Member) {
	if r.Keep == nil {
		return
	}
	for _, m := range members {
		if p, ok := r.host.place(m); ok && !r.host.asked[p] {
			r.host.asked[p] = true
			r.Keep(p.index, p.addr)
		}
	}
}

// mark says of each member of a service, as it is now or next, whether it is
// down: in all services, or in this one.
func (r *Registry) mark(s *service, as *config.Service) {
	s.panics = s.inPanic(as)
	for _, m := range as.Members {
		r.domain.Mark(m.ID).SetDown(r.host.fault(m) != nil)
		s.group.Mark(m.ID).SetDown(s.avoids(as, m))
	}
}

// markBehind says of each member behind an interface whether it is down in all
// services.
func (r *Registry) markBehind(dev string) {
	for p := range r.roster.behind[dev] {
		r.domain.Mark(p.ID).SetDown(r.host.fault(p.Member) != nil)
	}
}
