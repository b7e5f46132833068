package services

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// Replace puts services in force, in place of all that there are. Origin names
// the configuration that they are from: see [Registry.Save]. Members that were
// drained by another way stay drained: see [Drain].
func (r *Registry) Replace(services []config.Service, origin string) error {
	fresh := make(newcomers)
	var undrained []config.Service
	intended := func() (*plan, error) {
		undrained = withLearned(r.ofCluster(services), r.learned)
		return r.replace(r.drains.over(undrained), r.lost, fresh)
	}
	r.prebuild(intended)
	r.mu.Lock()
	defer r.mu.Unlock()
	p, err := intended()
	if err != nil {
		return err
	}
	if err := r.applied(r.apply(p)); err != nil {
		return err
	}
	r.afterReplace(undrained)
	r.origin = origin
	if r.Cluster == nil {
		r.configured = drainedIn(services)
	}
	return nil
}

// afterReplace keeps the drains that hold after services were put in force in
// place of all that there were. It is given these without the drains, and
// forgets those of members that are not there.
func (r *Registry) afterReplace(undrained []config.Service) {
	r.drains.retain(undrained)
	for _, next := range undrained {
		s, err := r.find(next.Name)
		if err != nil {
			continue
		}
		for _, m := range next.Members {
			if _, ok := r.drains[s.Name][m.ID]; ok && m.Weight > 0 {
				s.drained[m.ID] = m.Weight // which it gets when the drain ends
			}
		}
	}
	_ = r.endDrains(r.Now()) // Step tries again
}

// Members returns the members of a service, in the order given.
func (r *Registry) Members(service string) ([]config.Member, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.find(service)
	if err != nil {
		return nil, err
	}
	return slices.Clone(s.Members), nil
}

// SetMembers replaces the members of a service, all at once. Of a service that
// is learned only the weights can be changed, by this and by all below.
func (r *Registry) SetMembers(service string, members []config.Member) error {
	return r.change(service, func(Logged) ([]config.Member, error) { return members, nil })
}

// Edit changes or adds one member. The function edit is given the member as it
// is, nil if there is none, and the weight that it had before it was drained, 0
// if it is not drained. It returns the member as it shall be. An error of edit
// changes nothing. Edit returns the member, and whether it is new. The function
// may be called several times.
func (r *Registry) Edit(service, id string, edit EditMember) (m config.Member, added bool, err error) {
	err = r.change(service, func(l Logged) (list []config.Member, err error) {
		list, m, added, err = edited(l.Members, id, l.Drained[id], edit)
		return list, err
	})
	return m, added, err
}

// EditMember returns what becomes of a member: see [Registry.Edit].
type EditMember func(present *config.Member, drained uint32) (config.Member, error)

// change changes the members of a service, in the log if it is of a cluster. Its
// tables are built before the lock is taken.
func (r *Registry) change(service string, change ChangeMembers) error {
	if r.clustered(service) {
		return r.changeLog(service, change)
	}
	r.prebuild(func() (*plan, error) { return r.membersPlan(service, change, "") })
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changeMembers(service, change, "")
}

// edited returns the members after one of them was edited.
func edited(members []config.Member, id string, drained uint32, edit EditMember) (
	list []config.Member, m config.Member, added bool, err error,
) {
	list = slices.Clone(members)
	i := slices.IndexFunc(list, func(m config.Member) bool { return m.ID == id })
	var present *config.Member
	if i >= 0 {
		present = &list[i]
	}
	if m, err = edit(present, drained); err != nil {
		return nil, config.Member{}, false, err
	}
	if i < 0 {
		return append(list, m), m, true, nil
	}
	list[i] = m
	return list, m, false, nil
}

// Drain is DrainUntil without an end.
func (r *Registry) Drain(service, id string) error { return r.DrainUntil(service, id, Until{}) }

// DrainUntil sets a member's weight to 0: it gets no new flow, and keeps those
// it has until the drain ends. See [Drain] for how long it stays drained. The
// end of one that is drained already changes, and the history says so; flows
// that were released come back to it no more. There is no end for UDP alone
// where flows may be many connections: that error is a [*RefusedError]. If the
// data plane can't be told that the drain has ended, that is the error, and Step
// tries again. In a cluster a drain ends when the log says so: see
// [Registry.EndOverdue].
func (r *Registry) DrainUntil(service, id string, end Until) error {
	if r.clustered(service) {
		return r.drainOfCluster(service, id, end)
	}
	drained := func(l Logged) ([]config.Member, error) { return withDrained(l.Members, id) }
	r.prebuild(func() (*plan, error) { return r.membersPlan(service, drained, "") })
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.drainMember(service, id, end); err != nil {
		return err
	}
	drain, kept := r.drains[service][id]
	if !kept { // the configuration drained it
		drain = Drain{By: r.by, At: r.Now()}
	}
	if drain.Until != end {
		drain.Until, drain.Ended, drain.UDPEnded, drain.EndBy = end, time.Time{}, time.Time{}, r.by
	}
	r.drains.add(service, id, drain)
	r.drainBegan(service, id)
	return r.endDrains(r.Now()) // at once, if it is to
}

// withDrained returns the members with one of them drained.
func withDrained(members []config.Member, id string) ([]config.Member, error) {
	i, err := indexIn(members, id)
	if err != nil {
		return nil, err
	}
	drained := slices.Clone(members)
	drained[i].Weight = 0
	return drained, nil
}

// drainMember gives a member the weight 0. The history then says when its drain
// is to end, if that is another time than before.
func (r *Registry) drainMember(service, id string, end Until) error {
	s, err := r.find(service)
	if err != nil {
		return err
	}
	if _, err := s.find(id); err != nil {
		return err
	}
	if err := s.checkEnd(end); err != nil {
		return err
	}
	already, was := s.member(id).Weight == 0, r.drains[service][id].Until
	note := ""
	if end != (Until{}) {
		note = " " + end.text()
	}
	drained := func(l Logged) ([]config.Member, error) { return withDrained(l.Members, id) }
	if err := r.changeMembers(service, drained, note); err != nil {
		return err
	}
	if already && was != end {
		r.log(Change{Service: service, What: fmt.Sprintf("%s is drained %s, not %s", id, end.text(), was.text()),
			Version: s.group.Load().View().Version(), movedBefore: r.moved()})
	}
	return nil
}

// Delete removes a member that is dead: its flows go to others with their next
// packet.
func (r *Registry) Delete(service, id string) error {
	return r.change(service, func(l Logged) ([]config.Member, error) {
		i, err := indexIn(l.Members, id)
		if err != nil {
			return nil, err
		}
		return slices.Delete(slices.Clone(l.Members), i, i+1), nil
	})
}

// membersPlan plans that a service gets the members that change returns. The
// history is to have the note after what changed.
func (r *Registry) membersPlan(service string, change ChangeMembers, note string) (*plan, error) {
	s, err := r.find(service)
	if err != nil {
		return nil, err
	}
	next := s.Service
	if next.Members, err = change(r.logged(s)); err != nil {
		return nil, err
	}
	if !s.follows(next.Members) {
		learned := errors.New("its members are learned from routers: only weights can be changed")
		return nil, &RefusedError{service, learned}
	}
	p := r.edited(s, next)
	p.of(s).note = note
	return p, nil
}

// changeMembers puts in force what membersPlan plans.
func (r *Registry) changeMembers(service string, change ChangeMembers, note string) error {
	p, err := r.membersPlan(service, change, note)
	if err != nil {
		return err
	}
	s := r.byName[service]
	before := s.Members
	if err := r.applied(r.apply(p)); err != nil {
		return err
	}
	r.keepDrains(service, before, s.Members)
	return nil
}
