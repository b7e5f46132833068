package services

import (
	"errors"
	"maps"
	"slices"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/health"
)

// ErrDown is why a member is down that somebody said is.
var ErrDown = errors.New("it was set down")

// SetHealth takes over what a check found of a member, nil if it serves. A
// report of who is not checked any more, or not so, is left out.
func (r *Registry) SetHealth(t health.Target, fault error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.find(t.Service)
	if err != nil || !slices.Contains(s.targets(), t) {
		return nil
	}
	if s.failed == nil {
		s.failed = make(map[string]failed)
	}
	was := r.fault(s, s.member(t.Member))
	if s.failed[t.Member] = (failed{t, fault}); fault == nil {
		delete(s.failed, t.Member)
	}
	return r.turn(s, t.Member, was)
}

// SetDown says from outside whether a member is down; it stays so, whatever
// checks find, until it is said not to be.
func (r *Registry) SetDown(service, id string, down bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.find(service)
	if err != nil {
		return err
	}
	if _, err := s.find(id); err != nil {
		return err
	}
	if s.down == nil {
		s.down = make(map[string]bool)
	}
	was := r.fault(s, s.member(id))
	if s.down[id] = down; !down {
		delete(s.down, id)
	}
	return r.turn(s, id, was)
}

// forgetDown forgets that members were set down that have left.
func (s *service) forgetDown() {
	maps.DeleteFunc(s.down, func(id string, _ bool) bool { _, err := s.find(id); return err != nil })
}

// turn puts in force that a member may be down, or up again.
func (r *Registry) turn(s *service, id string, was error) error {
	if !r.turned(s, id, was) {
		return nil
	}
	return r.follow(nil)
}

// turned reports whether a member went down or up, which is marked and logged
// then. The data plane is to follow.
func (r *Registry) turned(s *service, id string, was error) bool {
	now := r.fault(s, s.member(id))
	if (was == nil) == (now == nil) {
		return false
	}
	what := id + " is up again"
	if now != nil {
		what = id + " is down: " + now.Error()
	}
	r.log(Change{Service: s.Name, What: what, movedBefore: r.moved()})
	if now != nil {
		r.detour([]*service{s}, func(m config.Member) bool { return m.ID == id })
	}
	r.mark(s, &s.Service)
	r.tellPanic(s, r.moved())
	return true
}

// fault says why a member of a service is down; nil if it is not.
func (r *Registry) fault(s *service, m config.Member) error {
	if err := r.host.fault(m); err != nil {
		return err
	}
	return s.fault(&s.Service, m)
}

// fault says what checks, routers, or somebody, found wrong with a member of the
// service as it is configured now or next.
func (s *service) fault(as *config.Service, m config.Member) error {
	if s.down[m.ID] {
		return ErrDown
	}
	if err := s.lost[m.ID]; err != nil && as.Learned {
		return err
	}
	if f, ok := s.failed[m.ID]; ok && as.Check != nil && f.target == targetOf(as, m) {
		return f.fault
	}
	return nil
}

// failed is a check that a member failed.
type failed struct {
	target health.Target
	fault  error
}

// member returns the member with an ID, which is there.
func (s *service) member(id string) (m config.Member) {
	if i, err := s.find(id); err == nil {
		m = s.Members[i]
	}
	return m
}

// targets returns who is to be asked.
func (s *service) targets() []health.Target {
	if s.Check == nil {
		return nil
	}
	list := make([]health.Target, len(s.Members))
	for i, m := range s.Members {
		list[i] = targetOf(&s.Service, m)
	}
	return list
}

func targetOf(s *config.Service, m config.Member) health.Target {
	t := health.Target{Service: s.Name, Member: m.ID, Addr: m.Addr, Check: *s.Check}
	if t.ToVIP {
		t.Addr, _ = s.Asked(m) // refused otherwise
		t.Dev, t.Via, t.MAC = m.Dev, m.NextHop(), m.MAC
	}
	return t
}

// check has the members asked that there are now, and forgets what was found of
// others.
func (r *Registry) check() {
	var all []health.Target
	for _, s := range r.services {
		targets := s.targets()
		maps.DeleteFunc(s.failed, func(_ string, f failed) bool { return !slices.Contains(targets, f.target) })
		all = append(all, targets...)
	}
	if r.Check != nil {
		r.Check(all)
	}
}
