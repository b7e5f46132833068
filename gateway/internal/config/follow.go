package config

import (
	"reflect"
	"strings"
)

// Follow reports, at its line, the first difference to the configuration in
// force that takes a restart. The services may change, with all that they have,
// and the seed, which places every flow anew.
func (c *Config) Follow(present *Config) error {
	for _, f := range []struct {
		is, was any
		names   []string
	}{
		{c.In, present.In, []string{"in"}},
		{c.Control, present.Control, []string{"control", "token"}},
		{c.Plane.Name, present.Plane.Name, []string{"io"}},
		{c.Workers, present.Workers, []string{"workers"}},
		{c.Cluster.settings(), present.Cluster.settings(), []string{"cluster"}},
		{c.Sticky, present.Sticky, []string{"sticky", "flows", "idle", "timeouts"}},
		{c.Reset, present.Reset, []string{"reset"}},
		{c.Snapshot, present.Snapshot, []string{"snapshot"}},
		{c.Kernel, present.Kernel, []string{"kernel"}},
		{c.ICMP, present.ICMP, []string{"icmp"}},
		{c.BGP.settings(), present.BGP.settings(), []string{"bgp"}},
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
	return nil
}
