package fib

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// ErrRule says that a policy rule goes by something that a [Query] lacks.
var ErrRule = errors.New("a policy rule that is not served")

// Tables6 is a copy of the IPv6 policy rules and routes. Asked for the route of
// a flow, the kernel may name another one if two routes share a nexthop object,
// so such routes are looked up here. It does not change and is safe for
// concurrent use.
type Tables6 struct {
	rules  []rtnetlink.RuleMessage
	routes map[uint32][]Route // by table
	from   bool               // there are routes for some sources alone
}

// Tables6 reads the IPv6 policy rules and routes.
func (c *Conn) Tables6() (*Tables6, error) {
	t := &Tables6{routes: map[uint32][]Route{}}
	header := make([]byte, unix.SizeofRtMsg)
	header[0] = unix.AF_INET6
	for reply, err := range c.request(unix.RTM_GETRULE, netlink.Dump, header) {
		if err != nil {
			return nil, err
		}
		var rule rtnetlink.RuleMessage
		if err := rule.UnmarshalBinary(reply); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRule, err)
		}
		t.rules = append(t.rules, rule)
	}
	for reply, err := range c.request(unix.RTM_GETROUTE, netlink.Dump, header) {
		if err != nil {
			return nil, err
		}
		r, err := parseRoute(reply)
		if err != nil {
			return nil, err
		}
		const sourceLength = 2 // rtm_src_len of struct rtmsg
		t.from = t.from || reply[sourceLength] > 0
		t.routes[r.Table] = append(t.routes[r.Table], r)
	}
	return t, nil
}

// Match returns the route that a flow takes, for [Conn.Complete]. The error is
// [unix.ENETUNREACH] where there is none, and wraps [ErrRule] where it depends
// on what is not known.
func (t *Tables6) Match(q Query) (Route, error) {
	if t.from {
		return Route{}, fmt.Errorf("%w: there are routes for some sources alone", ErrRule)
	}
	for _, rule := range t.rules {
		applies, err := appliesTo(rule, q)
		if err != nil {
			return Route{}, err
		}
		if !applies {
			continue
		}
		table := uint32(rule.Table)
		if rule.Attributes.Table != nil {
			table = *rule.Attributes.Table
		}
		r, ok := longest(t.routes[table], q.Dst)
		if ok && r.Type != unix.RTN_THROW { // throw ends the search in its table
			return r, nil
		}
	}
	return Route{}, unix.ENETUNREACH
}

// longest returns the route of the longest prefix that has an address, of those
// the one of least metric.
func longest(routes []Route, to netip.Addr) (best Route, ok bool) {
	for _, r := range routes {
		if !r.Prefix.Contains(to) {
			continue
		}
		longer := r.Prefix.Bits() - best.Prefix.Bits()
		if !ok || longer > 0 || longer == 0 && r.Metric < best.Metric {
			best, ok = r, true
		}
	}
	return best, ok
}

// appliesTo reports whether a rule leads a flow to its table.
func appliesTo(rule rtnetlink.RuleMessage, q Query) (bool, error) {
	a := rule.Attributes
	if a == nil {
		a = &rtnetlink.RuleAttributes{}
	}
	const toTable, inverted = 1, 2 // FR_ACT_TO_TBL, FIB_RULE_INVERT
	switch {
	case rule.Action != toTable || rule.Flags&inverted != 0 || rule.TOS != 0,
		a.OIFName != nil, a.L3MDev != nil && *a.L3MDev != 0, a.UIDRange != nil, a.TunID != nil && *a.TunID != 0,
		a.SuppressPrefixLen != nil && *a.SuppressPrefixLen != math.MaxUint32,
		a.SuppressIFGroup != nil && *a.SuppressIFGroup != math.MaxUint32:
		return false, ErrRule
	case !within(a.Src, rule.SrcLength, q.Src), !within(a.Dst, rule.DstLength, q.Dst),
		a.IPProto != nil && *a.IPProto != q.Proto,
		!between(a.SPortRange, q.SrcPort), !between(a.DPortRange, q.DstPort):
		return false, nil
	}
	if !marked(a, q.Mark) {
		return false, nil
	}
	if a.IIFName != nil {
		device, err := net.InterfaceByName(*a.IIFName)
		if err != nil {
			return false, nil //nolint:nilerr // it is not there yet
		}
		local := q.In == 0 && device.Flags&net.FlagLoopback != 0
		return local || q.In == device.Index, nil
	}
	return true, nil
}

// marked reports whether a rule applies to a firewall mark. The kernel leaves
// out a mark that is 0, so the mask alone may be there.
func marked(a *rtnetlink.RuleAttributes, mark uint32) bool {
	want, mask := uint32(0), uint32(0)
	if a.FwMark != nil {
		want, mask = *a.FwMark, math.MaxUint32
	}
	if a.FwMask != nil {
		mask = *a.FwMask
	}
	return mark&mask == want
}

// within reports whether an address is in a network. Without a network all are.
func within(network *net.IP, bits uint8, a netip.Addr) bool {
	if network == nil || bits == 0 {
		return true
	}
	n, ok := netip.AddrFromSlice(*network)
	return ok && a.IsValid() && netip.PrefixFrom(n, int(bits)).Masked().Contains(a)
}

// between reports whether a port is in a range. Without a range all are.
func between(r *rtnetlink.RulePortRange, port uint16) bool {
	return r == nil || r.Start <= port && port <= r.End
}
