package config

import (
	"errors"
	"slices"

	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/selector"
)

func (v value) service(outer Service) (s Service, err error) {
	s.Strategy, s.Key, s.Scope = outer.Strategy, outer.Key, outer.Scope
	s.Check, s.Panic, s.Ramp = outer.Check, outer.Panic, outer.Ramp
	err = v.fields(map[string]func(value) error{
		"name":     func(v value) (err error) { s.Name, err = v.name(); return err },
		"vip":      func(v value) (err error) { s.Prefixes, err = v.prefixes(); return err },
		"protocol": s.decodeProtocol,
		"ports":    s.decodePorts,
		"key":      keyInto(&s.Key),
		"scope":    s.decodeScope,
		"strategy": strategyInto(&s.Strategy),
		"check":    s.decodeCheck,

		"slowstart": s.decodeRamp,

		"panic":   numberInto(&s.Panic, 0, maxPanic),
		"members": func(v value) (err error) { s.Members, err = v.members(); return err },
	})
	if err == nil {
		err = v.require("name", "vip", "members")
	}
	s.value = v
	return s, err
}

// decodeScope decodes a name, or null for none, whatever stands at the top level.
func (s *Service) decodeScope(v value) (err error) {
	if s.Scope = ""; v.data == nil {
		return nil
	}
	s.Scope, err = v.name()
	return err
}

// checkServices checks what is between services, their strategies by one
// member, and their members as far as every strategy asks. What a strategy says
// of its members it says when it builds,
// which takes too long to be done here for services that did not change: the
// caller gives such an error to [Service.Blame].
func (c *Config) checkServices() error {
	var parts plane.Parts
	scopes := make(map[string]*Service)
	members := make(map[string]Member)
	built := make(map[selector.Strategy]selector.Selector)
	for _, s := range c.Services {
		if err := s.checkParts(&parts); err != nil {
			return err
		}
		if err := c.checkKey(&s, scopes); err != nil {
			return err
		}
		if err := s.checkRamp(); err != nil {
			return err
		}
		for _, m := range s.Members {
			other, ok := members[m.ID]
			if ok && !other.SamePlace(m) {
				return m.value.errorf(
					"member %q has another \"dev\", \"mac\", \"addr\" or \"tunnel\" in another service", m.ID)
			}
			if m.Tunnel != (Tunnel{}) && !c.Plane.Tunnels {
				return m.value.at("tunnel").errorf("member %q: \"tunnel\" needs another \"io\" than %s, which has none",
					m.ID, c.Plane.Name)
			}
			members[m.ID] = m
		}
		if s.Panic > 0 && s.Check == nil {
			return s.value.at("panic").errorf(
				`"panic" is about what a check finds, and service %q has no "check"`, s.Name)
		}
		if _, known := built[s.Strategy]; !known {
			one, err := selector.New(s.Strategy, selector.Equal("one"))
			if err != nil {
				return s.value.at("strategy").errorf("%v", err)
			}
			built[s.Strategy] = one
		}
		if _, tabled := built[s.Strategy].(selector.Tabled); c.Plane.Needs.Tables && !tabled {
			at := s.value.at("strategy")
			return at.errorf("%s needs a strategy with a table, such as bounded or maglev: %s has none",
				c.Plane.Name, s.Strategy)
		}
		err := selector.Validate(Identities(s.Members))
		if err != nil && !errors.Is(err, selector.ErrNoMembers) && !errors.Is(err, selector.ErrNoWeight) {
			return s.Blame(err)
		}
	}
	return nil
}

// TryStrategies checks that each service's strategy serves its members, by
// building it, which takes milliseconds each. The error is an [*Error].
func (c *Config) TryStrategies() error {
	for i := range c.Services {
		s := &c.Services[i]
		_, err := selector.New(s.Strategy, Identities(s.Members))
		if err != nil && !errors.Is(err, selector.ErrNoMembers) && !errors.Is(err, selector.ErrNoWeight) {
			return s.Blame(err)
		}
	}
	return nil
}

func strategyInto(to *selector.Strategy) func(value) error {
	return func(v value) error {
		text, err := v.text()
		if err != nil {
			return err
		}
		s, err := selector.ParseStrategy(text)
		if err != nil {
			return v.errorf("%v", err)
		}
		*to = s
		return nil
	}
}

// Blame returns an error about the service or one of its members as one of the
// line where that stands.
func (s *Service) Blame(err error) error {
	at := s.value.at("members")
	if e, ok := errors.AsType[*selector.GroupError](err); ok {
		if i := slices.IndexFunc(s.Members, func(m Member) bool { return m.ID == e.Member }); i >= 0 {
			at = s.Members[i].value
		}
	}
	return at.errorf("service %q: %v", s.Name, err)
}

// Equal reports whether o is the same but for where it was read from.
func (s *Service) Equal(o *Service) bool {
	return s.Name == o.Name && s.Key == o.Key && s.Scope == o.Scope && s.Learned == o.Learned &&
		s.Panic == o.Panic && s.Ramp == o.Ramp && s.Strategy == o.Strategy &&
		s.Protocol == o.Protocol && slices.Equal(s.Prefixes, o.Prefixes) && slices.Equal(s.Ports, o.Ports) &&
		slices.EqualFunc(s.Members, o.Members, Member.Equal) &&
		(s.Check == o.Check || s.Check != nil && o.Check != nil && *s.Check == *o.Check)
}
