package services

// prebuild builds what a change of one service's members is about to ask for,
// without the lock, since a table takes milliseconds. The change then finds it
// in the group, which remembers what was planned until it changes. If another
// change comes first, this one builds for itself.
func (r *Registry) prebuild(service string, change ChangeMembers) {
	t := r.prospect(service, change)
	if t == nil {
		return
	}
	planned, err := t.group.Plan(t.next.Strategy, t.hops)
	if err != nil {
		return // the change meets the same error, and says so
	}
	e := effectOf(planned.View(), t.from.View())
	r.mu.Lock()
	defer r.mu.Unlock()
	t.foreseen = e
}

// prospect returns a service with the members that it is about to get; nil if
// nothing changes, or the change is going to be refused.
func (r *Registry) prospect(service string, change ChangeMembers) *target {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.find(service)
	if err != nil {
		return nil
	}
	members, err := change(r.logged(s))
	if err != nil {
		return nil
	}
	t := &target{service: s, next: s.Service}
	t.next.Members = members
	t.ramps = t.ramping(r.Now())
	t.hops, t.from = r.hops(&t.next, t.ramps), t.group.Load()
	if t.same() {
		return nil
	}
	return t
}
