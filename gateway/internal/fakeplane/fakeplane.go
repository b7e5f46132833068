// Package fakeplane is a data plane for tests: it forwards nothing, remembers
// what it was told, and fails when it is told to.
package fakeplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/netip"
	"sync"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// A Plane is a [plane.Plane]. It is safe for concurrent use, so that the race
// detector sees who is not.
type Plane struct {
	// what the next calls return
	FailOutputs, FailSync, FailRelease error

	Synced  func() // called when services were put in force, if it is not nil
	Scanned func() // called by who reads the pins one after another, if it is not nil
	Takes   bool   // it takes whole addresses from the kernel, as afxdp does

	Released map[string]plane.Released // by "service/member", as it was told last
	Releases int                       // calls of Release without an error

	mu       sync.Mutex
	devices  map[uint16]string
	missing  map[string]bool
	services []plane.Service
	opens    int // calls of SetOutputs
	seen     []Forwarding
	counters plane.Counters
	table    *flowcache.Table
	finder   *plane.Finder
	closed   bool
}

// A Forwarding is what Sync put in force: weights by service and member.
type Forwarding map[string]map[string]uint32

// New returns a plane with a flow table of a domain, or for nil without one.
func New(domain *selector.Domain) (*Plane, error) {
	p := &Plane{Released: make(map[string]plane.Released), counters: plane.Counters{}.Clone()}
	icmp := plane.ICMP{Pings: 1} // so that Find says of pings what other planes do
	c := engine.Config{Routes: new(engine.Routes), Policy: hash.Policy{Hasher: hash.XX{}}}
	if domain == nil {
		p.finder = plane.NewFinder(c, icmp, nil)
		return p, nil
	}
	var err error
	p.table, err = flowcache.NewTable(flowcache.Config{Domain: domain, Flows: 1000})
	p.finder = plane.NewFinder(c, icmp,
		func(packet flowcache.Packet, v *selector.View) (flowcache.Route, flowcache.Pin, bool) {
			return p.table.Peek(packet, v, 0)
		})
	return p, err
}

// SetOutputs implements Plane.
func (p *Plane) SetOutputs(devices map[uint16]string) (faults plane.Faults, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opens++
	if p.FailOutputs != nil {
		return nil, p.FailOutputs
	}
	p.devices = maps.Clone(devices)
	faults = make(plane.Faults)
	for _, d := range devices {
		if p.missing[d] {
			faults[d] = plane.ErrNoInterface
		}
	}
	return faults, nil
}

// SetMissing says whether an interface is missing.
func (p *Plane) SetMissing(device string, missing bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.missing == nil {
		p.missing = make(map[string]bool)
	}
	p.missing[device] = missing
}

// Sync implements Plane. It is an error if a member has an output that was not
// set.
func (p *Plane) Sync(services []plane.Service) error {
	err := p.sync(services)
	if err == nil && p.Synced != nil {
		p.Synced()
	}
	return err
}

func (p *Plane) sync(services []plane.Service) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.FailSync != nil {
		return p.FailSync
	}
	routing, err := plane.NewRouting(services, 0)
	if err != nil {
		return err
	}
	f := make(Forwarding)
	for _, s := range services {
		snapshot := s.Group.Load()
		members := make(map[string]uint32)
		for i, m := range snapshot.View().All() {
			if _, ok := p.devices[snapshot.At(i).Output]; !ok {
				return fmt.Errorf("member %q: output %d is not set", m.ID, snapshot.At(i).Output)
			}
			if snapshot.View().Alive(i) {
				members[m.ID] = m.Weight
			}
		}
		f[snapshot.View().Name()] = members
	}
	p.services, p.seen = services, append(p.seen, f)
	p.finder.SetRouting(routing)
	return nil
}

// Hops returns what it takes to send to the members of the services in force.
func (p *Plane) Hops() map[string]engine.Adjacency {
	p.mu.Lock()
	defer p.mu.Unlock()
	hops := make(map[string]engine.Adjacency)
	for _, s := range p.services {
		snapshot := s.Group.Load()
		for i, m := range snapshot.View().All() {
			hops[m.ID] = *snapshot.At(i)
		}
	}
	return hops
}

// Run implements Plane.
func (p *Plane) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Counters implements Plane.
func (p *Plane) Counters() plane.Counters {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counters.Clone()
}

// Find implements Plane.
func (p *Plane) Find(frame []byte) (plane.Found, error) {
	found := p.finder.Find(frame)
	found.Taken = found.Here && p.Takes
	return found, nil
}

// Flows implements Plane.
func (p *Plane) Flows() plane.Flows {
	if p.table == nil {
		return nil
	}
	return flows{p.table, p}
}

// Close implements Plane.
func (p *Plane) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errors.New("closed twice")
	}
	p.closed = true
	return nil
}

// Devices returns the outputs as they were set last.
func (p *Plane) Devices() map[uint16]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.devices)
}

// Opens returns how often outputs were set.
func (p *Plane) Opens() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opens
}

// Header returns the header that a member of a service is sent packets with.
func (p *Plane) Header(service, member string) engine.Ethernet {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.services {
		snapshot := s.Group.Load()
		for i, m := range snapshot.View().All() {
			if snapshot.View().Name() == service && m.ID == member {
				return snapshot.At(i).Header
			}
		}
	}
	return engine.Ethernet{}
}

// Syncs returns all that was ever put in force.
func (p *Plane) Syncs() []Forwarding {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Forwarding(nil), p.seen...)
}

// Forwards returns what is in force.
func (p *Plane) Forwards() Forwarding {
	seen := p.Syncs()
	if len(seen) == 0 {
		return nil
	}
	return seen[len(seen)-1]
}

// Drop counts a frame that came in and was dropped.
func (p *Plane) Drop(reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counters.In.Frames++
	p.counters.Dropped[reason]++
}

// Lose counts a frame that a member of a service did not get.
func (p *Plane) Lose(service, member, reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.services {
		snapshot := s.Group.Load()
		for i, m := range snapshot.View().All() {
			if snapshot.View().Name() == service && m.ID == member {
				p.counters.In.Frames++
				p.counters.Dropped[reason]++
				plane.AddDrops(p.counters.MemberDrops, snapshot.At(i).Output, reason, 1)
			}
		}
	}
}

// Ignore counts a frame of 60 bytes that came in for no service.
func (p *Plane) Ignore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counters.NotForService.Frames++
	p.counters.NotForService.Bytes += 60
}

// Hold sets the counters of fragments.
func (p *Plane) Hold(f plane.Fragments) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counters.Fragments = f
}

// Receive sends a TCP packet of each of so many flows, whose numbers begin with
// first, and returns the members that they went to.
func (p *Plane) Receive(dst netip.Addr, first, flows int) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	group := p.groupOf(dst)
	var went []string
	for i := range flows {
		src := netip.AddrFrom4([4]byte{10, 0, byte((first + i) >> 8), byte(first + i)})
		key := hash.NewFlowKey(hash.TCP, netip.AddrPortFrom(src, 1000), netip.AddrPortFrom(dst, 80))
		h, snapshot := hash.XX{}.Hash(key), group.Load()
		member := snapshot.Select(h)
		if p.table != nil {
			packet := flowcache.NewPacket(&hash.Flow{Hash: h, Proto: hash.TCP, Flags: hash.ACK}, group.Salt(), 0)
			member = flowcache.NewSticky(p.table).Route(packet, snapshot.View(), 0).Member
		}
		p.counters.In.Frames++
		p.counters.In.Bytes += 60
		if member < 0 {
			p.counters.Dropped[engine.NoMember.String()]++
			plane.AddDrops(p.counters.ServiceDrops, group, engine.NoMember.String(), 1)
			went = append(went, "")
			continue
		}
		out := snapshot.At(member).Output
		t := p.counters.Members[out]
		p.counters.Members[out] = engine.Traffic{Frames: t.Frames + 1, Bytes: t.Bytes + 60}
		went = append(went, snapshot.At(member).ID)
	}
	return went
}

func (p *Plane) groupOf(dst netip.Addr) *engine.Group {
	var best plane.Service
	bits := -1
	for _, s := range p.services {
		for _, prefix := range s.Prefixes {
			if prefix.Contains(dst) && prefix.Bits() > bits {
				best, bits = s, prefix.Bits()
			}
		}
	}
	return best.Group
}

// flows is a table as Flows, at time 0.
type flows struct {
	table *flowcache.Table
	plane *Plane
}

func (f flows) Stats() plane.FlowStats {
	s := f.table.Stats()
	stats := plane.FlowStats{Capacity: f.table.Cap(), Placed: s.Inserted, Moved: s.Moved, Refused: s.Refused,
		Detoured: s.Detoured, Evicted: s.Evicted, Expired: s.Expired}
	for range f.table.All(0) {
		stats.Flows++
	}
	return stats
}

func (f flows) Moved() uint64 { return f.table.Stats().Moved }

func (f flows) All() iter.Seq[flowcache.Pin] {
	if f.plane.Scanned != nil {
		f.plane.Scanned()
	}
	return f.table.All(0)
}

func (f flows) Life(s flowcache.State) (name string, timeout time.Duration) {
	return s.String(), time.Minute
}

func (f flows) Pins() map[selector.Slot]int { return f.table.PinsBySlot(0) }

// Release has no flow leave by halves, and none come back.
func (f flows) Release(list []plane.Release) error {
	if f.plane.FailRelease != nil {
		return f.plane.FailRelease
	}
	f.plane.Releases++
	clear(f.plane.Released)
	for _, r := range list {
		v := r.Group.Load().View()
		i, ok := v.Index(r.Member)
		if !ok {
			continue
		}
		if f.plane.Released[v.Name()+"/"+r.Member] = r.Which; r.Which == plane.Everything {
			f.table.Release(v, i, flowcache.ReleaseConfig{}, 0)
		}
	}
	return nil
}

func (f flows) Save(w io.Writer) error { return f.table.Save(w, 0, 0) }

func (f flows) Restore(r io.Reader, _ ...*engine.Group) error {
	_, err := f.table.Restore(r, 0, 0)
	return err
}
