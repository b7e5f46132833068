package selector

import "slices"

// Minimal is a Strategy that may be exactly minimal; it is where Minimal
// reports true. Then, when members join or gain weight from zero, each hash
// stays where it is or goes to one of them, and where only some of them do,
// nothing else moves either. Of a [Rebuilder], this is said of Rebuild. A type
// that wraps a strategy says it by a method of its own: see [Strategy].
type Minimal interface {
	Strategy
	Minimal() bool
}

func minimal(s Strategy) bool {
	m, ok := s.(Minimal)
	return ok && m.Minimal()
}

// Announce announces members that may join soon, or that are drained and may
// get this weight, all at once or one after another. It replaces those
// announced before and changes no placement. From then on [View.Settled] tells
// which hashes no such change would move, and the flow cache pins only flows of
// the others: just-enough tracking (Mendelson et al., "Load balancing with
// JET", CoNEXT 2021). With k of N+k members announced, about k of N+k flows are
// pinned.
//
// The price: flows without a pin do not stay through a drain, a change of other
// weights or the joining of another member, and they move without a report when
// their member leaves. A flap moves them too: those that have a packet while
// their member is down are pinned to another member, as new flows, and stay
// there when it is up again.
//
// Announce publishes a new snapshot of the same version and returns it.
// Announce members before they join, for as long as the flows of that time may
// last. The error is a [*GroupError], with [ErrNotMinimal] if the strategy is
// not [Minimal]. Announce() announces nobody.
func (g *Group[T]) Announce(members ...Member) (*Snapshot[T], error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	old := g.Load()
	if g.closed {
		return nil, g.builder.named(&GroupError{Err: ErrClosed, Index: -1})
	}
	future, err := g.builder.future(&old.view, members)
	if err != nil {
		return nil, g.builder.named(err)
	}
	g.builder.announced = slices.Clone(members)
	v := old.view
	v.future = future
	return g.publish(&v, old.values, g.builder.latest.Load().previous), nil
}

// future returns the selector that would follow that of now's primaries, if
// those announced that are absent or drained joined them. It is nil if there
// are none of them.
func (b *viewBuilder) future(now *View, announced []Member) (*sharedSelector, error) {
	t := now.tierOf(primaryTier)
	members := t.placed
	if len(announced) == 0 {
		return nil, nil
	}
	if !minimal(b.placer.strategy) {
		return nil, &GroupError{Err: ErrNotMinimal, Index: -1}
	}
	if _, err := validateList(announced); err != nil {
		return nil, err
	}
	index := indexByID(members)
	all, joining := slices.Clone(members), false
	for _, m := range announced {
		i, known := index[m.ID]
		switch {
		case m.Weight == 0 || known && members[i].Weight > 0:
			continue
		case known:
			all[i].Weight = m.Weight
		default:
			all = append(all, m)
		}
		joining = true
	}
	if !joining {
		return nil, nil
	}
	if _, err := validateList(all); err != nil {
		return nil, err
	}
	r, ok := t.selector.(Rebuilder)
	if !ok {
		return b.placer.build(b.domain, all)
	}
	prev := make([]int32, len(all))
	for i := range prev {
		prev[i] = int32(i)
		if i >= len(members) {
			prev[i] = -1
		}
	}
	return b.placer.rebuild(r, all, prev)
}

// Settled reports whether hash h, which View.Select gave member i, would stay
// there if members that Group.Announce announced joined. It is false if nobody
// is announced, and for a hash whose own member is down.
func (v *View) Settled(h uint64, i int32) bool {
	return v.future != nil && v.future.selector.Select(h&v.mask) == i && v.Unmarked(h) == i
}
