package plane

import (
	"cmp"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
)

// A PortRange is the ports from the first to the last, both included.
type PortRange struct{ First, Last uint16 }

// String returns the ports, such as 80 and 8000-8099.
func (r PortRange) String() string {
	if r.First == r.Last {
		return strconv.Itoa(int(r.First))
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// MarshalJSON writes the ports as a configuration has them: a number, or a
// string.
func (r PortRange) MarshalJSON() ([]byte, error) {
	if r.First == r.Last {
		return []byte(r.String()), nil
	}
	return []byte(strconv.Quote(r.String())), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *PortRange) UnmarshalJSON(b []byte) (err error) {
	*r, err = ParsePorts(strings.Trim(string(b), `"`))
	return err
}

// ParsePorts reads a port, or a range such as 8000-8099.
func ParsePorts(text string) (r PortRange, err error) {
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	for _, end := range []struct {
		to   *uint16
		text string
	}{{&r.First, first}, {&r.Last, last}} {
		n, err := strconv.ParseUint(end.text, 10, 16)
		if err != nil {
			return r, &ConfigError{"Ports", text, `is no port, and no range of ports such as "8000-8099"`}
		}
		*end.to = uint16(n)
	}
	if r.First == 0 || r.First > r.Last {
		return r, &ConfigError{"Ports", text, "ports are from 1 to 65535, the lower one first"}
	}
	return r, nil
}

// A Part is what a service has of the packets to a prefix.
type Part struct {
	Prefix   netip.Prefix
	Protocol uint8     // of IP; 0: all
	Ports    PortRange // the destination ports; zero: all, and packets without ports
}

// String names the part, such as "10.0.0.1/32 tcp port 80".
func (p Part) String() string {
	switch {
	case p.Protocol == 0:
		return p.Prefix.String()
	case p.Ports == PortRange{}:
		return p.Prefix.String() + " " + ProtocolName(p.Protocol)
	}
	return p.Prefix.String() + " " + ProtocolName(p.Protocol) + " port " + p.Ports.String()
}

// ProtocolName returns what a protocol of IP is called, or its number.
func ProtocolName(proto uint8) string {
	switch proto {
	case hash.TCP:
		return "tcp"
	case hash.UDP:
		return "udp"
	case hash.SCTP:
		return "sctp"
	case hash.ICMP, hash.ICMPv6:
		return "icmp"
	}
	return strconv.Itoa(int(proto))
}

// HasPorts reports whether services can have ports of a protocol.
func HasPorts(proto uint8) bool { return proto == hash.TCP || proto == hash.UDP || proto == hash.SCTP }

// Parts yields what the service has of packets, by each prefix and each range
// of its ports.
func (s Service) Parts() iter.Seq[Part] {
	return func(yield func(Part) bool) {
		ports := s.Ports
		if len(ports) == 0 {
			ports = []PortRange{{}}
		}
		for _, prefix := range s.Prefixes {
			protocol := s.Protocol
			if protocol == hash.ICMP || protocol == hash.ICMPv6 {
				if protocol = hash.ICMP; prefix.Addr().Is6() {
					protocol = hash.ICMPv6
				}
			}
			for _, r := range ports {
				if !yield(Part{prefix.Masked(), protocol, r}) {
					return
				}
			}
		}
	}
}

// check returns a *ConfigError if no plane can serve a part.
func (p Part) check() error {
	switch {
	case !p.Prefix.IsValid():
		return &ConfigError{"Prefixes", p.Prefix, "is no prefix"}
	case p.Protocol != 0 && !p.Prefix.IsSingleIP():
		return &ConfigError{"Protocol", p, "a part of the packets can be served for single addresses alone"}
	case p.Ports == PortRange{}:
		return nil
	case !HasPorts(p.Protocol):
		return &ConfigError{"Ports", p, "only tcp, udp and sctp have ports"}
	case p.Ports.First == 0 || p.Ports.First > p.Ports.Last:
		return &ConfigError{"Ports", p, "is no range of ports"}
	}
	return nil
}

// A ConflictError says that two services have the same packets.
type ConflictError struct {
	Part            // of Service
	Service, Before string
}

// Error names both.
func (e *ConflictError) Error() string {
	if e.Service == e.Before {
		return fmt.Sprintf("service %q is given %s twice", e.Service, e.Part)
	}
	return fmt.Sprintf("%s of service %q is served by service %q already", e.Part, e.Service, e.Before)
}

// Parts are what services have of packets, to find two that have the same. The
// zero value is empty.
type Parts struct {
	of map[Part][]taken // by prefix and protocol, in order of their ports
}

type taken struct {
	ports   PortRange
	service string
}

// Add adds the parts of a service. The error is a [*ConflictError], or a
// [*ConfigError] if no plane can serve it. It takes a search among the parts of
// the same address, and moves those with higher ports: in order of ports, none.
func (p *Parts) Add(name string, s Service) error {
	if p.of == nil {
		p.of = make(map[Part][]taken)
	}
	for part := range s.Parts() {
		if err := part.check(); err != nil {
			return err
		}
		whole := part
		whole.Ports = PortRange{}
		// No two have a port in common, so the first that does not end before
		// this one begins is the one to look at. All ports are 0 and 0.
		list := p.of[whole]
		i, _ := slices.BinarySearchFunc(list, part.Ports.First, func(t taken, first uint16) int {
			return cmp.Compare(t.ports.Last, first)
		})
		if i < len(list) && list[i].ports.First <= part.Ports.Last {
			return &ConflictError{part, name, list[i].service}
		}
		p.of[whole] = slices.Insert(list, i, taken{part.Ports, name})
	}
	return nil
}

// Routing is what workers find the groups of services by.
type Routing struct {
	Routes    *engine.Routes
	Listeners *engine.Listeners
	Keyings   map[*engine.Group]*engine.Keying
	Prefixes  []netip.Prefix // of all services, each once
	pings     pings          // what a plane that answers pings answers
}

// NewRouting returns that of services, whose flows are told apart by a hash of
// this seed. The error is a [*ConflictError] or a
// [*ConfigError].
func NewRouting(services []Service, seed uint64) (Routing, error) {
	r := Routing{Routes: new(engine.Routes), Keyings: make(map[*engine.Group]*engine.Keying),
		pings: newPings(services)}
	keyings := make(map[placement.Key]*engine.Keying)
	var parts Parts
	var listeners []engine.Listener
	seen := make(map[netip.Prefix]bool)
	for i, s := range services {
		if s.Group == nil {
			return r, &ConfigError{"Group", s.Group, fmt.Sprintf("service %d has none", i)}
		}
		if err := parts.Add(s.Group.Load().View().Name(), s); err != nil {
			return r, err
		}
		if s.Key != placement.FiveTuple {
			if keyings[s.Key] == nil {
				keyings[s.Key] = &engine.Keying{
					Policy:    placement.Placement{Seed: seed, Key: s.Key}.Policy(),
					Aggregate: s.Key.Aggregate(), Class: flowcache.FirstClass,
				}
			}
			r.Keyings[s.Group] = keyings[s.Key]
		}
		for p := range s.Parts() {
			if !seen[p.Prefix] {
				seen[p.Prefix] = true
				r.Prefixes = append(r.Prefixes, p.Prefix)
			}
			if p.Protocol == 0 {
				r.Routes.Insert(p.Prefix, s.Group)
				continue
			}
			listeners = append(listeners, engine.Listener{Addr: p.Prefix.Addr(), Proto: p.Protocol,
				First: p.Ports.First, Last: p.Ports.Last, Group: s.Group})
		}
	}
	if len(listeners) == 0 {
		return r, nil
	}
	var err error
	r.Listeners, err = engine.NewListeners(listeners)
	return r, err
}

// Apply has a worker find groups so.
func (r Routing) Apply(w *engine.Worker) {
	w.SetRoutes(r.Routes)
	w.SetListeners(r.Listeners)
	w.SetKeyings(r.Keyings)
}
