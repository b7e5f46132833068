package host

import (
	"errors"
	"net/netip"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// preference is where the rules stand: after that of the host's own addresses.
const preference = 236

// A rule leads what has a mark to the table of that number.
type rule struct {
	family uint8
	mark   uint32
}

func (r rule) flag() string {
	if r.family == unix.AF_INET {
		return "-4"
	}
	return "-6"
}

func (r rule) message() *rtnetlink.RuleMessage {
	pref, by := uint32(preference), uint8(protocol)
	return &rtnetlink.RuleMessage{
		Family: r.family, Action: unix.FR_ACT_TO_TBL,
		Attributes: &rtnetlink.RuleAttributes{Priority: &pref, FwMark: &r.mark, Table: &r.mark, Protocol: &by},
	}
}

// rules returns the rules of this gateway's marks that gateways made.
func (w *Ways) rules(c *rtnetlink.Conn) (map[rule]bool, error) {
	list, err := c.Rule.List()
	if err != nil {
		return nil, err
	}
	found := make(map[rule]bool)
	for _, m := range list {
		a := m.Attributes
		if a == nil || a.Protocol == nil || *a.Protocol != protocol || a.FwMark == nil || a.Table == nil {
			continue
		}
		if *a.FwMark-w.first < MostHops && *a.Table == *a.FwMark {
			found[rule{m.Family, *a.FwMark}] = true
		}
	}
	return found, nil
}

// route returns the route of a path in the table of its mark.
func (w way) route(p Path) *rtnetlink.RouteMessage {
	return &rtnetlink.RouteMessage{
		Family: familyOf(p.VIP), DstLength: uint8(p.VIP.BitLen()), Protocol: protocol, Type: unix.RTN_UNICAST,
		Flags: unix.RTNH_F_ONLINK, // in no network of the interface, as for the data plane
		Attributes: rtnetlink.RouteAttributes{
			Dst: p.VIP.AsSlice(), Gateway: w.gate(p).AsSlice(), OutIface: uint32(w.dev), Table: w.mark,
		},
	}
}

// unroute deletes the route of an address from the table of a mark, if it is there.
func unroute(c *rtnetlink.Conn, vip netip.Addr, mark uint32) error {
	return unless(c.Route.Delete(&rtnetlink.RouteMessage{
		Family: familyOf(vip), DstLength: uint8(vip.BitLen()), Protocol: protocol, Scope: unix.RT_SCOPE_NOWHERE,
		Attributes: rtnetlink.RouteAttributes{Dst: vip.AsSlice(), Table: mark},
	}), unix.ESRCH)
}

// tableOf returns the routes that gateways made in a table, none if there is no
// such table; those in all tables for 0. The kernel sends those alone, however
// large its tables are.
func tableOf(c *rtnetlink.Conn, family uint8, table uint32) ([]rtnetlink.RouteMessage, error) {
	if err := c.SetOption(netlink.GetStrictCheck, true); err != nil {
		return nil, err
	}
	routes, err := c.Route.ListMatch(&rtnetlink.RouteMessage{
		Family: family, Protocol: protocol, Attributes: rtnetlink.RouteAttributes{Table: table},
	})
	return routes, errors.Join(unless(err, unix.ENOENT), c.SetOption(netlink.GetStrictCheck, false))
}

// routed reports whether the table of the mark has the route of a path.
func (w way) routed(c *rtnetlink.Conn, p Path) (bool, error) {
	routes, err := tableOf(c, familyOf(p.VIP), w.mark)
	for i := range routes {
		a := &routes[i].Attributes
		vip, _ := netip.AddrFromSlice(a.Dst)
		via, _ := netip.AddrFromSlice(a.Gateway)
		if vip == p.VIP && via == w.gate(p) && int(a.OutIface) == w.dev {
			return true, err
		}
	}
	return false, err
}

// unless returns an error that is another one than expected.
func unless(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}
