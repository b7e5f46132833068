package main

import (
	"net/netip"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/selector"
)

// forwarderMAC is the source address of what a forwarder sends, locally
// administered.
var forwarderMAC = engine.MAC{0x02, 0xec, 0x00, 0x00, 0x00, 0x01} //nolint:gochecknoglobals // read-only

// A forwarder is an engine with one worker and one group, which is the next hop
// of every prefix.
type forwarder struct {
	group     *engine.Group
	flows     *flowcache.Table // nil: not sticky
	fragments *flowcache.Fragments
	worker    *engine.Worker
	numbers   map[string]uint16 // of the members, by ID; given when a member is first seen
}

type forwarderConfig struct {
	strategy  selector.Strategy
	prefixes  []netip.Prefix
	sticky    bool
	placement placement.Placement
	flows     int // that the flow table is for
}

func newForwarder(c forwarderConfig) (*forwarder, error) {
	domain := selector.NewDomain()
	group, err := selector.NewGroup[engine.Adjacency](domain, selector.GroupConfig{Name: "vip", Strategy: c.strategy})
	if err != nil {
		return nil, err
	}
	f := &forwarder{group: group, numbers: make(map[string]uint16)}
	config, err := c.placement.Config(flowcache.FragmentsConfig{})
	if err != nil {
		return nil, err
	}
	f.fragments = config.Fragments
	if c.sticky {
		if f.flows, err = flowcache.NewTable(flowcache.Config{Domain: domain, Flows: c.flows}); err != nil {
			return nil, err
		}
	}
	routes := new(engine.Routes)
	for _, p := range c.prefixes {
		routes.Insert(p, group)
	}
	config.Routes, config.Flows = routes, f.flows
	f.worker = engine.NewWorker(config)
	return f, nil
}

// update replaces the members of the group.
func (f *forwarder) update(members []member) error {
	hops := make([]engine.Hop, len(members))
	for i, m := range members {
		if _, ok := f.numbers[m.ID]; !ok {
			f.numbers[m.ID] = uint16(len(f.numbers))
		}
		hops[i] = engine.Hop{ID: m.ID, Weight: m.Weight, Value: engine.Adjacency{
			ID: m.ID, Header: engine.NewEthernet(macOf(m.addr), forwarderMAC), Output: f.numbers[m.ID],
		}}
	}
	_, err := f.group.Update(hops)
	return err
}

// sweep does what is due of the flow table's sweep.
func (f *forwarder) sweep(now time.Time) {
	if f.flows != nil {
		f.flows.Sweep(time.Duration(now.UnixNano()))
	}
}
