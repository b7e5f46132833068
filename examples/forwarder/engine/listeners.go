package engine

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// A Listener is a part of what is sent to an address: the packets of a
// protocol, or those of its packets that are for some ports. They go to its
// group, whatever the routes say of the address.
//
// An ICMP error counts as a packet of the flow that it is about, and a fragment
// as one of its datagram, as far as the worker knows that: see
// [Config.Fragments].
type Listener struct {
	Addr  netip.Addr
	Proto uint8 // of IP, such as hash.TCP

	// The destination ports, the first and the last. Both are 0 for a listener
	// to all packets of the protocol that no other listener has the port of.
	First, Last uint16

	Group *Group
}

// A ListenerError names two listeners that a packet could be for.
type ListenerError struct{ Listener, Other Listener }

// Error names the address, the protocol and the ports.
func (e *ListenerError) Error() string {
	l, o := e.Listener, e.Other
	return fmt.Sprintf("engine: two listeners at %s, protocol %d: ports %d to %d and %d to %d",
		l.Addr, l.Proto, l.First, l.Last, o.First, o.Last)
}

// Listeners are the listeners of a router, by address. They never change, and
// workers share them.
type Listeners struct {
	byAddr map[netip.Addr]*ends
	groups []*Group
}

// ends are the listeners at one address, in ascending order of protocol and
// ports.
type ends struct {
	ranges []portRange // that have ports
	protos []portRange // that have a whole protocol
}

// A portRange has the protocol above its ports, so that one comparison looks at
// both.
type portRange struct {
	first, last uint32
	number      int32 // in Listeners.groups
}

func endOf(proto uint8, port uint16) uint32 { return uint32(proto)<<16 | uint32(port) }

// NewListeners returns the listeners of a list, in any order. The error is a
// [*ListenerError]: two have a port in common, or the same whole protocol.
func NewListeners(list []Listener) (*Listeners, error) {
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(a, b Listener) int {
		return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(endOf(a.Proto, a.First), endOf(b.Proto, b.First)))
	})
	l := &Listeners{byAddr: make(map[netip.Addr]*ends), groups: make([]*Group, len(sorted))}
	for i, s := range sorted {
		if i > 0 {
			before := sorted[i-1]
			if before.Addr == s.Addr && before.Proto == s.Proto && s.First <= before.Last {
				return nil, &ListenerError{s, before}
			}
		}
		at := l.byAddr[s.Addr]
		if at == nil {
			at = new(ends)
			l.byAddr[s.Addr] = at
		}
		l.groups[i] = s.Group
		r := portRange{endOf(s.Proto, s.First), endOf(s.Proto, s.Last), int32(i)}
		if s.Last == 0 {
			at.protos = append(at.protos, r)
		} else {
			at.ranges = append(at.ranges, r)
		}
	}
	return l, nil
}

// at returns the listeners at an address; nil if there are none.
func (l *Listeners) at(addr netip.Addr) *ends {
	if l == nil {
		return nil
	}
	return l.byAddr[addr]
}

// find returns the number of the listener to a port, or else of that to its
// protocol; -1 if there is none.
func (e *ends) find(proto uint8, port uint16) int32 {
	if n := within(e.ranges, endOf(proto, port)); n >= 0 {
		return n
	}
	return within(e.protos, endOf(proto, 0))
}

// within returns the number of the range that has an end, of ranges in order.
func within(ranges []portRange, end uint32) int32 {
	from, to := 0, len(ranges) // the first of those behind the end is in between
	for from < to {
		middle := int(uint(from+to) / 2)
		if ranges[middle].first <= end {
			from = middle + 1
		} else {
			to = middle
		}
	}
	if from == 0 || ranges[from-1].last < end {
		return -1
	}
	return ranges[from-1].number
}
