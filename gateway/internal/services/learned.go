package services

import (
	"net/netip"
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
	fresh := make(newcomers)
	var undrained []config.Service
	intended := func() (*plan, error) {
		undrained = withLearned(r.configuredNow(), services)
		drains := r.awaited.of(services)
		drains.addAll(r.drains)
		return r.replace(drains.over(undrained), lost, fresh)
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
	r.learned, r.lost = services, lost
	r.drains.addAll(r.awaited.takeOf(services))
	r.afterReplace(undrained)
	return r.lose()
}

// configuredNow returns the services in force that are not learned.
func (r *Registry) configuredNow() (configured []config.Service) {
	for _, s := range r.services {
		if !s.Learned {
			configured = append(configured, s.Service)
		}
	}
	return configured
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

// withLearned returns configured services, and those that are learned and have
// no name or prefix in common with them.
func withLearned(configured, learned []config.Service) []config.Service {
	if len(learned) == 0 {
		return configured
	}
	names, prefixes := make(map[string]bool), make(map[netip.Prefix]bool)
	for _, c := range configured {
		names[c.Name] = true
		for _, p := range c.Prefixes {
			prefixes[p] = true
		}
	}
	all := slices.Clip(configured)
	for _, l := range learned {
		if !names[l.Name] && !slices.ContainsFunc(l.Prefixes, func(p netip.Prefix) bool { return prefixes[p] }) {
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
