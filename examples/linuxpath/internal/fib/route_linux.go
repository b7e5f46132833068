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
	Gateway  netip.Addr // the zero Addr if the destination is on the link
	Out      int        // index of the interface
	Weight   uint32
	Dead     bool // the kernel does not use it
	Linkdown bool // its interface has no carrier
}

func (h *Hop) setFlags(flags uint32) {
	h.Dead, h.Linkdown = flags&unix.RTNH_F_DEAD != 0, flags&unix.RTNH_F_LINKDOWN != 0
}

// Kind says where the next hops of a route are.
type Kind uint8

// The kinds of routes.
const (
	Inline    Kind = iota // in the route itself
	Object                // a nexthop object, or a hash-threshold group of them
	Resilient             // a resilient group of nexthop objects
)

// A Route is a route with its next hops, in the order in which the kernel has
// them.
type Route struct {
	Prefix netip.Prefix
	Table  uint32
	Metric uint32
	Type   uint8 // RTN_UNICAST or another
	Kind   Kind

	// Offloaded says that hardware forwards the packets of the route, as in a
	// switch. It hashes by rules of its own.
	Offloaded bool

	Nexthop uint32 // ID of its nexthop object; 0 if its next hops are part of it
	Hops    []Hop
	Buckets []int // index of the next hop of each bucket of a resilient group; nil for others
}

// ErrNoRoute says that there is no route to exactly the prefix.
var ErrNoRoute = errors.New("no route to this prefix")

// Route returns the route to a prefix in the main table, or an error that wraps
// [ErrNoRoute].
func (c *Conn) Route(prefix netip.Prefix) (Route, error) {
	r, err := c.find(prefix, func(r Route) bool { return r.Table == unix.RT_TABLE_MAIN && r.Prefix == prefix })
	if err != nil || r.Nexthop == 0 {
		return r, err
	}
	return c.resolve(r)
}

// Match returns the route that a flow takes: the kernel applies its policy
// rules and looks in every table that they name. The error is a [syscall.Errno]
// where there is no route. The next hops are for [Conn.Complete] to find.
func (c *Conn) Match(q Query) (Route, error) {
	reply, err := c.get(q, unix.RTM_F_FIB_MATCH|unix.RTM_F_LOOKUP_TABLE)
	if err != nil {
		return Route{}, err
	}
	return parseRoute(reply)
}

// Complete returns a route that Match returned with its next hops.
func (c *Conn) Complete(r Route) (Route, error) {
	switch {
	case r.Nexthop != 0:
		return c.resolve(r)
	case r.Prefix.Addr().Is6() && len(r.Hops) > 1:
		// Asked about a flow, the kernel begins with the next hop that it chose.
		// A dump has the order that counts.
		return c.find(r.Prefix, func(of Route) bool {
			return of.Table == r.Table && of.Prefix == r.Prefix && of.Metric == r.Metric && len(of.Hops) == len(r.Hops)
		})
	}
	return r, nil
}

// find returns the first route that fits, or an error about the prefix.
func (c *Conn) find(prefix netip.Prefix, fits func(Route) bool) (Route, error) {
	request, err := (&rtnetlink.RouteMessage{Family: family(prefix.Addr())}).MarshalBinary()
	if err != nil {
		return Route{}, err
	}
	for reply, err := range c.request(unix.RTM_GETROUTE, netlink.Dump, request) {
		if err != nil {
			return Route{}, err
		}
		r, err := parseRoute(reply)
		if err != nil || fits(r) {
			return r, err
		}
	}
	return Route{}, fmt.Errorf("%s: %w", prefix, ErrNoRoute)
}

// parseRoute reads a route. The next hops of a nexthop object are not part of
// it.
func parseRoute(data []byte) (r Route, err error) {
	var m rtnetlink.RouteMessage
	if err := m.UnmarshalBinary(data); err != nil {
		return r, err
	}
	a := m.Attributes
	const offload = 0x4000 // RTM_F_OFFLOAD
	r = Route{
		Prefix: destination(&m), Table: a.Table, Metric: a.Priority, Type: m.Type, Offloaded: m.Flags&offload != 0,
	}
	if r.Table == 0 {
		r.Table = uint32(m.Table)
	}
	for _, h := range a.Multipath {
		hop := Hop{Gateway: gateway(h.Gateway, h.Via), Out: int(h.Hop.IfIndex), Weight: uint32(h.Hop.Hops) + 1}
		hop.setFlags(uint32(h.Hop.Flags))
		r.Offloaded = r.Offloaded || h.Hop.Flags&unix.RTNH_F_OFFLOAD != 0
		r.Hops = append(r.Hops, hop)
	}
	if a.Multipath == nil {
		hop := Hop{Gateway: gateway(a.Gateway, a.Via), Out: int(a.OutIface), Weight: 1}
		hop.setFlags(m.Flags)
		r.Offloaded = r.Offloaded || m.Flags&unix.RTNH_F_OFFLOAD != 0
		r.Hops = []Hop{hop}
	}
	err = decode(data, unix.SizeofRtMsg, func(d *netlink.AttributeDecoder) {
		const nexthopID = 30 // RTA_NH_ID
		if d.Type() == nexthopID {
			r.Nexthop = d.Uint32()
		}
	})
	return r, err
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
