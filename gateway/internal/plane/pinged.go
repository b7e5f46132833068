package plane

import (
	"iter"
	"net/netip"
	"slices"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/hash"
)

// pings are the addresses whose pings a plane answers itself. Workers share them,
// so they are not written any more.
type pings map[netip.Addr]*pinged

// A pinged is an address of the gateway's own.
type pinged struct {
	groups []*engine.Group // of its services, the one that has all packets first
}

// newPings returns the addresses of services whose pings are answered: single
// addresses that are the gateway's own, if no service has their ICMP by itself.
func newPings(services []Service) pings {
	all, others := make(pings), make(map[netip.Addr]bool)
	for _, s := range services {
		for part := range s.Parts() {
			if !part.Prefix.IsSingleIP() {
				continue // a network, whose hosts are behind members
			}
			addr := part.Prefix.Addr()
			if !s.Own || part.Protocol == hash.ICMP || part.Protocol == hash.ICMPv6 {
				others[addr] = true
				continue
			}
			p := all[addr]
			if p == nil {
				p = new(pinged)
				all[addr] = p
			}
			switch {
			case part.Protocol == 0:
				p.groups = slices.Insert(p.groups, 0, s.Group)
			case !slices.Contains(p.groups, s.Group): // it may have several ranges of ports
				p.groups = append(p.groups, s.Group)
			}
		}
	}
	for addr := range others {
		delete(all, addr)
	}
	return all
}

// Pinged yields the addresses of services that are pinged where a plane answers
// pings, and the group that what is not answered counts for.
func Pinged(services []Service) iter.Seq2[netip.Addr, *engine.Group] {
	return func(yield func(netip.Addr, *engine.Group) bool) {
		for addr, p := range newPings(services) {
			if !yield(addr, p.groups[0]) {
				return
			}
		}
	}
}

// of returns the address that a frame is a ping of; nil if it is none that is
// answered.
func (p pings) of(frame []byte) *pinged {
	if len(p) == 0 || !isPing(frame) {
		return nil
	}
	addr, _ := destination(frame)
	return p[addr]
}

// serving returns the first group that has a member that takes new flows, or else
// the first one. Who pings an address learns whether something of it serves, as
// routers do: so pins say nothing here.
func (p *pinged) serving() (g *engine.Group, serves bool) {
	for _, g := range p.groups {
		if g.Load().Select(0) >= 0 {
			return g, true
		}
	}
	return p.groups[0], false
}
