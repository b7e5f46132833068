package pipeline

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

type engineLoop struct {
	table     *flowcache.Table
	worker    *engine.Worker
	decisions [engine.MaxBurst]engine.Decision
	now       time.Duration
}

// NewEngine returns the reference engine's own loop: it finds the group by
// longest prefix, knows the states of TCP and fragments, rewrites and counts.
func NewEngine(flows int, hasher hash.Hasher) (Pipeline, error) {
	domain := selector.NewDomain()
	group, err := selector.NewGroup[engine.Adjacency](domain, selector.GroupConfig{Name: "vip",
		Strategy: selector.Maglev{}})
	if err != nil {
		return nil, err
	}
	if _, err := group.Update(hops()); err != nil {
		return nil, err
	}
	table, err := flowcache.NewTable(flowcache.Config{Domain: domain, Flows: flows})
	if err != nil {
		return nil, err
	}
	fragments, err := flowcache.NewFragments(flowcache.FragmentsConfig{})
	if err != nil {
		return nil, err
	}
	routes := new(engine.Routes)
	routes.Insert(netip.MustParsePrefix("172.16.0.20/32"), group)
	return &engineLoop{
		table: table,
		worker: engine.NewWorker(engine.Config{
			Routes: routes, Policy: hash.Policy{Hasher: hasher}, Flows: table, Fragments: fragments, Reset: true,
		}),
	}, nil
}

// hops are ten members.
func hops() []engine.Hop {
	hops := make([]engine.Hop, 10)
	for i := range hops {
		id := fmt.Sprintf("pod%d", i)
		hops[i] = engine.Hop{ID: id, Weight: 1, Value: engine.Adjacency{
			ID: id, Output: uint16(i),
			Header: engine.NewEthernet(engine.MAC{2, 1, 0, 0, 0, byte(i)}, engine.MAC{2, 0, 0, 0, 0, 1}),
		}}
	}
	return hops
}

func (p *engineLoop) Forward(frames [][]byte) (known int) {
	for len(frames) > 0 {
		burst := frames[:min(engine.MaxBurst, len(frames))]
		p.worker.Burst(p.decisions[:], burst, p.now)
		for i := range burst {
			if p.decisions[i].Verdict == flowcache.Pinned {
				known++
			}
		}
		frames = frames[len(burst):]
	}
	return known
}

func (p *engineLoop) Forget() {
	p.now += 400 * time.Second // longer than any timeout
	p.table.Sweep(p.now)
}
