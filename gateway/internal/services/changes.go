package services

import (
	"fmt"
	"slices"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// Replace puts services in force, in place of all that there are. Origin names
// the configuration that they are from: see [Registry.Save].
func (r *Registry) Replace(services []config.Service, origin string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.apply(services); err != nil {
		return err
	}
	r.origin = origin
	return nil
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

// SetMembers replaces the members of a service, all at once.
func (r *Registry) SetMembers(service string, members []config.Member) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.setMembers(service, members)
}

// Edit changes or adds one member. The function edit is given the member as it
// is, nil if there is none, and the weight that it had before it was drained, 0
// if it is not drained. It returns the member as it shall be. An error of edit
// changes nothing. Edit returns the member, and whether it is new.
func (r *Registry) Edit(
	service, id string, edit func(present *config.Member, drained uint32) (config.Member, error),
) (config.Member, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.find(service)
	if err != nil {
		return config.Member{}, false, err
	}
	members := slices.Clone(s.Members)
	i, missing := s.find(id)
	var present *config.Member
	if missing == nil {
		present = &members[i]
	}
	m, err := edit(present, s.drained[id])
	if err != nil {
		return config.Member{}, false, err
	}
	if present != nil {
		members[i] = m
	} else {
		members = append(members, m)
	}
	return m, present == nil, r.setMembers(service, members)
}

// Drain sets a member's weight to 0: it gets no new flow, and keeps those it
// has.
func (r *Registry) Drain(service, id string) error {
	_, _, err := r.Edit(service, id, func(present *config.Member, _ uint32) (config.Member, error) {
		if present == nil {
			return config.Member{}, fmt.Errorf("%w: %q", ErrNoMember, id)
		}
		m := *present
		m.Weight = 0
		return m, nil
	})
	return err
}

// Delete removes a member that is dead: its flows go to others with their next
// packet.
func (r *Registry) Delete(service, id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.find(service)
	if err != nil {
		return err
	}
	i, err := s.find(id)
	if err != nil {
		return err
	}
	return r.setMembers(service, slices.Delete(slices.Clone(s.Members), i, i+1))
}

func (r *Registry) setMembers(service string, members []config.Member) error {
	if _, err := r.find(service); err != nil {
		return err
	}
	next := r.state()
	for i := range next {
		if next[i].Name == service {
			next[i].Members = members
		}
	}
	return r.apply(next)
}
