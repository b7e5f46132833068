package rtnetlink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// A Hop is one next hop of a route.
type Hop struct {
	Gateway netip.Addr // the zero Addr if the destination is on the link
	Out     int        // interface
	Weight  uint32
	id      uint32 // of the nexthop object; 0 if it is part of the route
}

// A Route is the next hops of a route, in the order in which the kernel has
// them.
type Route struct {
	Hops    []Hop
	Buckets []int // the index of the next hop of each bucket of a resilient group; nil for others
}

// ErrNoRoute says that there is no route to exactly the prefix.
var ErrNoRoute = errors.New("no route to this prefix")

// From linux/nexthop.h and linux/rtnetlink.h.
const (
	getNexthop       = 106
	getNexthopBucket = 118

	nhaID        = 1
	nhaGroup     = 2
	nhaGroupType = 3
	nhaOut       = 5
	nhaGateway   = 6
	nhaResBucket = 13

	groupResilient = 1

	bucketIndex = 1
	bucketHop   = 3

	rtaNexthopID = 30
)

// Route returns the route to a prefix in the main table.
func (c *Conn) Route(prefix netip.Prefix) (Route, error) {
	var found *message
	fixed := make([]byte, routeSize)
	fixed[0] = family(prefix.Addr())
	err := c.dump(unix.RTM_GETROUTE, fixed, nil, func(m message) error {
		if found == nil && m.isTo(prefix) {
			m.body = append([]byte{}, m.body...)
			found = &m
		}
		return nil
	})
	if err != nil {
		return Route{}, err
	}
	if found == nil {
		return Route{}, fmt.Errorf("%s: %w", prefix, ErrNoRoute)
	}
	attrs, err := found.attrs(routeSize)
	if err != nil {
		return Route{}, err
	}
	single := Hop{Weight: 1}
	for typ, value := range attributes(attrs) {
		switch {
		case typ == rtaNexthopID && len(value) == 4:
			return c.nexthops(binary.NativeEndian.Uint32(value))
		case typ == unix.RTA_MULTIPATH:
			return Route{Hops: multipath(value)}, nil
		}
		single.set(typ, value, unix.RTA_GATEWAY, unix.RTA_OIF)
	}
	return Route{Hops: []Hop{single}}, nil
}

// isTo reports whether the message is a route to the prefix in the main table.
func (m message) isTo(prefix netip.Prefix) bool {
	attrs, err := m.attrs(routeSize)
	if err != nil || int(m.body[1]) != prefix.Bits() || m.body[4] != unix.RT_TABLE_MAIN {
		return false
	}
	for typ, value := range attributes(attrs) {
		if typ == unix.RTA_DST {
			addr, ok := netip.AddrFromSlice(value)
			return ok && addr == prefix.Addr()
		}
	}
	return prefix.Bits() == 0
}

// set keeps an attribute if it is the gateway or the interface.
func (h *Hop) set(typ uint16, value []byte, gateway, out uint16) {
	switch {
	case typ == gateway:
		h.Gateway, _ = netip.AddrFromSlice(value)
	case typ == out && len(value) == 4:
		h.Out = int(binary.NativeEndian.Uint32(value))
	}
}

// multipath reads the next hops that are part of a route: each a struct
// rtnexthop with attributes.
func multipath(b []byte) (hops []Hop) {
	const fixed = 8
	for len(b) >= fixed {
		size := int(binary.NativeEndian.Uint16(b))
		if size < fixed || size > len(b) {
			break
		}
		hop := Hop{Weight: uint32(b[3]) + 1, Out: int(binary.NativeEndian.Uint32(b[4:]))}
		for typ, value := range attributes(b[fixed:size]) {
			hop.set(typ, value, unix.RTA_GATEWAY, unix.RTA_OIF)
		}
		hops = append(hops, hop)
		b = b[min(len(b), aligned(size)):]
	}
	return hops
}

// nexthops returns the members of nexthop object id, or itself if it is no
// group.
func (c *Conn) nexthops(id uint32) (r Route, err error) {
	hops := map[uint32]Hop{}
	resilient := false
	err = c.dump(getNexthop, make([]byte, nexthopSize), nil, func(m message) error {
		attrs, err := m.attrs(nexthopSize)
		if err != nil {
			return err
		}
		hop := Hop{Weight: 1}
		var members []byte
		var typ16 uint16
		for typ, value := range attributes(attrs) {
			switch {
			case typ == nhaID && len(value) == 4:
				hop.id = binary.NativeEndian.Uint32(value)
			case typ == nhaGroup:
				members = value
			case typ == nhaGroupType && len(value) == 2:
				typ16 = binary.NativeEndian.Uint16(value)
			}
			hop.set(typ, value, nhaGateway, nhaOut)
		}
		hops[hop.id] = hop
		if hop.id == id && members != nil {
			resilient = typ16 == groupResilient
			r.Hops = groupMembers(members)
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	if r.Hops == nil {
		hop, ok := hops[id]
		if !ok {
			return r, fmt.Errorf("nexthop object %d is gone", id)
		}
		r.Hops = []Hop{hop}
	}
	for i, member := range r.Hops {
		hop := hops[member.id]
		hop.Weight = member.Weight
		r.Hops[i] = hop
	}
	if resilient {
		r.Buckets, err = c.buckets(id, r.Hops)
	}
	return r, err
}

// groupMembers reads an array of struct nexthop_grp: the ID, and the weight
// less one in two bytes.
func groupMembers(b []byte) (hops []Hop) {
	for ; len(b) >= 8; b = b[8:] {
		weight := (uint32(b[4]) | uint32(b[5])<<8) + 1
		hops = append(hops, Hop{id: binary.NativeEndian.Uint32(b), Weight: weight})
	}
	return hops
}

// buckets returns the table of resilient group id.
func (c *Conn) buckets(id uint32, hops []Hop) ([]int, error) {
	index := map[uint32]int{}
	for i, hop := range hops {
		index[hop.id] = i
	}
	var table []int
	group := appendAttr(nil, nhaID, binary.NativeEndian.AppendUint32(nil, id)...)
	err := c.dump(getNexthopBucket, make([]byte, nexthopSize), group, func(m message) error {
		attrs, err := m.attrs(nexthopSize)
		if err != nil {
			return err
		}
		at, hop := -1, -1
		for typ, value := range attributes(attrs) {
			if typ != nhaResBucket {
				continue
			}
			for typ, value := range attributes(value) {
				switch {
				case typ == bucketIndex && len(value) == 2:
					at = int(binary.NativeEndian.Uint16(value))
				case typ == bucketHop && len(value) == 4:
					hop = index[binary.NativeEndian.Uint32(value)]
				}
			}
		}
		if at != len(table) || hop < 0 {
			return fmt.Errorf("bucket %d of next hop %d after %d buckets", at, hop, len(table))
		}
		table = append(table, hop)
		return nil
	})
	return table, err
}
