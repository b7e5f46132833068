package services

import (
	"errors"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/selector"
)

// A ramp is the slow start of a member.
type ramp struct {
	began time.Time
	step  int // that is in force, from 1 on
}

// stepAt returns the step that is due.
func (r ramp) stepAt(c config.Ramp, now time.Time) int {
	passed := min(max(now.Sub(r.began), 0), c.Time)
	return 1 + int(passed*time.Duration(c.Steps-1)/c.Time)
}

// ramping returns the members of a service on its way that have a slow start: of
// those that were on one, who still takes flows, and who joins, or takes flows
// again, beside others that take some. A service that is new has none.
func (t *target) ramping(now time.Time) map[string]ramp {
	if t.next.Ramp.Time == 0 || t.fresh {
		return nil
	}
	was := make(map[string]uint32, len(t.Members))
	for _, m := range t.Members {
		was[m.ID] = m.Weight
	}
	ramps, others := make(map[string]ramp), false
	for _, m := range t.next.Members {
		if m.Weight == 0 {
			continue
		}
		r, on := t.service.ramps[m.ID]
		switch {
		case was[m.ID] == 0:
			ramps[m.ID] = ramp{began: now, step: 1}
		case on:
			if r.step = r.stepAt(t.next.Ramp, now); r.step < t.next.Ramp.Steps {
				ramps[m.ID] = r
			} else {
				others = others || !m.Backup
			}
		default:
			others = others || !m.Backup
		}
	}
	if !others {
		return nil // they share all flows in any case
	}
	return ramps
}

// weights returns the weights of the members of a service while some have a slow
// start. All are then larger by the number of steps, as far as there is room,
// so that the least of them has parts.
func weights(s *config.Service, ramps map[string]ramp) []uint32 {
	list := make([]uint32, len(s.Members))
	sum := uint64(0)
	for i, m := range s.Members {
		list[i] = m.Weight
		sum += uint64(m.Weight)
	}
	if len(ramps) == 0 {
		return list
	}
	steps := uint64(s.Ramp.Steps)
	scale := steps
	if sum*scale > selector.MaxWeight {
		scale = 1
	}
	for i, m := range s.Members {
		whole := uint64(m.Weight) * scale
		list[i] = uint32(whole)
		if r, on := ramps[m.ID]; on && m.Weight > 0 {
			list[i] = uint32(max(1, whole*uint64(r.step)/steps))
		}
	}
	return list
}

// Step does what is due by the clock: each service whose members are on a slow
// start, and due for the next step, is built once; and drains whose time is
// over end. It tries again to undo in the data plane what a failed change left
// there. It is to be called every moment, and cheap if nothing is due.
func (r *Registry) Step() error {
	r.prebuild(func() (*plan, error) { return r.rampsDue(), nil })
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.syncAgain(), r.endDrains(r.Now()), r.stepRamps())
}

func (r *Registry) stepRamps() error {
	p := r.rampsDue()
	if len(p.targets) == 0 {
		return nil
	}
	return r.applied(r.apply(p))
}

// rampsDue plans the next step of the slow starts that are due for it.
func (r *Registry) rampsDue() *plan {
	p := &plan{services: r.services}
	if r.behind {
		return p // Reconcile does all at once
	}
	now := r.Now()
	var due []*service
	for s := range r.ramping {
		for _, on := range s.ramps {
			if on.stepAt(s.Ramp, now) > on.step {
				due = append(due, s)
				break
			}
		}
	}
	for _, s := range r.inOrder(due) {
		p.targets = append(p.targets, target{service: s, next: s.Service})
	}
	return p
}

// tellRamps takes down the slow starts of a service that are in force now, and
// says so of those that ended.
func (r *Registry) tellRamps(t *target) {
	for _, m := range t.next.Members {
		_, was := t.service.ramps[m.ID]
		if _, is := t.ramps[m.ID]; was && !is && m.Weight > 0 {
			r.log(Change{Service: t.next.Name, What: m.ID + " has its whole weight: its slow start is over",
				Version: t.group.Load().View().Version(), movedBefore: r.moved()})
		}
	}
	t.service.ramps = t.ramps
	if delete(r.ramping, t.service); len(t.ramps) > 0 {
		r.ramping[t.service] = true
	}
}
