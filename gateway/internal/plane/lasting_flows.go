package plane

import (
	"io"
	"iter"
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/selector"
)

// lastingFlows are the flows of a Lasting. Who reads all of them holds nobody
// up but the end of the plane.
type lastingFlows struct{ *Lasting }

// present returns the flows of the plane that there is; nil if there is none.
// The caller holds scans.
func (f lastingFlows) present() Flows {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.plane == nil {
		return nil
	}
	return f.plane.Flows()
}

// Stats implements Flows.
func (f lastingFlows) Stats() FlowStats {
	f.scans.RLock()
	defer f.scans.RUnlock()
	flows := f.present()
	f.mu.Lock()
	was, now := f.flowsWas, f.flowsNow
	f.mu.Unlock()
	if flows == nil {
		was.Capacity, was.Flows = now.Capacity, now.Flows
		return was
	}
	return was.plus(flows.Stats())
}

// Moved implements Flows.
func (f lastingFlows) Moved() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.plane == nil {
		return f.flowsWas.Moved
	}
	return f.flowsWas.Moved + f.plane.Flows().Moved()
}

// All implements Flows.
func (f lastingFlows) All() iter.Seq[flowcache.Pin] {
	return func(yield func(flowcache.Pin) bool) {
		f.scans.RLock()
		defer f.scans.RUnlock()
		if flows := f.present(); flows != nil {
			flows.All()(yield)
		}
	}
}

// Life implements Flows. While there is no plane it knows nothing.
func (f lastingFlows) Life(s flowcache.State) (name string, timeout time.Duration) {
	f.scans.RLock()
	defer f.scans.RUnlock()
	if flows := f.present(); flows != nil {
		return flows.Life(s)
	}
	return s.String(), 0
}

// Pins implements Flows.
func (f lastingFlows) Pins() map[selector.Slot]int {
	f.scans.RLock()
	defer f.scans.RUnlock()
	if flows := f.present(); flows != nil {
		return flows.Pins()
	}
	return map[selector.Slot]int{}
}

// Release implements Flows. The next plane is told of it, too.
func (f lastingFlows) Release(list []Release) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.plane != nil {
		if err := f.plane.Flows().Release(list); err != nil {
			return err
		}
	}
	f.released = slices.Clone(list)
	return nil
}

// Save implements Flows.
func (f lastingFlows) Save(w io.Writer) error {
	f.scans.RLock()
	defer f.scans.RUnlock()
	f.mu.Lock()
	present, kept := f.plane, f.flows
	f.mu.Unlock()
	if present == nil {
		_, err := w.Write(kept)
		return err
	}
	return present.Flows().Save(w)
}

// Restore implements Flows.
func (f lastingFlows) Restore(r io.Reader, groups ...*engine.Group) (err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.plane == nil {
		f.flows, err = io.ReadAll(r)
		return err
	}
	return f.plane.Flows().Restore(r, groups...)
}
