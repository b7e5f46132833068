package selector

import (
	"errors"
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

	// Backup: the member takes flows only while every other is down or drained.
	// Backups share them by the same strategy. When others are back, new flows
	// go to them again, and a flow table leaves the flows of backups there.
	Backup bool
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
	//
	// A flow whose member left its group, and is in another one of the scope,
	// is Rebalanced and not Moved: for routers that is no loss. A load balancer
	// whose scopes are for affinity treats it as Moved: the new server does not
	// know the connection.
	Scope string

	// AllDown says what becomes of flows while every member is down, backups
	// included. It is no part of a fingerprint, as marks are none.
	AllDown AllDown
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
	given   []int32 // the members of the newest snapshot in the order given; nil: as they are there
	closed  bool
	current atomic.Pointer[Snapshot[T]]
}

// NewGroup returns a group without members. A flow table serves the groups of
// its domain only, so a router has one domain for all. The error is a
// [*GroupError] with [ErrNoDomain] or [ErrNoStrategy], or what the strategy
// refuses without members, such as a table size. ErrParameter is of an unknown
// AllDown.
func NewGroup[T any](d *Domain, c GroupConfig) (*Group[T], error) {
	g := &Group[T]{builder: viewBuilder{name: c.Name, domain: d, salt: c.salt(), allDown: c.AllDown}}
	if d == nil {
		return nil, g.builder.named(&GroupError{Err: ErrNoDomain, Index: -1})
	}
	var err error
	if g.builder.placer, err = newPlacer(c.Strategy); err != nil {
		return nil, g.builder.named(err)
	}
	if c.AllDown > UseAll {
		return nil, g.builder.named(&GroupError{
			Err: ErrParameter, Index: -1, Value: uint64(c.AllDown), Limit: uint64(UseAll),
		})
	}
	g.builder.scope = d.scope(c.Scope)
	g.publish(g.builder.empty(), nil, nil)
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
// the old one plus 1. Hops are copied. They may come in any order, and
// snapshots hold them sorted by ID, unless the strategy is [Ordered]. Without
// hops, or if all are drained, the group is valid and no hash has a member. A
// member that stays keeps its slot; so does one that comes back soon with its
// incarnation.
//
// An invalid list is a [*GroupError], or an error of the strategy, and leaves
// the group as it was. So does a name that another group with members has,
// [ErrGroupName]. Update takes the time of the strategy's Build, unless the
// domain has a group of the same strategy and members already.
func (g *Group[T]) Update(hops []Hop[T]) (*Snapshot[T], error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	version, err := g.nextVersion()
	if err != nil {
		return nil, err
	}
	return g.replace(version, g.builder.placer, hops, ownChange)
}

// UpdateAt is Update with a version from elsewhere, such as the revision of a
// replicated log, for routers that share flows: the change is not settled
// before [Group.Settle] is called. The error is a [*GroupError] with
// [ErrVersion] if it is not greater than that of the newest snapshot.
func (g *Group[T]) UpdateAt(version uint64, hops []Hop[T]) (*Snapshot[T], error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.checkVersion(version); err != nil {
		return nil, err
	}
	return g.replace(version, g.builder.placer, hops, sharedChange)
}

// nextVersion returns the version after that of the newest snapshot.
func (g *Group[T]) nextVersion() (uint64, error) {
	version := g.Load().version
	if version < math.MaxUint64 {
		version++
	}
	return version, g.checkVersion(version)
}

// checkVersion reports whether a snapshot of this version can be published.
func (g *Group[T]) checkVersion(version uint64) error {
	old := g.Load().version
	switch {
	case g.closed:
		return g.builder.named(&GroupError{Err: ErrClosed, Index: -1})
	case version <= old:
		return g.builder.named(&GroupError{Err: ErrVersion, Index: -1, Value: version, Limit: old})
	}
	return nil
}

// A change is this router's own, which is settled at once, or one that several
// routers make.
type change bool

const (
	ownChange    change = false
	sharedChange change = true
)

// replace publishes the hops, as p places them.
func (g *Group[T]) replace(version uint64, p *placer, hops []Hop[T], c change) (*Snapshot[T], error) {
	d, err := g.draft(version, p, hops)
	if err != nil {
		return nil, err
	}
	b, old := &g.builder, &g.Load().view
	if err := b.join(d.view, old); err != nil {
		return nil, b.named(err)
	}
	var before *View
	if c == sharedChange {
		before = b.unsettled(d.view, old)
	}
	g.given, b.placer, b.planned = d.given, p, nil
	s := g.publish(d.view, d.values, before)
	b.domain.retire(old, d.view)
	return s, nil
}

// A draft is a snapshot on its way.
type draft[T any] struct {
	view   *View // without marks and slots
	values []T
	given  []int32
}

func (g *Group[T]) draft(version uint64, p *placer, hops []Hop[T]) (d draft[T], err error) {
	b := &g.builder
	members := membersOf(hops)
	order, err := validateList(members)
	if err != nil {
		return d, b.named(err)
	}
	if !p.ordered && !slices.IsSorted(order) {
		given := make([]int32, len(hops))
		sorted := make([]Hop[T], len(hops))
		for i, k := range order {
			sorted[i], members[i], given[k] = hops[k], hops[k].member(), int32(i)
		}
		hops, d.given = sorted, given
	}
	d.values = make([]T, len(hops))
	for i := range hops {
		d.values[i] = hops[i].Value
	}
	if d.view, err = b.draft(&g.Load().view, p, members, backupsOf(hops), version); err != nil {
		err = b.named(err)
		if e, ok := errors.AsType[*GroupError](err); ok && e.Index >= 0 && d.given != nil {
			e.Index = order[e.Index] // where the caller gave it
		}
		return d, err
	}
	d.view.incarnations = incarnationsOf(hops)
	return d, nil
}

// publish makes a snapshot of a copy of v; before is the view that it keeps
// until Settle. The copy is the latest view before anyone can load the
// snapshot: see [View.Latest].
func (g *Group[T]) publish(v *View, values []T, before *View) *Snapshot[T] {
	s := &Snapshot[T]{view: *v, values: values}
	g.builder.latest.Store(&newest{&s.view, before})
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
