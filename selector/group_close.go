package selector

// Close ends the group: it has no member any more, and its name and its slots
// can go to others. Every later change is refused with [ErrClosed]; look-ups
// find nobody, and its own marks count no more. Close a group before it is
// dropped. Closing it again does nothing.
func (g *Group[T]) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	g.builder.announced = nil // no selector is built for them
	version := g.Load().version
	// An empty list has no fault. A group at the last version can be closed too.
	_, _ = g.replace(max(version, version+1), g.builder.placer, nil, ownChange)
	g.closed = true
	g.builder.dropMarks()
}
