package services

import (
	"fmt"
	"net"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
)

// An Answer says where a flow goes.
type Answer struct {
	Protocol    string `json:"protocol"`
	Source      string `json:"source"`
	Destination string `json:"destination"`

	Service string `json:"service,omitempty"` // empty: it is for none
	// what becomes of the next packet of the flow: "pinned", "placed",
	// "detoured", "moved" or "unpinned" to a member, else "answered" by the
	// gateway, "dropped" or "not for a service"
	Verdict string `json:"verdict"`
	Why     string `json:"why"` // in a sentence

	Member *FlowMember `json:"member,omitempty"` // that the next packet goes to; nil: none
	Pin    *FlowPin    `json:"pin,omitempty"`    // nil: there is none

	// the member that would take the flow if it were new; empty: none
	Placed string `json:"placed,omitempty"`
}

// A FlowMember is the member that a flow goes to, or is pinned to.
type FlowMember struct {
	ID     string `json:"id"`
	Dev    string `json:"dev,omitempty"`
	Addr   string `json:"addr,omitempty"`
	MAC    string `json:"mac,omitempty"`
	State  State  `json:"state"`
	Reason string `json:"reason,omitempty"` // why it is down
}

// A FlowPin is what the flow table has of a flow. Its age is the time since the
// last packet, but for those packets that came too soon after another to be
// noted: an eighth of the timeout at most.
type FlowPin struct {
	Member  *FlowMember `json:"member,omitempty"` // nil: it left, or is not back yet after a restart
	State   string      `json:"state"`
	Age     float64     `json:"ageSeconds"`
	Timeout float64     `json:"timeoutSeconds"` // of this state
}

// The verdicts that are none of package flowcache.
const (
	Answered      = "answered"
	NotForService = "not for a service"
	Dropped       = "dropped"
)

// Flow answers where a flow goes. That changes nothing. The error says why
// nothing is forwarded.
func (r *Registry) Flow(q Question) (Answer, error) {
	a := Answer{Protocol: plane.ProtocolName(q.Proto), Source: endOf(q, q.Src.Addr().String(), q.Src.String()),
		Destination: endOf(q, q.Dst.Addr().String(), q.Dst.String())}
	r.mu.Lock() // so that the members are those of the view
	defer r.mu.Unlock()
	found, err := r.plane.Find(q.frame())
	switch {
	case err != nil:
		return a, err
	case found.View == nil && found.Drop == engine.NoRoute:
		a.Verdict, a.Why = r.unserved(&found)
		return a, nil
	case found.View == nil:
		a.Verdict, a.Why = Dropped, "a packet like this is dropped: "+found.Drop.String()
		return a, nil
	}
	a.Service = found.View.Name()
	s, err := r.find(a.Service)
	if err != nil {
		return a, err
	}
	if found.Placed >= 0 {
		a.Placed = found.View.Member(found.Placed).ID
	}
	if found.Pinned {
		a.Pin = r.pinOf(s, &found)
	}
	if found.Drop == engine.Answered {
		a.Verdict, a.Why = Answered, "the gateway answers pings of this address itself"
		return a, nil
	}
	if found.Route.Member < 0 {
		a.Verdict, a.Why = Dropped, "no member can take it"
		return a, nil
	}
	a.Member = r.memberOf(s, found.View.Member(found.Route.Member).ID)
	a.Verdict, a.Why = found.Route.Verdict.String(), a.why(&found)
	return a, nil
}

// unserved says what becomes of a packet that no service has.
func (r *Registry) unserved(found *plane.Found) (verdict, why string) {
	switch {
	case !found.Here:
		return NotForService, "no service has this destination: the packet is left to the kernel"
	case found.Taken:
		return Dropped, "no service has this protocol and port of the address, " +
			"all of which this data plane takes from the kernel"
	case r.Kernel:
		return NotForService, "no service has this protocol and port of the address: " +
			`the packet is left to the kernel, which drops it by the table of "kernel": true`
	}
	return NotForService, "no service has this protocol and port of the address: the packet is left to the kernel"
}

func endOf(q Question, addr, addrPort string) string {
	if plane.HasPorts(q.Proto) {
		return addrPort
	}
	return addr
}

// pinOf describes a pin.
func (r *Registry) pinOf(s *service, found *plane.Found) *FlowPin {
	name, timeout := r.plane.Flows().Life(found.Pin.State)
	p := &FlowPin{State: name, Age: found.Pin.Age.Seconds(), Timeout: timeout.Seconds()}
	if i, ok := found.View.BySlot(found.Pin.Slot); ok {
		p.Member = r.memberOf(s, found.View.Member(i).ID)
	}
	return p
}

// memberOf describes a member.
func (r *Registry) memberOf(s *service, id string) *FlowMember {
	m := s.member(id)
	f := &FlowMember{ID: id, Dev: m.Dev, Addr: m.Addr.String(), State: r.stateOf(s, m)}
	if mac := r.host.mac(m); mac != (engine.MAC{}) {
		f.MAC = net.HardwareAddr(mac[:]).String()
	}
	if fault := r.fault(s, m); fault != nil {
		f.Reason = fault.Error()
	}
	return f
}

// why says in a sentence what becomes of a flow that has a member.
func (a *Answer) why(found *plane.Found) string {
	switch found.Route.Verdict {
	case flowcache.Pinned:
		if a.Member.State == Drained {
			return a.Member.ID + " is drained, and keeps the flows that it has"
		}
		return "it has a pin to this member"
	case flowcache.Placed:
		if found.Pinned {
			return "it begins anew"
		}
		return "it has no pin: as a new flow, it goes where the strategy says"
	case flowcache.Detoured:
		if a.Pin == nil || a.Pin.Member == nil {
			return "its member is not known again yet since the restart: the pin waits for it"
		}
		return fmt.Sprintf("its member %s is down (%s): the pin waits for it", a.Pin.Member.ID, a.Pin.Member.Reason)
	case flowcache.Moved:
		switch {
		case a.Pin == nil || a.Pin.Member == nil:
			return "its member left: the flow is pinned anew"
		case a.Pin.Member.State == Down:
			return fmt.Sprintf("its member %s is down (%s) for longer than a pin waits: the flow is pinned anew",
				a.Pin.Member.ID, a.Pin.Member.Reason)
		}
		return fmt.Sprintf("the drain of %s has ended: the flow is pinned anew", a.Pin.Member.ID)
	case flowcache.Rebalanced:
		return "its member left this service: the flow is pinned anew"
	}
	return "it goes where the strategy says, and is not pinned"
}
