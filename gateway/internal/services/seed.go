package services

import (
	"fmt"

	"github.com/ecmp-go/ecmp/selector"
)

// Reseed has the plane take another seed for its hash, and says what that does:
// each flow is placed anew, wherever it was pinned, so that as many stay as
// would by chance. That is one change of all services, and Moved its mean.
func (r *Registry) Reseed(was, is uint64, set func(seed uint64)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	movedBefore, flows := r.moved(), 0
	for _, n := range r.pins() {
		flows += n
	}
	set(is)
	c := Change{What: fmt.Sprintf("seed %d, not %d: every flow is placed anew", is, was), Voided: flows,
		movedBefore: movedBefore}
	for _, s := range r.services {
		v := s.group.Load().View()
		c.Moved += anew(v, v) / float64(len(r.services))
	}
	c.Collateral = c.Moved
	r.log(c)
}

// anew returns the share of the hashes that come to another member, or lose
// theirs, where flows are placed by other hashes than before.
func anew(was, is *selector.View) (moved float64) {
	before, after := was.Shares(), is.Shares()
	for i, m := range was.All() {
		stays := 0.0
		if at, ok := is.Index(m.ID); ok {
			stays = after[at]
		}
		moved += before[i] * (1 - stays)
	}
	return moved
}

// rekeyed reports whether flows of a service that is in force are told apart in
// another way: no pin is found by their hashes any more.
func (t *target) rekeyed() bool { return !t.fresh && t.Key != t.next.Key }
