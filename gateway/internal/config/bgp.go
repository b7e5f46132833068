package config

import (
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/selector"
)

// BGP is how a gateway tells routers of the addresses of its services.
type BGP struct {
	AS        uint32
	ID        netip.Addr     // of the router, IPv4
	Listen    netip.AddrPort // zero: the gateway dials, and nobody dials it
	NextHops  []netip.Addr   // of what is announced, at most one a family
	Bandwidth uint32         // of this gateway, in Mbit/s; 0: none is announced
	Drain     time.Duration  // between graceful shutdown and withdrawal
	Keep      bool           // the routes are to stay when the process ends
	Peers     []Peer
	Learn     *Learn // nil: what peers announce does not count

	value value
}

// Learn is what the gateway takes over of the routes that its peers announce:
// each is a service, whose members are the next hops.
type Learn struct {
	Prefixes []netip.Prefix // routes to these, and to what is in them
	Strategy selector.Strategy
	Keep     time.Duration // next hops that are lost, and not withdrawn, are down for so long
	Wait     time.Duration // a process that was restarted waits so long for routers that are away
}

// Wants reports whether a route to a prefix is to be learned.
func (l *Learn) Wants(p netip.Prefix) bool {
	return l != nil && slices.ContainsFunc(l.Prefixes, func(in netip.Prefix) bool {
		return in.Bits() <= p.Bits() && in.Contains(p.Addr())
	})
}

// A Peer is a router that the gateway speaks to.
type Peer struct {
	Addr     netip.Addr
	AS       uint32
	Password string        // of TCP-MD5; empty: none
	Hold     time.Duration // without a message, after which the peer is gone
	Restart  time.Duration // that the peer keeps routes for; 0: no graceful restart
	BFD      time.Duration // between its packets, of which three are missed; 0: no BFD
}

const (
	defaultHold  = 9 * time.Second
	defaultDrain = 5 * time.Second
	defaultKeep  = 30 * time.Second
	defaultWait  = 5 * time.Second
	minHold      = 3 * time.Second // RFC 4271
	maxDrain     = 10 * time.Minute
	maxKeep      = time.Hour
	maxWait      = 10 * time.Minute
	minBFD       = 10 * time.Millisecond
	maxBFD       = 10 * time.Second
	maxBandwidth = 1_000_000_000
	maxPeers     = 64
	maxPassword  = 80 // of the kernel, TCP_MD5SIG_MAXKEYLEN
)

// NextHop returns the address that is announced as the next hop for a family;
// the zero address if it is to be that of the session.
func (b *BGP) NextHop(v6 bool) netip.Addr {
	for _, a := range b.NextHops {
		if a.Is6() == v6 {
			return a
		}
	}
	return netip.Addr{}
}

// Carries reports whether a peer is told of prefixes of a family: that of its
// own address, and those with a next hop.
func (b *BGP) Carries(p Peer, v6 bool) bool { return p.Addr.Is6() == v6 || b.NextHop(v6).IsValid() }

func (c *Config) decodeBGP(v value) error {
	b := &BGP{Drain: defaultDrain, value: v}
	atEnd := "withdraw"
	err := v.fields(map[string]func(value) error{
		"as":        numberInto(&b.AS, 1, math.MaxUint32),
		"id":        func(v value) (err error) { b.ID, err = v.addr(); return err },
		"listen":    func(v value) (err error) { b.Listen, err = v.addrPort(); return err },
		"nexthop":   func(v value) (err error) { b.NextHops, err = v.nextHops(); return err },
		"bandwidth": numberInto(&b.Bandwidth, 1, maxBandwidth),
		"drain":     spanInto(&b.Drain, 0, maxDrain),
		"end":       choiceInto(&atEnd, []string{"withdraw", "keep"}),
		"peers":     func(v value) (err error) { b.Peers, err = v.peers(); return err },
		"learn":     b.decodeLearn,
	})
	if err == nil {
		err = v.require("as", "id", "peers")
	}
	if err != nil {
		return err
	}
	if !b.ID.Is4() {
		return v.at("id").errorf("%s: the ID of a router is an IPv4 address", b.ID)
	}
	b.Keep = atEnd == "keep"
	if b.Keep && !slices.ContainsFunc(b.Peers, func(p Peer) bool { return p.Restart > 0 }) {
		return v.at("end").errorf("no peer keeps routes: \"keep\" needs one with \"restart\"")
	}
	c.BGP = b
	return nil
}

// settings returns what it takes a restart to change: all but where it stands.
func (b *BGP) settings() any {
	if b == nil {
		return nil
	}
	as := *b
	as.value = value{}
	return as
}

func (b *BGP) decodeLearn(v value) error {
	b.Learn = &Learn{Strategy: selector.Bounded{}, Keep: defaultKeep, Wait: defaultWait}
	err := v.fields(map[string]func(value) error{
		"prefixes": func(v value) (err error) { b.Learn.Prefixes, err = v.prefixes(); return err },
		"strategy": strategyInto(&b.Learn.Strategy),
		"keep":     spanInto(&b.Learn.Keep, 0, maxKeep),
		"wait":     spanInto(&b.Learn.Wait, 0, maxWait),
	})
	if err == nil {
		err = v.require("prefixes")
	}
	return err
}

// check refuses a service that no peer would be told of, and a strategy that
// the data plane can't have for what is learned.
func (b *BGP) check(services []Service, needs plane.Needs) error {
	if b == nil {
		return nil
	}
	if b.Learn != nil {
		one, err := selector.New(b.Learn.Strategy, selector.Equal("one"))
		at := b.value.at("learn").at("strategy")
		if err != nil {
			return at.errorf("%v", err)
		}
		if _, tabled := one.(selector.Tabled); needs.Tables && !tabled {
			return at.errorf("the data plane needs a strategy with a table, such as bounded or maglev: %s has none",
				b.Learn.Strategy)
		}
	}
	for _, s := range services {
		for _, p := range s.Prefixes {
			v6 := p.Addr().Is6()
			if slices.ContainsFunc(b.Peers, func(peer Peer) bool { return b.Carries(peer, v6) }) {
				continue
			}
			return b.value.at("nexthop").errorf("nobody would be told of %s of service %q: "+
				"no peer has an address of its family, and no \"nexthop\" is of it either", p, s.Name)
		}
	}
	return nil
}

func (v value) peers() (peers []Peer, err error) {
	list, err := v.items()
	if err != nil {
		return nil, err
	}
	if len(list) == 0 || len(list) > maxPeers {
		return nil, v.errorf("1 to %d peers are needed, not %d", maxPeers, len(list))
	}
	seen := make(map[netip.Addr]bool)
	for _, item := range list {
		p, err := item.peer()
		if err != nil {
			return nil, err
		}
		if seen[p.Addr] {
			return nil, item.at("addr").errorf("another peer has the address %s", p.Addr)
		}
		seen[p.Addr] = true
		peers = append(peers, p)
	}
	return peers, nil
}

func (v value) peer() (Peer, error) {
	p := Peer{Hold: defaultHold}
	err := v.fields(map[string]func(value) error{
		"addr":     func(v value) (err error) { p.Addr, err = v.addr(); return err },
		"as":       numberInto(&p.AS, 1, math.MaxUint32),
		"password": func(v value) (err error) { p.Password, err = v.password(); return err },
		"hold":     wholeInto(&p.Hold, minHold, maxTimeout),
		"restart":  wholeInto(&p.Restart, time.Second, maxTimeout),
		"bfd":      spanInto(&p.BFD, minBFD, maxBFD),
	})
	if err == nil {
		err = v.require("addr", "as")
	}
	if err == nil && p.Restart > 0 && p.BFD > 0 {
		err = v.at("bfd").errorf("\"restart\" and \"bfd\" exclude each other: " +
			"while the gateway restarts its BFD is silent, and the peer withdraws the routes that it was to keep")
	}
	return p, err
}

func (v value) password() (string, error) {
	s, err := v.text()
	if err == nil && len(s) > maxPassword {
		return "", v.errorf("a password has up to %d characters", maxPassword)
	}
	return s, err
}

// nextHops returns one address, or one of each family.
func (v value) nextHops() (hops []netip.Addr, err error) {
	list, err := v.oneOrMore()
	if err != nil {
		return nil, err
	}
	for _, item := range list {
		a, err := item.addr()
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(hops, func(b netip.Addr) bool { return a.Is6() == b.Is6() }) {
			return nil, item.errorf("%s: there is an address of this family already", a)
		}
		hops = append(hops, a)
	}
	return hops, nil
}

func (v value) addrPort() (netip.AddrPort, error) {
	s, err := v.text()
	if err != nil {
		return netip.AddrPort{}, err
	}
	a, err := netip.ParseAddrPort(s)
	if err != nil || a.Addr().Zone() != "" || a.Port() == 0 {
		return a, v.errorf("%q is no IP address with a port, such as 10.0.0.1:179", s)
	}
	return a, nil
}

// wholeInto reads a time in whole seconds.
func wholeInto(to *time.Duration, least, most time.Duration) func(value) error {
	return func(v value) error {
		d, err := v.span(least, most)
		if err == nil && d%time.Second != 0 {
			err = v.errorf("whole seconds are needed, not %s", d)
		}
		*to = d
		return err
	}
}
