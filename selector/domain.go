package selector

import (
	"sync"
	"sync/atomic"

	"github.com/ecmp-go/ecmp/internal/slots"
)

// A Domain holds what the groups of one router share: the liveness marks of
// members, the slots by which flow tables name members, and the selectors of
// groups that are alike. A member ID names one next hop in all groups of a
// domain.
//
// A Domain is safe for concurrent use; its zero value is ready, and must not be
// copied. It takes some 100 bytes for each member of its groups. [Group.Close]
// gives back the slots and the name of a group that is dropped.
type Domain struct {
	// Which generation of marks it is, 0 while none is down. Every selection
	// reads it.
	down  atomic.Uint32
	slots slots.Pool

	mu         sync.Mutex
	generation uint32
	marks      weakMap[string, Mark]
	downMarks  map[*Mark]struct{} // keeps marks that are down, which must not be forgotten
	scopes     weakMap[string, scope]
	selectors  weakMap[sharedKey, sharedSelector]
	names      groupNames
}

// NewDomain returns a domain in which every member is up and every slot is
// free.
func NewDomain() *Domain { return new(Domain) }

// Mark returns the liveness mark of the member with this ID in every group of
// the domain, now and later. The member need not exist. Its zero state is up;
// down is kept until SetDown(false), whatever happens to groups meanwhile.
func (d *Domain) Mark(id string) *Mark {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mark(id)
}

// mark is Mark for a caller that holds d.mu.
func (d *Domain) mark(id string) *Mark {
	m := d.marks.get(id)
	if m == nil {
		m = &Mark{domain: d}
		d.marks.put(id, m)
	}
	return m
}

// Marks returns a number that is another one whenever marks are others, of
// members or of groups, and 0 while nobody is down. It is for the data planes of
// this module alone.
func (d *Domain) Marks(slots.Insider) uint32 { return d.down.Load() }

// groupNames finds the groups that have members by name.
type groupNames map[string]*viewBuilder

// take lets a group with members have its name, and lets go of that of one
// without.
func (n *groupNames) take(b *viewBuilder, members bool) error {
	if err := n.check(b, members); err != nil {
		return err
	}
	switch owner := (*n)[b.name]; {
	case owner == nil && members:
		if *n == nil {
			*n = make(groupNames)
		}
		(*n)[b.name] = b
	case owner == b && !members:
		delete(*n, b.name)
	}
	return nil
}

// check reports whether a group can have its name.
func (n *groupNames) check(b *viewBuilder, members bool) error {
	if owner := (*n)[b.name]; members && owner != nil && owner != b {
		return &GroupError{Err: ErrGroupName, Index: -1}
	}
	return nil
}
