package config

import (
	"reflect"
	"slices"
	"strings"
)

// Follow reports, at its line, the first difference to the configuration in
// force that takes a restart. The services, their prefixes and members may
// change; the strategy of a service may not, and neither may anything else.
func (c *Config) Follow(present *Config) error {
	for _, f := range []struct {
		is, was any
		names   []string
	}{
		{c.In, present.In, []string{"in"}},
		{c.Control, present.Control, []string{"control", "token"}},
		{c.Plane.Name, present.Plane.Name, []string{"io"}},
		{c.Workers, present.Workers, []string{"workers"}},
		{c.Seed, present.Seed, []string{"seed"}},
		{c.Sticky, present.Sticky, []string{"sticky", "flows", "idle", "timeouts"}},
		{c.Reset, present.Reset, []string{"reset"}},
		{c.Snapshot, present.Snapshot, []string{"snapshot"}},
	} {
		if reflect.DeepEqual(f.is, f.was) {
			continue
		}
		at := c.root
		for _, name := range f.names {
			if v, ok := c.root.get(name); ok {
				at = v
			}
		}
		return at.errorf("a change of %s takes a restart", strings.Join(f.names, ", "))
	}
	for _, s := range c.Services {
		i := slices.IndexFunc(present.Services, func(p Service) bool { return p.Name == s.Name })
		if i >= 0 && present.Services[i].Strategy != s.Strategy {
			return s.value.at("strategy").errorf("a change of the strategy of service %q takes a restart", s.Name)
		}
	}
	return nil
}
