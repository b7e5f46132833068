package services

import (
	"math"
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/selector"
)

// MemberFlows tells of the flows that are pinned to a member of a service.
type MemberFlows struct {
	Service string `json:"service"`
	Member  string `json:"member"`
	State   State  `json:"state"`
	Flows   int    `json:"flows"`

	States []FlowState `json:"states"` // those that have any, in the order of package flowcache
	Ages   []FlowAges  `json:"ages"`   // by the time since the last packet

	// how long until there is none, if none of them sends any more
	Silent float64 `json:"emptyIfSilentSeconds"`
	Drain  *Ending `json:"drain,omitempty"` // nil: it is not drained over HTTP or the page
}

// A FlowState counts flows in one state of a pin.
type FlowState struct {
	State   string  `json:"state"`
	Timeout float64 `json:"timeoutSeconds"`
	Flows   int     `json:"flows"`
}

// FlowAges counts flows whose last packet came within a time, 0 for any, and
// not within that of the entry before.
type FlowAges struct {
	Within float64 `json:"withinSeconds,omitempty"`
	Flows  int     `json:"flows"`
}

// An Ending is how far a drain is.
type Ending struct {
	Since time.Time `json:"since"`
	By    string    `json:"by,omitempty"`
	Began int       `json:"began"` // flows when it began
	Until
	// how long until half of those that are left are gone, at the pace since it
	// began; 0: no pace is known
	Half float64 `json:"halfSeconds,omitempty"`
	// and until all are; an estimate, as pace goes down: long flows last
	Empty float64 `json:"emptySeconds,omitempty"`
}

// A scan of the flow table pauses after so many flows, so that it takes the
// processor from nobody for long.
const (
	scanPiece = 1 << 16
	scanPause = time.Millisecond
)

// MemberFlows counts the flows of a member by one pass over the flow table, in
// pieces and without a lock: neither packets nor changes wait for it.
func (r *Registry) MemberFlows(service, id string) (MemberFlows, error) {
	m := MemberFlows{Service: service, Member: id, States: []FlowState{}, Ages: flowAges()}
	slot, drain, err := r.pinsOf(&m)
	flows := r.plane.Flows()
	if err != nil || flows == nil || slot == selector.NoSlot {
		return m, err
	}
	var states [flowcache.States]FlowState
	for s := range states {
		name, timeout := flows.Life(flowcache.State(s))
		states[s] = FlowState{State: name, Timeout: timeout.Seconds()}
	}
	scanned := 0
	for pin := range flows.All() {
		if scanned++; scanned%scanPiece == 0 {
			time.Sleep(scanPause)
		}
		if pin.Slot != slot {
			continue
		}
		m.Flows++
		state, age := &states[pin.State], pin.Age.Seconds()
		state.Flows++
		i := slices.IndexFunc(m.Ages, func(a FlowAges) bool { return a.Within == 0 || age <= a.Within })
		m.Ages[i].Flows++
		m.Silent = max(m.Silent, state.Timeout-age)
	}
	m.States = slices.DeleteFunc(states[:], func(s FlowState) bool { return s.Flows == 0 })
	if drain != nil {
		m.Drain = drain.Ending(m.Flows, time.Now())
	}
	return m, nil
}

// flowAges returns the classes of ages, all empty.
func flowAges() []FlowAges {
	return []FlowAges{{Within: 1}, {Within: 10}, {Within: 60}, {Within: 600}, {Within: 3600}, {}}
}

// pinsOf finds the slot that the pins of a member have, and its drain.
func (r *Registry) pinsOf(m *MemberFlows) (selector.Slot, *Drain, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.find(m.Service)
	if err != nil {
		return selector.NoSlot, nil, err
	}
	if _, err := s.find(m.Member); err != nil {
		return selector.NoSlot, nil, err
	}
	m.State = r.stateOf(s, s.member(m.Member))
	slot := selector.NoSlot
	v := s.group.Load().View()
	if i, ok := v.Index(m.Member); ok {
		slot = v.Slot(i)
	}
	if drain, ok := r.drains[m.Service][m.Member]; ok {
		return slot, &drain, nil
	}
	return slot, nil, nil
}

// Ending says how far a drain is with so many flows left.
func (d *Drain) Ending(left int, now time.Time) *Ending {
	e := &Ending{Since: d.At, By: d.By, Began: d.Flows, Until: d.Until}
	if left == 0 || left >= d.Flows {
		return e
	}
	e.Half = now.Sub(d.At).Seconds() * math.Ln2 / math.Log(float64(d.Flows)/float64(left))
	e.Empty = e.Half * (1 + math.Log2(float64(left)))
	return e
}
