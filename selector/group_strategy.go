package selector

// SetStrategy changes the strategy and returns the new snapshot, whose version
// is the old one plus 1. Members, slots and pins stay: a flow table keeps
// established flows where they are, and only new ones follow the new strategy.
// So a group gets another algorithm, table size or seed while it carries
// traffic.
//
// The selector is built from the members alone: a [Rebuilder] begins its
// history anew. For an [Ordered] strategy they have the order of the last
// Update. A strategy that equals the one in force changes nothing.
//
// The errors are those of [NewGroup] and of [Group.Update], and a [*GroupError]
// with [ErrAnnounced] while members are announced, since the flows that have no
// pin would move. They leave the group as it was. It takes the time of an
// Update.
func (g *Group[T]) SetStrategy(s Strategy) (*Snapshot[T], error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	version, err := g.nextVersion()
	if err != nil {
		return nil, err
	}
	return g.setStrategy(version, s, ownChange)
}

// SetStrategyAt is SetStrategy with a version from elsewhere, which is not
// settled before [Group.Settle] is called: see [Group.UpdateAt].
func (g *Group[T]) SetStrategyAt(version uint64, s Strategy) (*Snapshot[T], error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.checkVersion(version); err != nil {
		return nil, err
	}
	return g.setStrategy(version, s, sharedChange)
}

func (g *Group[T]) setStrategy(version uint64, s Strategy, c change) (*Snapshot[T], error) {
	p, err := g.builder.placerOf(s)
	switch {
	case err != nil:
		return nil, err
	case p == g.builder.placer:
		return g.Load(), nil
	}
	return g.replace(version, p, g.hops(), c)
}

// placerOf returns the placer of a strategy, the one in force if that is equal.
func (b *viewBuilder) placerOf(s Strategy) (*placer, error) {
	p, err := newPlacer(s)
	switch {
	case err != nil:
		return nil, b.named(err)
	case p.same(b.placer):
		return b.placer, nil
	case len(b.announced) > 0:
		return nil, b.named(&GroupError{Err: ErrAnnounced, Index: -1, Value: uint64(len(b.announced))})
	}
	return p, nil
}

// hops returns the hops of the newest snapshot in the order in which the last
// Update was given them.
func (g *Group[T]) hops() []Hop[T] {
	s := g.Load()
	list := make([]Hop[T], s.Len())
	for k := range list {
		i := int32(k)
		if g.given != nil {
			i = g.given[k]
		}
		m := s.Member(i)
		list[k] = Hop[T]{ID: m.ID, Weight: m.Weight, Value: s.values[i], Incarnation: s.Incarnation(i),
			Backup: s.Backup(i)}
	}
	return list
}
