package plane

import (
	"context"
	"io"
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
	pass  time.Duration // that a sweep through the whole table takes
}

func newTableFlows(t *flowcache.Table, tick time.Duration, seed uint64, now func() int64) *tableFlows {
	m := &tableFlows{table: t, seed: seed, now: now, pass: time.Minute}
	const due = 384 // ticks, for a pass
	if tick > 0 {
		m.pass = min(m.pass, tick*due/3)
	}
	return m
}

// sweepUntil sweeps the table, a little at a time, until ctx ends.
func (m *tableFlows) sweepUntil(ctx context.Context) {
	every := max(m.pass/256, time.Millisecond)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	swept := m.now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := m.now()
		due := int(float64(m.table.Buckets()) * min(1, float64(now-swept)/float64(m.pass)))
		if due > 0 {
			m.table.Sweep(now, due)
			swept = now
		}
	}
}

// Stats implements Flows.
func (m *tableFlows) Stats() FlowStats {
	s := m.table.Stats()
	stats := FlowStats{Capacity: m.table.Cap(), Placed: s.Inserted, Moved: s.Moved, Refused: s.Refused}
	for range m.table.All(m.now()) {
		stats.Flows++
	}
	return stats
}

// Pins implements Flows.
func (m *tableFlows) Pins() map[selector.Slot]int {
	pins := make(map[selector.Slot]int)
	for pin := range m.table.All(m.now()) {
		if pin.Slot != selector.NoSlot {
			pins[pin.Slot]++
		}
	}
	return pins
}

// Save implements Flows.
func (m *tableFlows) Save(w io.Writer) error { return m.table.Save(w, m.seed, m.now()) }

// Restore implements Flows.
func (m *tableFlows) Restore(r io.Reader, groups ...*engine.Group) error {
	views := make([]*selector.View, len(groups))
	for i, g := range groups {
		views[i] = g.Load().View()
	}
	return m.table.Restore(r, m.seed, m.now(), views...)
}
