package fib

import (
	"net/netip"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A Neighbour names an entry of the neighbour tables.
type Neighbour struct {
	Addr netip.Addr
	Out  int // index of the interface
}

// Neighbours returns the neighbours that the kernel has an entry of, and
// whether that is valid: neither incomplete nor failed.
func (c *Conn) Neighbours() (map[Neighbour]bool, error) {
	all := map[Neighbour]bool{}
	for reply, err := range c.request(unix.RTM_GETNEIGH, netlink.Dump, make([]byte, unix.SizeofNdMsg)) {
		if err != nil {
			return nil, err
		}
		var m rtnetlink.NeighMessage
		if err := m.UnmarshalBinary(reply); err != nil {
			return nil, err
		}
		if m.Attributes == nil {
			continue
		}
		if addr, ok := netip.AddrFromSlice(m.Attributes.Address); ok {
			const invalid = unix.NUD_INCOMPLETE | unix.NUD_FAILED
			all[Neighbour{addr, int(m.Index)}] = m.State != unix.NUD_NONE && m.State&invalid == 0
		}
	}
	return all, nil
}

// An Address is an IPv4 address of an interface.
type Address struct {
	Addr      netip.Prefix // the address with the length of its network
	Out       int          // index of the interface
	Global    bool         // its scope is global, so that it can be the source of a routed packet
	Secondary bool
}

// Addresses returns the IPv4 addresses of all interfaces, in the order in which
// the kernel has them.
func (c *Conn) Addresses() (all []Address, err error) {
	request := make([]byte, unix.SizeofIfAddrmsg)
	request[0] = unix.AF_INET
	for reply, err := range c.request(unix.RTM_GETADDR, netlink.Dump, request) {
		if err != nil {
			return nil, err
		}
		var m rtnetlink.AddressMessage
		if err := m.UnmarshalBinary(reply); err != nil {
			return nil, err
		}
		if m.Attributes == nil {
			continue
		}
		local, ok := netip.AddrFromSlice(m.Attributes.Local)
		if !ok {
			local, ok = netip.AddrFromSlice(m.Attributes.Address)
		}
		if ok {
			all = append(all, Address{
				netip.PrefixFrom(local, int(m.PrefixLength)), int(m.Index), m.Scope == unix.RT_SCOPE_UNIVERSE,
				m.Flags&unix.IFA_F_SECONDARY != 0,
			})
		}
	}
	return all, nil
}

// Source returns the address that a route sends from by default over an
// interface to an IPv4 gateway, or the zero Addr: the first one whose network
// has the gateway, else the first one of the interface, else of any interface.
func Source(all []Address, out int, to netip.Addr) netip.Addr {
	var first, other netip.Addr
	for _, a := range all {
		switch {
		case !a.Global || a.Secondary:
		case a.Out != out:
			if !other.IsValid() {
				other = a.Addr.Addr()
			}
		case to.Is4() && a.Addr.Masked().Contains(to):
			return a.Addr.Addr()
		case !first.IsValid():
			first = a.Addr.Addr()
		}
	}
	if first.IsValid() {
		return first
	}
	return other
}
