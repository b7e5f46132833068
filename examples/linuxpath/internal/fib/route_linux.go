package fib

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A Hop is one next hop of a route.
type Hop struct {
	Gateway netip.Addr // the zero Addr if the destination is on the link
	Out     int        // index of the interface
	Weight  uint32
}

// A Route is the next hops of a route, in the order in which the kernel has
// them.
type Route struct {
	Hops    []Hop
	Buckets []int // index of the next hop of each bucket of a resilient group; nil for others
}

// ErrNoRoute says that there is no route to exactly the prefix.
var ErrNoRoute = errors.New("no route to this prefix")

// Route returns the route to a prefix in the main table, or an error that wraps
// [ErrNoRoute].
func (c *Conn) Route(prefix netip.Prefix) (Route, error) {
	m, object, err := c.find(prefix)
	switch {
	case err != nil:
		return Route{}, err
	case object != 0:
		return c.routeOf(object)
	case m.Attributes.Multipath == nil:
		a := m.Attributes
		return Route{Hops: []Hop{{gateway(a.Gateway, a.Via), int(a.OutIface), 1}}}, nil
	}
	var r Route
	for _, h := range m.Attributes.Multipath {
		r.Hops = append(r.Hops, Hop{gateway(h.Gateway, h.Via), int(h.Hop.IfIndex), uint32(h.Hop.Hops) + 1})
	}
	return r, nil
}

// find returns the route to a prefix in the main table, and the ID of its
// nexthop object, or 0 if its next hops are part of it.
func (c *Conn) find(prefix netip.Prefix) (m *rtnetlink.RouteMessage, object uint32, err error) {
	request, err := (&rtnetlink.RouteMessage{Family: family(prefix.Addr())}).MarshalBinary()
	if err != nil {
		return nil, 0, err
	}
	for reply, err := range c.request(unix.RTM_GETROUTE, netlink.Dump, request) {
		if err != nil {
			return nil, 0, err
		}
		m := new(rtnetlink.RouteMessage)
		if err := m.UnmarshalBinary(reply); err != nil {
			return nil, 0, err
		}
		if m.Table != unix.RT_TABLE_MAIN || destination(m) != prefix {
			continue
		}
		err = decode(reply, unix.SizeofRtMsg, func(d *netlink.AttributeDecoder) {
			const nexthopID = 30 // RTA_NH_ID
			if d.Type() == nexthopID {
				object = d.Uint32()
			}
		})
		return m, object, err
	}
	return nil, 0, fmt.Errorf("%s: %w", prefix, ErrNoRoute)
}

// destination returns the prefix of a route. A default route has no address.
func destination(m *rtnetlink.RouteMessage) netip.Prefix {
	addr, ok := netip.AddrFromSlice(m.Attributes.Dst)
	switch {
	case ok:
	case m.Family == unix.AF_INET:
		addr = netip.IPv4Unspecified()
	default:
		addr = netip.IPv6Unspecified()
	}
	return netip.PrefixFrom(addr, int(m.DstLength))
}
