package config

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/health"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/selector"
)

// Config is a configuration that has been checked.
type Config struct {
	In []string
	// with distinct names; the one of the top level, if there is one, first and
	// called Default
	Services []Service
	Control  Control
	Plane    plane.Kind
	Workers  int
	Seed     uint64
	Sticky   *flowcache.Config // nil: not sticky; else all but the domain
	Reset    bool
	Snapshot string // empty: none
	ICMP     plane.ICMP
	BGP      *BGP     // nil: no router is told of the services
	Cluster  *Cluster // nil: members and pins are this gateway's own
	Kernel   bool     // keep the kernel from what is for the services, by rules and routes

	root value
}

// BlameSnapshot returns an error about the snapshot's file as one of the line
// where that stands.
func (c *Config) BlameSnapshot(err error) error {
	at := c.root.at("snapshot")
	return &Error{File: at.file, Line: at.line, Reason: err.Error(), Err: err}
}

// Default is the name of the service that the top level of a configuration
// describes.
const Default = "default"

// A Service is a group of members and what it is the next hop of.
type Service struct {
	Name     string
	Prefixes []netip.Prefix
	Protocol uint8             // of IP: see plane.Service
	Ports    []plane.PortRange // in order, and apart
	Key      placement.Key     // what makes packets one flow
	Scope    string            // services of one share their flows; empty: with no other
	Strategy selector.Strategy
	Members  []Member
	Ramp     Ramp
	Check    *health.Check // nil: members are not asked whether they serve
	// Panic is the share of the members, in percent, that must pass the check:
	// with fewer, what checks find is not looked at. 0: it always is.
	Panic   int
	Learned bool // from routers, and no part of a configuration

	value value
}

const (
	maxWorkers       = 64
	defaultFlows     = 1 << 20
	maxFlows         = 1 << 30
	maxSize          = 16 << 20 // of a file
	maxDeviceNameLen = 15
	maxPanic         = 100 // percent
)

// Parse checks a configuration by itself: whether the host has its interfaces
// and neighbours is a state that changes. The data plane is one of planes, the
// first of them if the configuration names none. The error is an [*Error],
// which has the name of the file that is given.
func Parse(file string, data []byte, planes []plane.Kind) (*Config, error) {
	if len(planes) == 0 {
		return nil, &Error{File: file, Line: 1, Reason: "there is no data plane for this system"}
	}
	if len(data) > maxSize {
		return nil, &Error{File: file, Line: 1, Reason: "over " + strconv.Itoa(maxSize) + " bytes"}
	}
	root, err := parse(file, data)
	if err != nil {
		return nil, err
	}
	c := &Config{Workers: 1, ICMP: defaultICMP(), root: root}
	sticky, io := stickiness{flows: defaultFlows, on: true}, planes[0].Name
	outer := Service{Name: Default, Strategy: selector.Bounded{}, value: root}
	err = root.fields(map[string]func(value) error{
		"in":       func(v value) (err error) { c.In, err = v.devices(); return err },
		"vip":      func(v value) (err error) { outer.Prefixes, err = v.prefixes(); return err },
		"protocol": outer.decodeProtocol,
		"ports":    outer.decodePorts,
		"members":  func(v value) (err error) { outer.Members, err = v.members(); return err },
		"services": func(value) error { return nil }, // below: they need the strategy
		"control":  c.Control.decode,
		"token":    c.Control.decodeToken,
		"io":       choiceInto(&io, plane.Names(planes)),
		"workers":  numberInto(&c.Workers, 1, maxWorkers),
		"key":      keyInto(&outer.Key),
		"scope":    func(v value) (err error) { outer.Scope, err = v.name(); return err },
		"strategy": strategyInto(&outer.Strategy),
		"check":    outer.decodeCheck,

		"slowstart": outer.decodeRamp,

		"panic":    numberInto(&outer.Panic, 0, maxPanic),
		"seed":     numberInto(&c.Seed, 0, 1<<64-1),
		"sticky":   boolInto(&sticky.on),
		"flows":    numberInto(&sticky.flows, 1, maxFlows),
		"idle":     sticky.decodeIdle,
		"timeouts": sticky.decodeTimeouts,
		"reset":    boolInto(&c.Reset),
		"snapshot": textInto(&c.Snapshot),
		"kernel":   boolInto(&c.Kernel),
		"bgp":      c.decodeBGP,
		"cluster":  c.decodeCluster,
		"icmp":     c.decodeICMP,
	})
	if err == nil {
		err = root.require("in", "control")
	}
	if err == nil {
		err = c.Control.check(root)
	}
	c.Plane, _ = plane.Find(planes, io)
	if err == nil && c.Reset && !c.Plane.Resets {
		err = root.at("reset").errorf("\"reset\" needs another \"io\" than %s, which sends no answers", io)
	}
	if err != nil {
		return nil, err
	}
	if c.Sticky, err = sticky.table(root); err != nil {
		return nil, err
	}
	if err := c.addServices(outer); err != nil {
		return nil, err
	}
	for _, check := range []func() error{c.checkServices, c.checkAsked, c.checkCluster} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	if c.Cluster != nil {
		c.Seed = c.Cluster.seed()
	}
	return c, c.BGP.check(c.Services, c.Plane.Needs)
}

// addServices adds the service of the top level, and then the further ones.
func (c *Config) addServices(outer Service) error {
	_, vip := c.root.get("vip")
	_, members := c.root.get("members")
	_, protocol := c.root.get("protocol")
	_, ports := c.root.get("ports")
	further, more := c.root.get("services")
	if !more || vip || members || protocol || ports {
		if err := c.root.require("vip", "members"); err != nil {
			return err
		}
		c.Services = append(c.Services, outer)
	}
	if !more {
		return nil
	}
	list, err := further.items()
	if err != nil {
		return err
	}
	seen := map[string]bool{Default: true}
	for _, v := range list {
		s, err := v.service(outer)
		if err != nil {
			return err
		}
		if seen[s.Name] {
			return v.at("name").errorf("another service is called %q", s.Name)
		}
		seen[s.Name] = true
		c.Services = append(c.Services, s)
	}
	if len(c.Services) == 0 {
		return further.errorf("the list is empty, and there is no \"vip\" either")
	}
	return nil
}

func choiceInto(to *string, choices []string) func(value) error {
	return func(v value) error {
		s, err := v.text()
		if err != nil {
			return err
		}
		if !slices.Contains(choices, s) {
			return v.errorf("%q is none of %s", s, strings.Join(choices, ", "))
		}
		*to = s
		return nil
	}
}

// devices returns the interfaces that a value names.
func (v value) devices() (names []string, err error) {
	list, err := v.oneOrMore()
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(list))
	for _, item := range list {
		name, err := item.device()
		if err != nil {
			return nil, err
		}
		if seen[name] {
			return nil, item.errorf("%q is given twice", name)
		}
		seen[name] = true
		names = append(names, name)
	}
	return names, nil
}

func (v value) device() (name string, err error) {
	name, err = v.text()
	never := func(r rune) bool { return r == '/' || r == ':' || r == 0 || unicode.IsSpace(r) }
	switch {
	case err != nil:
		return "", err
	case len(name) > maxDeviceNameLen:
		return "", v.errorf("%q: no interface has a name this long", name)
	case name == "." || name == ".." || strings.ContainsFunc(name, never):
		return "", v.errorf("%q: no interface has such a name", name)
	}
	return name, nil
}

// prefixes returns the prefixes that a value names. An address is the prefix
// that holds nothing else.
func (v value) prefixes() (prefixes []netip.Prefix, err error) {
	list, err := v.oneOrMore()
	if err != nil {
		return nil, err
	}
	seen := make(map[netip.Prefix]bool, len(list))
	for _, item := range list {
		s, err := item.text()
		if err != nil {
			return nil, err
		}
		p, err := parsePrefix(s)
		if err != nil || p.Addr().Is4In6() {
			return nil, item.errorf("%q is neither a prefix nor an address", s)
		}
		if p != p.Masked() {
			return nil, item.errorf("%q has bits beyond its length: %s is meant?", s, p.Masked())
		}
		if a := p.Addr(); a.IsMulticast() || a.IsLoopback() || p.IsSingleIP() && (a.IsUnspecified() || isBroadcast(a)) {
			return nil, item.errorf("%s is no address of a service", s)
		}
		if seen[p] {
			return nil, item.errorf("%s is given twice", p)
		}
		seen[p] = true
		prefixes = append(prefixes, p)
	}
	return prefixes, nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p, nil
	}
	a, err := netip.ParseAddr(s)
	if err == nil && a.Zone() != "" {
		err = errors.New("a zone is no part of it")
	}
	return netip.PrefixFrom(a, a.BitLen()), err
}
