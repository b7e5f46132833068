package services

import "fmt"

// Reseed has the plane take another seed for its hash, and says what that does:
// each flow is placed anew, wherever it was pinned, so that as many stay as
// would by chance.
func (r *Registry) Reseed(was, is uint64, set func(seed uint64)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	movedBefore, flows := r.moved(), 0
	for _, n := range r.pins() {
		flows += n
	}
	set(is)
	for _, s := range r.services {
		stay := 0.0
		for _, share := range s.group.Load().View().Shares() {
			stay += share * share
		}
		r.log(Change{Service: s.Name, What: fmt.Sprintf("seed %d, not %d: every flow is placed anew", is, was),
			Version: s.group.Load().View().Version(), Moved: 1 - stay, Collateral: 1 - stay, movedBefore: movedBefore})
	}
	if n := len(r.changes); n > 0 {
		r.changes[n-1].Voided = flows
	}
}
