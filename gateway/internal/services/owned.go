package services

import "github.com/ecmp-go/ecmp/selector"

// An effect is what a change of a group does to flows.
type effect struct {
	is, was           *selector.View // after the change and before; nil: it is not known
	shares            []float64      // of the hashes, by member
	moved, collateral float64        // shares of the hashes
}

// effectOf works out what a change does.
func effectOf(is, was *selector.View) effect {
	e := effect{is: is, was: was, shares: is.Shares()}
	if was.Selector() == nil { // each hash that has a member now had none
		for _, share := range e.shares {
			e.moved += share
		}
		return e
	}
	if d := is.Diff(was); d.Hashes > 0 {
		e.moved = float64(d.Moved) / float64(d.Hashes)
		e.collateral = float64(d.Collateral) / float64(d.Hashes)
	}
	return e
}

// of returns the effect of a change: what was foreseen, if it is of that change.
func (e effect) of(is, was *selector.View) effect {
	if e.is != nil && e.was == was && e.is.Fingerprint() == is.Fingerprint() {
		return e
	}
	return effectOf(is, was)
}

// tellOwned takes down which share of the hashes each member of a service owns,
// and says so of those that own nothing and are due something: where a table is
// small or weights are far apart, a member may get no flow at all.
func (r *Registry) tellOwned(t *target) {
	s, v := t.service, t.group.Load().View()
	shares, due, was := t.of(v, t.from.View()).shares, v.Due(), s.owned
	s.owned = make(map[string]float64, len(shares))
	for i, m := range v.All() {
		s.owned[m.ID] = shares[i]
		if before, told := was[m.ID]; shares[i] == 0 && due[i] > 0 && (!told || before > 0) {
			r.logger.Warn("a member owns nothing: a larger table may help", "service", s.Name, "member", m.ID,
				"due", due[i])
		}
	}
}
