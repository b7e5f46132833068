package selector

// SetValues gives the members other payloads, and returns the new snapshot:
// value is called with the ID of each member and the payload that it has. The
// version stays, since nothing changes that routers agree on; use it for what a
// router finds out by itself, such as the MAC address of a next hop. Placement,
// slots, pins and [View.Previous] stay too.
//
// The error is a [*GroupError] with [ErrClosed]. SetValues takes O(members) and
// builds no selector.
func (g *Group[T]) SetValues(value func(id string, present T) T) (*Snapshot[T], error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	old := g.Load()
	if g.closed {
		return nil, g.builder.named(&GroupError{Err: ErrClosed, Index: -1})
	}
	values := make([]T, len(old.values))
	for i := range values {
		values[i] = value(old.Member(int32(i)).ID, old.values[i])
	}
	v := old.view
	return g.publish(&v, values, g.builder.latest.Load().previous), nil
}
