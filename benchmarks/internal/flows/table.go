package flows

import (
	"time"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// Batch is the size of bursts.
const Batch = 32

// A Table is a flow table with a group of ten members and one worker.
type Table struct {
	*flowcache.Table
	Group *selector.Group[struct{}]
	Now   time.Duration
	Sway  time.Duration // added to Now for each further burst, up to 31 times, and again

	sticky  *flowcache.Sticky
	views   [1]*selector.View
	hasher  *hash.Mix
	bursts  time.Duration
	packets [Batch]flowcache.Packet
	routes  [Batch]flowcache.Route
}

// NewTable returns a table that is made for n flows.
func NewTable(n int) (*Table, error) {
	domain := selector.NewDomain()
	table, err := flowcache.NewTable(flowcache.Config{Domain: domain, Flows: n})
	if err != nil {
		return nil, err
	}
	group, err := selector.NewGroup[struct{}](
		domain, selector.GroupConfig{Name: "vip", Strategy: selector.Maglev{}})
	if err != nil {
		return nil, err
	}
	t := &Table{Table: table, Group: group, Now: time.Hour, sticky: flowcache.NewSticky(table), hasher: Hasher()}
	return t, t.Update(10)
}

// Update gives the group n members.
func (t *Table) Update(n int) error {
	s, err := t.Group.Update(subject.Hops(subject.Members(n, 1)))
	if err != nil {
		return err
	}
	t.views[0] = s.View()
	return nil
}

// Worker returns a further worker over the same table.
func (t *Table) Worker() *Table {
	w := *t
	w.sticky = flowcache.NewSticky(t.Table)
	return &w
}

// Digests routes an ACK of each flow in bursts and returns how many met a pin.
func (t *Table) Digests(digests []uint64) (pinned int) { return t.Send(digests, hash.ACK) }

// Send routes a packet with these flags of each flow, in bursts, and returns
// how many met a pin.
func (t *Table) Send(digests []uint64, flags hash.TCPFlags) (pinned int) {
	for len(digests) > 0 {
		n := min(Batch, len(digests))
		for i, d := range digests[:n] {
			t.set(&t.packets[i], d, flags)
		}
		pinned += t.burst(n)
		digests = digests[n:]
	}
	return pinned
}

// Keys is Send that makes the digests as well.
func (t *Table) Keys(keys []hash.FlowKey, flags hash.TCPFlags) (pinned int) {
	for len(keys) > 0 {
		n := min(Batch, len(keys))
		for i, k := range keys[:n] {
			d := t.hasher.Hash(k)
			t.set(&t.packets[i], d, flags)
		}
		pinned += t.burst(n)
		keys = keys[n:]
	}
	return pinned
}

// set writes field after field: a literal would be made elsewhere and copied in
// pieces that are wider than what was written.
func (t *Table) set(p *flowcache.Packet, digest uint64, flags hash.TCPFlags) {
	p.Digest, p.Flags, p.Class = digest, flags, flowcache.ClassTCP
}

// Pass sweeps the table from one end to the other.
func (t *Table) Pass() {
	t.Sweep(t.Now - time.Minute) // that is how long a pass takes
	t.Sweep(t.Now)
}

func (t *Table) burst(n int) (pinned int) {
	t.bursts++
	t.sticky.RouteBatch(t.routes[:n], t.packets[:n], t.views[:], t.Now+t.bursts%32*t.Sway)
	for _, r := range t.routes[:n] {
		if r.Verdict == flowcache.Pinned {
			pinned++
		}
	}
	return pinned
}

// One routes an ACK of each flow, one by one, digest made included, and returns
// how many met a pin.
func (t *Table) One(keys []hash.FlowKey) (pinned int) {
	for _, k := range keys {
		p := flowcache.Packet{Digest: t.hasher.Hash(k), Flags: hash.ACK, Class: flowcache.ClassTCP}
		if t.sticky.Route(p, t.views[0], t.Now).Verdict == flowcache.Pinned {
			pinned++
		}
	}
	return pinned
}
