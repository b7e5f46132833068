package selector

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// A Hop is a member of a group with its payload.
type Hop[T any] struct {
	ID     string // as in Member
	Weight uint32 // as in Member
	Value  T      // what the router needs to send to it, an adjacency say

	// Incarnation tells members apart that have one ID one after another. A
	// member that comes back with the incarnation that it had is the same; with
	// another it is new, and the flows of the old one move. 0 suits next hops,
	// whose routes come and go. For pods take a hash of the pod's UID.
	Incarnation uint64
}

func (h *Hop[T]) member() Member { return Member{ID: h.ID, Weight: h.Weight} }

// GroupConfig describes a group.
type GroupConfig struct {
	// Name tells the group's flows from those of others in a shared flow table.
	// It is unique among the groups of a domain that have members.
	Name     string
	Strategy Strategy // required

	// Scope names the groups that share flows: a pin made through one of them
	// is found through the others. Use one where prefixes go from group to
	// group, or where a client is to stay at a server over several services.
	// Empty: the group shares its flows with no other.
	Scope string
}

// A Group is a live set of members with payloads of type T. It publishes
// immutable snapshots: Load is one atomic load, and an Update builds a new
// snapshot and swaps it in.
//
// A Group is made by [NewGroup], and safe for concurrent use by any number of
// readers and writers. Writers wait for each other; readers never wait.
type Group[T any] struct {
	mu      sync.Mutex // held by writers
	builder viewBuilder
	current atomic.Pointer[Snapshot[T]]
}

// NewGroup returns a group without members. A flow table serves the groups of
// its domain only, so a router has one domain for all. The error is a
// [*GroupError] with [ErrNoDomain] or [ErrNoStrategy].
func NewGroup[T any](d *Domain, c GroupConfig) (*Group[T], error) {
	switch {
	case d == nil:
		return nil, &GroupError{Err: ErrNoDomain, Group: c.Name, Index: -1}
	case c.Strategy == nil:
		return nil, &GroupError{Err: ErrNoStrategy, Group: c.Name, Index: -1}
	}
	g := &Group[T]{builder: viewBuilder{
		GroupConfig: c,
		domain:      d,
		sharable:    sharable(c.Strategy),
		ordered:     ordered(c.Strategy),
		scope:       d.scope(c.Scope),
		salt:        c.salt(),
	}}
	g.publish(g.builder.empty(), nil)
	return g, nil
}

// Load returns the newest snapshot; never nil. Load once for a burst of
// packets, and use one snapshot for all of it.
func (g *Group[T]) Load() *Snapshot[T] { return g.current.Load() }

// Salt returns what the flow cache mixes into the digests of the group's flows,
// so that scopes can share a table: an XXH64 of the name of its scope. It never
// changes.
func (g *Group[T]) Salt() uint64 { return g.builder.salt }

// Domain returns the domain of the group.
func (g *Group[T]) Domain() *Domain { return g.builder.domain }

// Update replaces the members and returns the new snapshot, whose version is
// the old one plus 1. Hops may come in any order, and snapshots hold them
// sorted by ID, unless the strategy is [Ordered]. Without hops, or if all are
// drained, the group is valid and no hash has a member. A member that stays
// keeps its slot; so does one that comes back soon with its incarnation.
//
// An invalid list is a [*GroupError], or an error of the strategy, and leaves
// the group as it was. So does a name that another group with members has,
// [ErrGroupName]. Update takes the time of the strategy's Build, unless the
// domain has a group of the same strategy and members already.
func (g *Group[T]) Update(hops []Hop[T]) (*Snapshot[T], error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	version := g.Load().view.version
	if version == math.MaxUint64 {
		return nil, &GroupError{Err: ErrVersion, Index: -1, Value: version, Limit: version}
	}
	return g.update(version+1, hops)
}

// UpdateAt is Update with a version from elsewhere, such as the revision of a
// replicated log. The error is a [*GroupError] with [ErrVersion] if it is not
// greater than that of the newest snapshot.
func (g *Group[T]) UpdateAt(version uint64, hops []Hop[T]) (*Snapshot[T], error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if old := g.Load().view.version; version <= old {
		return nil, &GroupError{Err: ErrVersion, Index: -1, Value: version, Limit: old}
	}
	return g.update(version, hops)
}

func (g *Group[T]) update(version uint64, hops []Hop[T]) (*Snapshot[T], error) {
	if err := validateHops(hops); err != nil {
		return nil, err
	}
	if !g.builder.ordered {
		hops = slices.Clone(hops)
		slices.SortFunc(hops, func(a, b Hop[T]) int { return cmp.Compare(a.ID, b.ID) })
	}
	values := make([]T, len(hops))
	for i, h := range hops {
		values[i] = h.Value
	}
	old := &g.Load().view
	v, err := g.builder.next(old, membersOf(hops), incarnationsOf(hops), version)
	if err != nil {
		return nil, err
	}
	s := g.publish(v, values)
	v.domain.retire(old, v)
	return s, nil
}

// publish makes a snapshot of a copy of v. The copy is the latest view before
// anyone can load the snapshot: see [View.Latest].
func (g *Group[T]) publish(v *View, values []T) *Snapshot[T] {
	s := &Snapshot[T]{view: *v, values: values}
	g.builder.latest.Store(&s.view)
	g.current.Store(s)
	return s
}

func membersOf[T any](hops []Hop[T]) []Member {
	members := make([]Member, len(hops))
	for i := range hops {
		members[i] = hops[i].member()
	}
	return members
}

// incarnationsOf returns nil if all are 0.
func incarnationsOf[T any](hops []Hop[T]) []uint64 {
	var list []uint64
	for i := range hops {
		if hops[i].Incarnation != 0 && list == nil {
			list = make([]uint64, len(hops))
		}
		if list != nil {
			list[i] = hops[i].Incarnation
		}
	}
	return list
}

func validateHops[T any](hops []Hop[T]) error {
	_, err := validateList(membersOf(hops))
	return err
}
