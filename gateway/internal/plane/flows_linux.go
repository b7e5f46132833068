package plane

import (
	"context"
	"io"
	"iter"
	"sync"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/selector"
)

// tableFlows is a flow table as the Flows of a plane.
type tableFlows struct {
	table *flowcache.Table
	seed  uint64
	now   func() int64
	every time.Duration // between sweeps

	mu       sync.Mutex
	released map[releasing]released
}

// A releasing is a member that loses flows; released is where the table was
// told of it.
type (
	releasing struct {
		group  *engine.Group
		member string
	}
	released struct {
		view   *selector.View
		member int32
	}
)

func newTableFlows(t *flowcache.Table, seed uint64, now func() int64) *tableFlows {
	const most = time.Second / 4
	return &tableFlows{table: t, seed: seed, now: now, every: max(min(t.Config().Tick, most), time.Millisecond)}
}

// sweepUntil sweeps the table, a little at a time, until ctx ends.
func (m *tableFlows) sweepUntil(ctx context.Context) {
	ticker := time.NewTicker(m.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		m.table.Sweep(time.Duration(m.now()))
	}
}

// Stats implements Flows.
func (m *tableFlows) Stats() FlowStats {
	stats := m.Counts()
	for range m.table.All(time.Duration(m.now())) {
		stats.Flows++
	}
	return stats
}

// Counts is Stats without the number of flows, which reads all of them.
func (m *tableFlows) Counts() FlowStats {
	s := m.table.Stats()
	return FlowStats{
		Capacity: m.table.Cap(), Placed: s.Inserted, Moved: s.Moved, Refused: s.Refused,
		Detoured: s.Detoured, Rebalanced: s.Rebalanced, Evicted: s.Evicted, Expired: s.Expired,
	}
}

// Moved implements Flows.
func (m *tableFlows) Moved() uint64 { return m.table.Stats().Moved }

// All implements Flows.
func (m *tableFlows) All() iter.Seq[flowcache.Pin] { return m.table.All(time.Duration(m.now())) }

// Life implements Flows.
func (m *tableFlows) Life(s flowcache.State) (name string, timeout time.Duration) {
	c := m.table.Config()
	return m.table.StateName(s), timeoutOf(&c, s)
}

func (m *tableFlows) peek(p flowcache.Packet, v *selector.View) (flowcache.Route, flowcache.Pin, bool) {
	return m.table.Peek(p, v, time.Duration(m.now()))
}

// Pins implements Flows.
func (m *tableFlows) Pins() map[selector.Slot]int {
	return m.table.PinsBySlot(time.Duration(m.now()))
}

// never is longer than any gateway runs.
const never = 50 * 365 * 24 * time.Hour

// Release implements Flows.
func (m *tableFlows) Release(list []Release) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept := m.released
	m.released = make(map[releasing]released, len(list))
	for _, r := range list {
		v := r.Group.Load().View()
		i, ok := v.Index(r.Member)
		if !ok {
			continue
		}
		of := releasing{r.Group, r.Member}
		delete(kept, of)
		m.released[of] = released{v, i}
		m.release(v, i, r.Which)
	}
	for _, was := range kept {
		m.release(was.view, was.member, Kept)
	}
	return nil
}

// release tells the table. A release of a table goes on until a deadline: in
// the third quarter of the time, flows without a connection move.
func (m *tableFlows) release(v *selector.View, member int32, which Released) {
	began := time.Duration(m.now())
	var c flowcache.ReleaseConfig
	switch which {
	case Kept:
		c.Deadline = never
	case Connectionless:
		c.Deadline = never
		began -= never / 2
	}
	m.table.Release(v, member, c, began)
}

// Save implements Flows.
func (m *tableFlows) Save(w io.Writer) error { return m.table.Save(w, m.seed, time.Duration(m.now())) }

// Restore implements Flows. Members are found by ID, whatever the groups.
func (m *tableFlows) Restore(r io.Reader, _ ...*engine.Group) error {
	_, err := m.table.Restore(r, m.seed, time.Duration(m.now()))
	return err
}
