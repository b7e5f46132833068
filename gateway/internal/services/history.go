package services

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/selector"
)

// A Change is something that happened to a service, and what it did to flows.
type Change struct {
	At      time.Time `json:"at"`
	Service string    `json:"service,omitempty"` // empty: all
	What    string    `json:"what"`
	By      string    `json:"by,omitempty"`      // who, and by which way: see [Registry.By]
	Version uint64    `json:"version,omitempty"` // of the group, from then on
	// share of the hashes whose member is another one, hence of new flows and
	// those without pin
	Moved      float64 `json:"moved"`
	Collateral float64 `json:"collateral"` // share of the hashes that moved without need
	// flows whose member left, or whose pin no packet finds any more, since flows
	// are told apart in another way or by another hash
	Voided int `json:"voided"`
	// flows that came to another member since, until the next change
	FlowsMoved uint64 `json:"flowsMoved"`
	// of a failure: flows whose packets go to other members until it ends, and
	// all flows that there were
	Detoured int `json:"detoured,omitempty"`
	Flows    int `json:"flows,omitempty"`

	movedBefore uint64
}

const maxChanges = 50

// log adds a change to the history. MovedBefore is what [Registry.moved]
// returned before it was in force.
func (r *Registry) log(c Change) {
	c.At, c.By = time.Now(), r.by
	r.logger.Info(c.What, "service", c.Service, "by", c.By, "version", c.Version, "voided", c.Voided)
	if n := len(r.changes); n > 0 {
		r.changes[n-1].FlowsMoved = c.movedBefore - r.changes[n-1].movedBefore
	}
	r.changes = append(r.changes, c)
	r.changes = r.changes[max(0, len(r.changes)-maxChanges):]
}

// history returns the changes, the newest first.
func (r *Registry) history(moved uint64) []Change {
	list := append([]Change{}, r.changes...)
	slices.Reverse(list)
	if len(list) > 0 {
		list[0].FlowsMoved = moved - list[0].movedBefore
	}
	return list
}

// moved returns how many flows have changed their member so far.
func (r *Registry) moved() uint64 {
	if f := r.plane.Flows(); f != nil {
		return f.Moved()
	}
	return 0
}

// record logs what became of a service.
func (r *Registry) record(t *target, voided int, movedBefore uint64) {
	what := describe(t.Service, t.next)
	if what == "" {
		return
	}
	what += t.note
	for id := range t.ramps {
		if _, before := t.service.ramps[id]; !before {
			what += fmt.Sprintf(" (slow start, %s in %d steps)", t.next.Ramp.Time, t.next.Ramp.Steps)
			break
		}
	}
	now := t.group.Load()
	c := Change{Service: t.next.Name, What: what, Version: now.View().Version(), Voided: voided,
		movedBefore: movedBefore}
	if now != t.from {
		d := t.of(now.View(), t.from.View())
		c.Moved, c.Collateral = d.moved, d.collateral
	}
	if t.rekeyed() {
		need := c.Moved - c.Collateral
		c.Moved = anew(t.from.View(), now.View())
		c.Collateral = max(c.Moved-need, 0)
	}
	r.log(c)
}

// describe says what differs between two states of a service. It is empty if
// they are equal.
func describe(was, is config.Service) string {
	var parts []string
	before := make(map[string]config.Member)
	for _, m := range was.Members {
		before[m.ID] = m
	}
	for _, m := range is.Members {
		o, ok := before[m.ID]
		delete(before, m.ID)
		switch {
		case !ok:
			parts = append(parts, m.ID+" joined")
		case o.Weight != m.Weight && m.Weight == 0:
			parts = append(parts, m.ID+" drained")
		case o.Weight != m.Weight && o.Weight == 0:
			parts = append(parts, m.ID+" takes flows again")
		case o.Weight != m.Weight:
			parts = append(parts, fmt.Sprintf("%s weighs %d, not %d", m.ID, m.Weight, o.Weight))
		}
		switch {
		case ok && m.Backup && !o.Backup:
			parts = append(parts, m.ID+" is a backup now")
		case ok && !m.Backup && o.Backup:
			parts = append(parts, m.ID+" is no backup any more")
		}
		if ok && (o.Dev != m.Dev || o.MAC != m.MAC || o.Addr != m.Addr || o.Tunnel != m.Tunnel) {
			parts = append(parts, m.ID+" is elsewhere")
		}
	}
	for _, m := range was.Members {
		if _, ok := before[m.ID]; ok {
			parts = append(parts, m.ID+" left")
		}
	}
	if was.Strategy != nil && was.Strategy != is.Strategy {
		parts = append(parts, fmt.Sprintf("placed by %v, not %v", is.Strategy, was.Strategy))
	}
	if was.Strategy != nil && was.Ramp != is.Ramp {
		parts = append(parts, "another slow start")
	}
	if was.Strategy != nil && was.Panic != is.Panic {
		parts = append(parts, fmt.Sprintf("panic below %d %%, not %d %%", is.Panic, was.Panic))
	}
	if was.Strategy != nil && !reflect.DeepEqual(was.Check, is.Check) {
		parts = append(parts, "checked in another way")
	}
	if !slices.Equal(was.Prefixes, is.Prefixes) && was.Prefixes != nil {
		parts = append(parts, "prefixes changed")
	}
	if was.Prefixes != nil && was.Key != is.Key {
		parts = append(parts, fmt.Sprintf("flows told apart by %s, not %s: all are placed anew", is.Key, was.Key))
	}
	if was.Prefixes != nil && (was.Protocol != is.Protocol || !slices.Equal(was.Ports, is.Ports)) {
		parts = append(parts, "ports changed")
	}
	const most = 8
	if n := len(parts) - most; n > 1 {
		parts = append(parts[:most], fmt.Sprintf("and %d more", n))
	}
	return strings.Join(parts, ", ")
}

// pinsLost returns how many flows of each service have a member that is not
// there next, or a key that is not.
func (r *Registry) pinsLost(p *plan) map[string]int {
	lost := make(map[string]int)
	var pins map[selector.Slot]int
	add := func(s *service, stays map[string]bool) {
		v := s.group.Load().View()
		for i, m := range v.All() {
			if stays[m.ID] {
				continue
			}
			if pins == nil {
				pins = r.pins()
			}
			lost[s.Name] += pins[v.Slot(i)]
		}
	}
	for i := range p.targets {
		t := &p.targets[i]
		stays := make(map[string]bool, len(t.next.Members))
		for _, m := range t.next.Members {
			stays[m.ID] = !t.rekeyed()
		}
		add(t.service, stays)
	}
	for _, s := range p.removed {
		add(s, nil)
	}
	return lost
}

// pins returns the number of flows by slot; none without stickiness.
func (r *Registry) pins() map[selector.Slot]int {
	if f := r.plane.Flows(); f != nil {
		return f.Pins()
	}
	return map[selector.Slot]int{}
}
