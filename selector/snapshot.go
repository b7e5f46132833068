package selector

// A Snapshot is one state of a group: its [View] and the payloads of its
// members. It never changes and is safe for concurrent use; whoever writes
// through At breaks that promise.
type Snapshot[T any] struct {
	view   View // not a pointer: with many groups, each one followed is a wait for memory
	values []T
}

// At returns the payload of member i, an index that Select returned; it panics
// for -1.
func (s *Snapshot[T]) At(i int) *T { return &s.values[i] }

// Select returns the index of the member for hash h, -1 when no member can take
// a flow: see [View.Select].
func (s *Snapshot[T]) Select(h uint64) int { return s.view.Select(h) }

// SelectBatch is Select for a burst: see [View.SelectBatch].
func (s *Snapshot[T]) SelectBatch(dst []int32, hashes []uint64) { s.view.SelectBatch(dst, hashes) }

// View returns the part of the snapshot that has no payloads.
func (s *Snapshot[T]) View() *View { return &s.view }

// Diff compares the placement of the snapshot with that of an older one: see
// [View.Diff].
func (s *Snapshot[T]) Diff(old *Snapshot[T]) Diff { return s.view.Diff(&old.view) }
