package services

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
)

// changeLog has the log of the cluster changed. It says who drained what is
// drained then, and nothing of drains that are no more.
func (r *Registry) changeLog(service string, change ChangeMembers) error {
	return r.Cluster.Change(r.by, service, func(l Logged) ([]config.Member, error) {
		was := make(map[string]uint32, len(l.Members))
		for _, m := range l.Members {
			was[m.ID] = m.Weight
		}
		next, err := change(l)
		if err != nil {
			return nil, err
		}
		held := make(map[string]Drain, len(l.Drains))
		for _, m := range next {
			drain, ok := l.Drains[m.ID]
			if weight, there := was[m.ID]; !ok && (!there || weight > 0) {
				drain, ok = Drain{By: r.by, At: r.Now()}, true
			}
			if ok && m.Weight == 0 {
				held[m.ID] = drain
			}
		}
		clear(l.Drains)
		maps.Copy(l.Drains, held)
		return next, nil
	})
}

// drainOfCluster is DrainUntil for a service of the cluster: the drain and its
// end are one entry of the log.
func (r *Registry) drainOfCluster(service, id string, end Until) error {
	tells, err := r.tellsEnd(service, end)
	if err != nil {
		return err
	}
	return r.changeLog(service, func(l Logged) ([]config.Member, error) {
		next, err := withDrained(l.Members, id)
		if err != nil {
			return nil, err
		}
		drain, ok := l.Drains[id]
		if !ok {
			drain = Drain{By: r.by, At: r.Now()}
		}
		if !drain.endsAs(end) {
			drain.Until, drain.Ended, drain.UDPEnded, drain.EndBy = end, time.Time{}, time.Time{}, r.by
		}
		l.Drains[id] = drain.endedBy(r.Now(), tells) // at once, if it is to
		return next, nil
	})
}

// tellsEnd reports whether flows without a connection can be told from others in
// a service. If an end is given for them and they can't, that is the error.
func (r *Registry) tellsEnd(service string, end Until) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.find(service)
	if err != nil {
		return false, err
	}
	return s.tellsUDP(), s.checkEnd(end)
}

// EndOverdue writes to the log of the cluster which drains have ended by the
// clock here. It asks what the log says at that moment, so of the gateways that
// come to it one writes it, once, and a drain that was given another end, or
// was undone, goes by that. Nothing ends here before it is in the log.
func (r *Registry) EndOverdue() error {
	var errs []error
	for service, tells := range r.overdue(r.Now()) {
		errs = append(errs, r.By("clock").changeLog(service, func(l Logged) ([]config.Member, error) {
			for id, drain := range l.Drains {
				l.Drains[id] = drain.endedBy(r.Now(), tells)
			}
			return l.Members, nil
		}))
	}
	return errors.Join(errs...)
}

// overdue returns the services of the cluster with a drain that is to end by
// now, and has not, and whether they know flows without a connection.
func (r *Registry) overdue(now time.Time) map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	services := make(map[string]bool)
	for name, drains := range r.drains {
		s, err := r.find(name)
		if err != nil || !r.inCluster(s) {
			continue
		}
		for _, drain := range drains {
			if drain.endedBy(now, s.tellsUDP()) != drain {
				services[name] = s.tellsUDP()
			}
		}
	}
	return services
}

// endedBy returns the drain with what has ended by now, for flows without a
// connection too if they can be told from others.
func (d Drain) endedBy(now time.Time, tellsUDP bool) Drain {
	switch which := d.due(now); {
	case which == plane.Everything && d.Ended.IsZero():
		d.Ended = now
	case which == plane.Connectionless && d.UDPEnded.IsZero() && tellsUDP:
		d.UDPEnded = now
	}
	return d
}

// followDrains takes over the drains of the log, and says in the history what is
// new of them. An older gateway writes drains without saying who made them: these
// have no end.
func (r *Registry) followDrains(service string, before []config.Member, l Logged) {
	known := r.drains[service]
	r.holdDrains(service, before, l.Members)
	for _, m := range l.Members {
		drain, ok := l.Drains[m.ID]
		held, is := r.drains[service][m.ID]
		switch {
		case m.Weight > 0 || !ok && !is:
			continue
		case !ok:
			drain = Drain{By: held.By, At: held.At}
		}
		was := known[m.ID]
		if was.At.Equal(drain.At) {
			drain.Flows = was.Flows
		}
		r.drains.add(service, m.ID, drain)
		if drain.Flows == 0 && !was.At.Equal(drain.At) {
			r.drainBegan(service, m.ID)
		}
		r.tellDrain(service, m.ID, was, drain)
	}
	_ = r.endDrains(r.Now()) // Step tries again
}

// tellDrain says in the history what became of the end of a drain.
func (r *Registry) tellDrain(service, id string, was, is Drain) {
	if !was.endsAs(is.Until) {
		what := fmt.Sprintf("%s is drained %s", id, is.text())
		if was.Until != (Until{}) {
			what += ", not " + was.text()
		}
		r.By(is.EndBy).log(Change{Service: service, What: what, movedBefore: r.moved()})
	}
	if is.over() > was.over() || is.over() > plane.Kept && !was.endsAs(is.Until) {
		r.tellEnd(service, id, is)
	}
}

// endsAs reports whether o is the same end, wherever its times were read from.
func (u Until) endsAs(o Until) bool {
	return u.Deadline.Equal(o.Deadline) && u.UDP.Equal(o.UDP)
}
