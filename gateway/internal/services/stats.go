package services

import (
	"fmt"
	"maps"
	"net"
	"net/netip"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/selector"
)

// Stats is the state of a gateway at one moment. Frames in are those of the
// members, of those that left, those dropped, and those waiting. Frames that came
// in for no service, and pings that were answered, are none of these. Replies are
// to pings, or in place of frames dropped. What was dropped for a service or a
// member counts there besides, until that leaves.
type Stats struct {
	Healthy bool              `json:"healthy"`
	Reason  string            `json:"reason,omitempty"` // why not
	In      Traffic           `json:"in"`
	Left    Traffic           `json:"left"` // to members that left
	Replies Traffic           `json:"replies"`
	Slow    Traffic           `json:"slow"`    // of in, by the slow path of a plane that has two
	Dropped map[string]uint64 `json:"dropped"` // frames, by reason
	// left to the kernel; 0 where the data plane does not see them
	NotForService Traffic        `json:"notForService"`
	Flows         *FlowStats     `json:"flows"` // nil: not sticky
	Services      []ServiceStats `json:"services"`
	Changes       []Change       `json:"changes"` // the newest first

	Fragments FragmentStats `json:"fragments"`
}

// FragmentStats counts the fragments that came before the first one of their
// datagram.
type FragmentStats struct {
	Held    uint64 `json:"held"`    // so far, to wait for the first one
	Waiting uint64 `json:"waiting"` // now
	// sent by their addresses, since the first one did not come in time
	Strays uint64 `json:"strays"`
}

// Traffic is an amount of it.
type Traffic struct {
	Frames uint64 `json:"frames"`
	Bytes  uint64 `json:"bytes"`
}

// FlowStats says how full the flow table is and what became of flows.
type FlowStats struct {
	Capacity int    `json:"capacity"`
	Flows    int    `json:"flows"`
	Placed   uint64 `json:"placed"`
	Moved    uint64 `json:"moved"`
	Refused  uint64 `json:"refused"`

	Detoured   uint64 `json:"detoured"` // packets of flows whose member was down, sent to another
	Rebalanced uint64 `json:"rebalanced"`
	Evicted    uint64 `json:"evicted"` // on probation; the xdp plane does not know
	Expired    uint64 `json:"expired"`
}

// ServiceStats is the state of a service. Its traffic is that of the members
// that it has now.
type ServiceStats struct {
	Name     string            `json:"name"`
	Healthy  bool              `json:"healthy"`          // a packet for it that comes in now is forwarded
	Reason   string            `json:"reason,omitempty"` // why not
	Prefixes []netip.Prefix    `json:"vip"`
	Protocol string            `json:"protocol,omitempty"` // empty: all
	Ports    []plane.PortRange `json:"ports,omitempty"`    // none: all
	Key      string            `json:"key,omitempty"`      // what makes packets one flow; empty: the five-tuple
	Scope    string            `json:"scope,omitempty"`
	Strategy string            `json:"strategy"`
	Panic    bool              `json:"panic,omitempty"` // what checks find is not looked at
	Version  uint64            `json:"version"`
	Members  []MemberStats     `json:"members"`
	// frames for it that were for none of its members, by reason
	Dropped map[string]uint64 `json:"dropped,omitempty"`
	Traffic
}

// MemberStats is the state of a member of a service. Its flows and its traffic
// are those of this service alone.
type MemberStats struct {
	ID     string  `json:"id"`
	Dev    string  `json:"dev"`
	Addr   string  `json:"addr"`
	Weight uint32  `json:"weight"`
	MAC    string  `json:"mac,omitempty"`    // as it is known now
	Tunnel string  `json:"tunnel,omitempty"` // its ends
	State  State   `json:"state"`
	Reason string  `json:"reason,omitempty"` // why it is down
	Due    float64 `json:"due"`              // its share by weight of new flows
	Owned  float64 `json:"owned"`            // its share of the hashes, whoever is down
	Backup bool    `json:"backup,omitempty"`
	Flows  int     `json:"flows"` // pinned to it
	// the part of its weight that it has so far; 0: it has all of it, or is drained
	Ramp  float64 `json:"ramp,omitempty"`
	Drain *Drain  `json:"drain,omitempty"` // nil: it is not drained, or the configuration drains it
	// frames that were for it and could not be sent, by reason; not in Traffic
	Dropped map[string]uint64 `json:"dropped,omitempty"`
	Traffic
}

// State says whether a member takes packets.
type State string

// The states of a member. One that is drained and down is down.
const (
	Up      State = "up"
	Drained State = "drained" // no new flow
	Down    State = "down"    // no packet
)

// Stats returns the state. It takes the time of a pass over the flow table.
func (r *Registry) Stats() Stats {
	s := Stats{Healthy: true, Dropped: map[string]uint64{}, Services: []ServiceStats{}}
	if err := r.Health(); err != nil {
		s.Healthy, s.Reason = false, err.Error()
	}
	pins := map[selector.Slot]int{}
	if f := r.plane.Flows(); f != nil { // without the lock, since that takes long
		flows := FlowStats(f.Stats())
		s.Flows, pins = &flows, f.Pins()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	counters := r.plane.Counters()
	s.In, s.Replies = Traffic(counters.In), Traffic(counters.Replies)
	s.Slow = Traffic(counters.Slow)
	s.NotForService = Traffic(counters.NotForService)
	s.Left = Traffic(r.outputs.gone(counters.Members))
	maps.Copy(s.Dropped, counters.Dropped)
	s.Fragments = FragmentStats(counters.Fragments)
	s.Changes = r.history(r.moved())
	for _, service := range r.services {
		s.Services = append(s.Services, r.serviceStats(service, pins, &counters))
	}
	return s
}

func (r *Registry) serviceStats(s *service, pins map[selector.Slot]int, counters *plane.Counters) ServiceStats {
	v := s.group.Load().View()
	stats := ServiceStats{
		Name: s.Name, Prefixes: s.Prefixes, Strategy: fmt.Sprint(s.Strategy), Version: v.Version(),
		Members: []MemberStats{}, Healthy: true, Panic: s.panics, Ports: s.Ports, Scope: s.Scope,
		Dropped: counters.ServiceDrops[s.group].Since(nil),
	}
	if s.Key != placement.FiveTuple {
		stats.Key = s.Key.String()
	}
	if s.Protocol != 0 {
		stats.Protocol = plane.ProtocolName(s.Protocol)
	}
	if err := r.healthOf(s); err != nil {
		stats.Healthy, stats.Reason = false, err.Error()
	}
	flows := make(map[string]int, v.Len())
	for i, m := range v.All() {
		flows[m.ID] = pins[v.Slot(i)]
	}
	total := uint64(0) // the weight of those that take new flows
	for i, m := range v.All() {
		if v.TakesNew(i) {
			total += uint64(m.Weight)
		}
	}
	for _, m := range s.Members {
		at := port{s.Name, m.ID, m.Dev}
		member := MemberStats{
			ID: m.ID, Dev: m.Dev, Addr: m.Addr.String(), Weight: m.Weight,
			State: r.stateOf(s, m), Due: r.due(s, m, total), Owned: s.owned[m.ID], Backup: m.Backup, Flows: flows[m.ID],
			Dropped: r.outputs.drops(at, counters.MemberDrops),
			Traffic: Traffic(r.outputs.traffic(at, counters.Members)),
		}
		if on, ok := s.ramps[m.ID]; ok {
			member.Ramp = float64(on.step) / float64(s.Ramp.Steps)
		}
		if drain, ok := r.drains[s.Name][m.ID]; ok {
			member.Drain = &drain
		}
		if mac := r.host.mac(m); mac != (engine.MAC{}) {
			member.MAC = net.HardwareAddr(mac[:]).String()
		}
		if fault := r.fault(s, m); fault != nil {
			member.Reason = fault.Error()
		}
		if local, remote := m.Outer().Ends(); local.IsValid() {
			member.Tunnel = fmt.Sprintf("%s to %s", local, remote)
		}
		stats.Frames += member.Frames
		stats.Bytes += member.Bytes
		stats.Members = append(stats.Members, member)
	}
	return stats
}

func (r *Registry) stateOf(s *service, m config.Member) State {
	switch {
	case r.fault(s, m) != nil:
		return Down
	case m.Weight == 0:
		return Drained
	}
	return Up
}

// due returns the share of new flows that a member is due, of the weights of
// those that take any.
func (r *Registry) due(s *service, m config.Member, total uint64) float64 {
	v := s.group.Load().View()
	i, ok := v.Index(m.ID)
	if total == 0 || !ok || !v.TakesNew(i) {
		return 0
	}
	return float64(v.Member(i).Weight) / float64(total)
}
