package selector

// Settle says that every router which shares the group's flows has the snapshot
// of this version, or a newer one. It ends what UpdateAt and SetStrategyAt
// begin: until then [View.Previous] is the view before the change, and is kept
// in memory. It does nothing if this group is at a newer version, whose own
// Settle is to come. Update and SetStrategy are settled at once.
func (g *Group[T]) Settle(version uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.builder.latest.Load()
	if now.previous != nil && now.view.version <= version {
		g.builder.latest.Store(&newest{view: now.view})
	}
}

// newest is what a group has published last.
type newest struct {
	view     *View
	previous *View // the one before, until Settle; nil: it is settled
}

// Previous returns the view before this one, while routers that share the
// group's flows may not all have this one yet: see [Group.Settle]. It is nil if
// they have, and for a view that is not the latest. A flow table sends the TCP
// packets there that belong to flows older than the change.
func (v *View) Previous() *View {
	if now := v.latest.Load(); now.view == v {
		return now.previous
	}
	return nil
}

// unsettled returns the view to keep as the one before v, which follows old. If
// v places as old does, that is the one before old.
func (b *viewBuilder) unsettled(v, old *View) *View {
	switch {
	case old.selector == nil:
		return nil // it placed no flow
	case v.shared == old.shared:
		return b.latest.Load().previous
	}
	return old
}
