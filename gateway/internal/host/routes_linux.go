package host

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// protocol marks the routes and the proxy neighbours that gateways make: "proto
// 236" for ip. The kernel deletes a route only if the protocol is the same.
const protocol = 236

// A route is what the kernel's table says of an address.
type route struct {
	kind   uint8 // unix.RTN_UNICAST, say
	dev    int
	via    netip.Addr // invalid: the address is on the link
	prefix int        // length of the prefix that it is for
	table  uint32
}

// lookUp returns the route of an address of this host's own packets. The error
// is what a process would get that sends there, unix.EINVAL for a blackhole.
func lookUp(c *rtnetlink.Conn, a netip.Addr) (r route, err error) { return lookUpMarked(c, a, 0) }

// lookUpMarked returns that of packets with a mark.
func lookUpMarked(c *rtnetlink.Conn, a netip.Addr, mark uint32) (r route, err error) {
	const (
		lookUpTable = 0x1000 // RTM_F_LOOKUP_TABLE: say in which table it is
		fibMatch    = 0x2000 // RTM_F_FIB_MATCH: the entry of the table, not what follows from it
	)
	list, err := c.Route.Get(&rtnetlink.RouteMessage{
		Family: familyOf(a), DstLength: uint8(a.BitLen()), Flags: lookUpTable | fibMatch,
		Attributes: rtnetlink.RouteAttributes{Dst: net.IP(a.AsSlice()), Mark: mark},
	})
	if err != nil {
		return r, err
	}
	if len(list) == 0 {
		return r, unix.ENETUNREACH
	}
	m := &list[0]
	r = route{
		kind: m.Type, dev: int(m.Attributes.OutIface), prefix: int(m.DstLength),
		table: m.Attributes.Table,
	}
	if m.Attributes.Gateway != nil {
		r.via, _ = netip.AddrFromSlice(m.Attributes.Gateway)
	} else if hops := m.Attributes.Multipath; len(hops) > 0 {
		r.dev = int(hops[0].Hop.IfIndex)
		r.via, _ = netip.AddrFromSlice(hops[0].Gateway)
	}
	r.via = r.via.Unmap()
	return r, nil
}

func familyOf(a netip.Addr) uint8 {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// toLoopback returns a route that has the kernel take an address for one that
// is elsewhere, which it answers ARP and NDP for.
func toLoopback(p netip.Prefix, lo int) *rtnetlink.RouteMessage {
	return &rtnetlink.RouteMessage{
		Family: familyOf(p.Addr()), DstLength: uint8(p.Bits()), Table: unix.RT_TABLE_MAIN, Protocol: protocol,
		Scope: unix.RT_SCOPE_LINK, Type: unix.RTN_UNICAST,
		Attributes: rtnetlink.RouteAttributes{Dst: net.IP(p.Addr().AsSlice()), OutIface: uint32(lo)},
	}
}

// addRoute adds one; it is no error that it is there.
func addRoute(c *rtnetlink.Conn, p netip.Prefix, lo int) error {
	return unless(c.Route.Add(toLoopback(p, lo)), unix.EEXIST)
}

// deleteRoute deletes one that a gateway made, if there is one.
func deleteRoute(c *rtnetlink.Conn, p netip.Prefix, lo int) error {
	return unless(c.Route.Delete(toLoopback(p, lo)), unix.ESRCH)
}

// A proxy is an address that the kernel answers ARP or NDP for on an interface.
type proxy struct {
	dev  int
	addr netip.Addr
}

const attrProtocol = 12 // NDA_PROTOCOL

// proxies returns all that there are. The value says whether a gateway made it.
func proxies() (map[proxy]bool, error) {
	c, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return nil, err
	}
	defer c.Close() //nolint:errcheck // nothing was written
	messages, err := c.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETNEIGH, Flags: netlink.Request | netlink.Dump},
		Data:   proxyHeader(unix.AF_UNSPEC, 0),
	})
	if err != nil {
		return nil, err
	}
	found := make(map[proxy]bool, len(messages))
	for _, m := range messages {
		if len(m.Data) < unix.SizeofNdMsg {
			continue
		}
		p, ours := proxy{dev: int(binary.NativeEndian.Uint32(m.Data[4:]))}, false
		err := attributesOf(m, unix.SizeofNdMsg, func(ad *netlink.AttributeDecoder) {
			switch ad.Type() {
			case unix.NDA_DST:
				p.addr, _ = netip.AddrFromSlice(ad.Bytes())
			case attrProtocol:
				ours = ad.Uint8() == protocol
			}
		})
		if err != nil {
			return nil, err
		}
		found[p] = ours
	}
	return found, nil
}

func proxyHeader(family uint8, dev int) []byte {
	const flags = 10 // where they are in a struct ndmsg
	b := make([]byte, unix.SizeofNdMsg)
	b[0], b[flags] = family, unix.NTF_PROXY
	binary.NativeEndian.PutUint32(b[4:], uint32(dev))
	return b
}

// setProxy adds a proxy, or deletes it. It is no error if that has been done.
func setProxy(p proxy, on bool) error {
	c, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // all was acknowledged
	ae := netlink.NewAttributeEncoder()
	ae.Bytes(unix.NDA_DST, p.addr.AsSlice())
	h := netlink.Header{Type: unix.RTM_DELNEIGH, Flags: netlink.Request | netlink.Acknowledge}
	if on {
		h.Type, h.Flags = unix.RTM_NEWNEIGH, h.Flags|netlink.Create
		ae.Uint8(attrProtocol, protocol)
	}
	attributes, err := ae.Encode()
	if err != nil {
		return err
	}
	_, err = c.Execute(netlink.Message{Header: h, Data: append(proxyHeader(familyOf(p.addr), p.dev), attributes...)})
	if !on && errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}
