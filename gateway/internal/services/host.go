package services

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/links"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
)

// A host is what is known of the machine below the services.
type host struct {
	in         []string              // the interfaces that packets come in by
	links      map[string]links.Link // by name, as far as told
	names      map[int]string        // of those that are there, by index
	neighbours map[place]engine.MAC
	asked      map[place]bool       // the kernel was asked to keep them
	routers    map[Place]netip.Addr // on the way to members in tunnels
	faults     plane.Faults         // of the interfaces of members
}

// A place is an address behind an interface.
type place struct {
	index int
	addr  netip.Addr
}

func newHost(in []string) host {
	return host{
		in: in, links: make(map[string]links.Link), names: make(map[int]string),
		neighbours: make(map[place]engine.MAC), asked: make(map[place]bool),
	}
}

// carrier reports whether an interface has a carrier; one that nothing was told
// of has.
func (h *host) carrier(dev string) bool {
	l, told := h.links[dev]
	return l.Carrier || !told
}

// place returns where a member is whose MAC address was not given, or the router
// on the way to it. ok is false if it was, or if its interface is not there.
func (h *host) place(m config.Member) (p place, ok bool) {
	p = place{h.links[m.Dev].Index, m.NextHop()}
	if m.Tunnel != (config.Tunnel{}) {
		if router, ok := h.routers[PlaceOf(m)]; ok {
			p.addr = router
		}
	}
	return p, m.MAC == engine.MAC{} && p.index != 0
}

// mac returns the MAC address of a member, or of the router on the way to it;
// zero if it is not known.
func (h *host) mac(m config.Member) engine.MAC {
	if p, ok := h.place(m); ok {
		return h.neighbours[p]
	}
	return m.MAC
}

// fault says why a member is down; nil if it is not.
func (h *host) fault(m config.Member) error {
	l, told := h.links[m.Dev]
	switch {
	case told && l.Index == 0:
		return &plane.DeviceError{Device: m.Dev, Err: plane.ErrNoInterface}
	case !h.carrier(m.Dev):
		return fmt.Errorf("%s has no carrier", m.Dev)
	case h.faults[m.Dev] != nil:
		return &plane.DeviceError{Device: m.Dev, Err: h.faults[m.Dev]}
	case h.mac(m) == engine.MAC{}:
		p, _ := h.place(m)
		return fmt.Errorf("no neighbour %s on %s", p.addr, m.Dev)
	}
	return h.itself(m)
}

// itself says whether a member has an address of the gateway's own: what is
// sent there comes nowhere.
func (h *host) itself(m config.Member) error {
	mac := h.mac(m)
	dev := m.Dev
	if i := slices.IndexFunc(h.in, func(in string) bool { return h.links[in].MAC == mac }); i >= 0 {
		dev = h.in[i]
	}
	if h.links[dev].MAC != mac {
		return nil
	}
	return fmt.Errorf("its MAC address %s is that of %s, an interface of this host", net.HardwareAddr(mac[:]), dev)
}

// set takes over the state of a link. It forgets the neighbours behind one that
// is no more. Those behind one that lost its carrier are to be asked for again:
// the kernel forgot them.
func (h *host) set(l links.Link) {
	was := h.links[l.Name]
	if was.Index != l.Index {
		maps.DeleteFunc(h.neighbours, func(p place, _ engine.MAC) bool { return p.index == was.Index })
	}
	if was.Index != l.Index || was.Carrier && !l.Carrier {
		maps.DeleteFunc(h.asked, func(p place, _ bool) bool { return p.index == was.Index })
	}
	if h.names[was.Index] == l.Name {
		delete(h.names, was.Index)
	}
	if l.Index != 0 {
		h.names[l.Index] = l.Name
	}
	h.links[l.Name] = l
}
