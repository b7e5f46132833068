package services

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// prebuild builds what a change is about to ask for, without the lock, since a
// table takes milliseconds. The change then finds it in the groups, which
// remember what was planned until they change. If another change comes first,
// this one builds for itself. The function intended plans the change. It is
// called with the lock, and changes nothing; the change calls it again.
func (r *Registry) prebuild(intended func() (*plan, error)) {
	p := r.prospect(intended)
	if p == nil || p.build() != nil {
		return // a change that is refused meets the same error, and says so
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range p.changed {
		t.foreseen = t.effect
	}
}

// prospect returns a change that is to be built; nil if no group changes, or the
// change is going to be refused.
func (r *Registry) prospect(intended func() (*plan, error)) *plan {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, err := intended()
	if err != nil || r.compatible(p) != nil {
		return nil
	}
	if r.prepare(p); len(p.changed) == 0 {
		return nil
	}
	return p
}

// prepare works out what the groups are to get, and which of them change.
// Groups that no packet comes to yet are first.
func (r *Registry) prepare(p *plan) {
	now := r.Now()
	var fresh, rest []*target
	for i := range p.targets {
		t := &p.targets[i]
		t.ramps = t.ramping(now)
		t.hops, t.from = r.hops(&t.next, t.ramps), t.group.Load()
		t.payloads = !t.fresh && t.version == 0 && r.inCluster(t.service)
		t.effect = t.foreseen
		switch {
		case t.fresh:
			fresh = append(fresh, t)
		case t.same() && t.next.Strategy == t.Strategy && t.version == 0:
		default:
			rest = append(rest, t)
		}
	}
	p.changed = slices.Concat(fresh, rest)
}

// build builds the tables of the groups that change, and changes none. Only a
// strategy knows whether it can serve given members, Anchor with its capacity
// for example, and it says so when it builds. A failed change must find nothing
// changed that packets meet. So all are planned before the first is updated, and
// at the same time: their updates get what was built for the plan. So is what
// they do to flows, which takes as long. It needs no lock of the registry.
func (p *plan) build() error {
	errs := make([]error, len(p.changed))
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1) - 1); i < len(errs); i = int(next.Add(1) - 1) {
			errs[i] = p.changed[i].build()
		}
	}
	var building sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(errs)) - 1 {
		building.Go(work)
	}
	work() // one of few needs nobody else, who would have to be woken
	building.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// build builds the table of one group, and what it does to flows.
func (t *target) build() error {
	if t.payloads {
		return nil
	}
	planned, err := t.group.Plan(t.next.Strategy, t.hops)
	if err != nil {
		return &RefusedError{t.next.Name, err}
	}
	t.effect = t.of(planned.View(), t.from.View())
	return nil
}
