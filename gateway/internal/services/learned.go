package services

import (
	"slices"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// learnedScope is that of all services that routers announce: a flow whose
// prefix goes from group to group stays where it is.
const learnedScope = "learned"

// Lost is why members of services are lost that were learned, by service and
// member: they are announced no more, but nobody has taken them back.
type Lost map[string]map[string]error

// SetLearned puts services in force that routers announce, in place of those
// that they announced before. What the configuration serves itself is left out.
// Members that are lost are down: their flows return with them.
func (r *Registry) SetLearned(services []config.Service, lost Lost) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, lostBefore := r.learned, r.lost
	r.learned, r.lost = services, lost
	var configured []config.Service
	for _, s := range r.services {
		if !s.Learned {
			configured = append(configured, s.Service)
		}
	}
	came := r.awaited.takeOf(services)
	r.drains.addAll(came)
	if err := r.replaceDrained(r.withLearned(configured)); err != nil {
		r.awaited.addAll(came)
		r.learned, r.lost = before, lostBefore
		return err
	}
	return r.lose()
}

// lose puts in force which members are lost.
func (r *Registry) lose() error {
	turned := false
	for _, s := range r.services {
		if !s.Learned || len(s.lost)+len(r.lost[s.Name]) == 0 {
			continue
		}
		was := make([]error, len(s.Members))
		for i, m := range s.Members {
			was[i] = r.fault(s, m)
		}
		s.lost = r.lost[s.Name]
		for i, m := range s.Members {
			turned = r.turned(s, m.ID, was[i]) || turned
		}
	}
	if !turned {
		return nil
	}
	return r.follow(nil)
}

// withLearned returns configured services, and those that are learned.
func (r *Registry) withLearned(configured []config.Service) []config.Service {
	all := slices.Clip(configured)
	for _, l := range r.learned {
		if !slices.ContainsFunc(configured, func(c config.Service) bool { return overlap(c, l) }) {
			all = append(all, l)
		}
	}
	return all
}

// follows reports whether a service can have these members: those of one that is
// learned are the routers' to change, all but their weights.
func (s *service) follows(members []config.Member) bool {
	if !s.Learned {
		return true
	}
	for _, m := range members {
		i, err := s.find(m.ID)
		if err != nil {
			return false
		}
		m.Weight = s.Members[i].Weight
		if !m.Equal(s.Members[i]) {
			return false
		}
	}
	return len(members) == len(s.Members)
}

// overlap reports whether two services have a name or a prefix in common.
func overlap(a, b config.Service) bool {
	if a.Name == b.Name {
		return true
	}
	for _, p := range a.Prefixes {
		if slices.Contains(b.Prefixes, p) {
			return true
		}
	}
	return false
}

// scopeOf returns what the groups of services that share flows have in common;
// empty if a service shares them with no other.
func scopeOf(s *config.Service) string {
	switch {
	case s.Learned:
		return learnedScope
	case s.Scope != "":
		return "scope " + s.Scope // no name of a service has a space
	}
	return ""
}
