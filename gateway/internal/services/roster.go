package services

import (
	"fmt"
	"slices"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// A roster finds the services that a member is in, and the members behind an
// interface, without a look at all that there are.
type roster struct {
	members map[string]*placed
	behind  map[string]map[*placed]bool // by interface
}

// placed is a member where all services that have it say that it is.
type placed struct {
	config.Member
	services []*service
}

func newRoster() roster {
	return roster{members: make(map[string]*placed), behind: make(map[string]map[*placed]bool)}
}

// add adds the members of a service.
func (r *roster) add(s *service) {
	for _, m := range s.Members {
		p := r.members[m.ID]
		if p == nil {
			p = &placed{Member: m}
			r.members[m.ID] = p
			if r.behind[m.Dev] == nil {
				r.behind[m.Dev] = make(map[*placed]bool)
			}
			r.behind[m.Dev][p] = true
		}
		p.services = append(p.services, s)
	}
}

// remove takes the members of a service out again.
func (r *roster) remove(s *service) {
	for _, m := range s.Members {
		p := r.members[m.ID]
		if i := slices.Index(p.services, s); i >= 0 {
			p.services = slices.Delete(p.services, i, i+1)
		}
		if len(p.services) > 0 {
			continue
		}
		delete(r.members, m.ID)
		if delete(r.behind[p.Dev], p); len(r.behind[p.Dev]) == 0 {
			delete(r.behind, p.Dev)
		}
	}
}

// compatible checks that a member of several services has one place in all, and
// can be asked where it is to be.
func (r *Registry) compatible(p *plan) error {
	had := make(map[string]int) // of a member, the services of the plan that have it now
	for i := range p.targets {
		for _, m := range p.targets[i].Members {
			had[m.ID]++
		}
	}
	for _, s := range p.removed {
		for _, m := range s.Members {
			had[m.ID]++
		}
	}
	next := make(map[string]*config.Member)
	for i := range p.targets {
		t := &p.targets[i]
		for j := range t.next.Members {
			m := &t.next.Members[j]
			other := next[m.ID]
			if now := r.roster.members[m.ID]; now != nil && len(now.services) > had[m.ID] {
				other = &now.Member // in a service that stays as it is
			}
			if other != nil && !other.SamePlace(*m) {
				return &RefusedError{t.next.Name, fmt.Errorf(
					"member %q has another \"dev\", \"mac\", \"addr\" or \"tunnel\" in another service", m.ID)}
			}
			next[m.ID] = m
		}
	}
	return r.passable(p)
}
