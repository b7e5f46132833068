package selector

import "iter"

// A Snapshot is one state of a group: its [View] and the payloads of its
// members. It is immutable, unless somebody writes through At, and safe for
// concurrent use.
//
// Everything of a view can be asked of a snapshot too: Select, SelectBatch,
// Order, Len, Member, All, Index, Version, Fingerprint, Shares and the others.
type Snapshot[T any] struct {
	view   // not a pointer: with many groups, each one followed is a wait for memory
	values []T
}

// An alias, so that the field is not exported and the methods are.
type view = View

// At returns the payload of member i, an index that Select returned. It panics
// for -1. Values are copied from snapshot to snapshot by [Group.SetStrategy], so
// what is written to belongs behind a pointer.
func (s *Snapshot[T]) At(i int32) *T { return &s.values[i] }

// View returns the part of the snapshot that has no payloads.
func (s *Snapshot[T]) View() *View { return &s.view }

// Diff compares the placement of the snapshot with that of an older one: see
// [View.Diff]. An old one of nil places nothing.
func (s *Snapshot[T]) Diff(old *Snapshot[T]) Diff {
	if old == nil {
		return s.view.Diff(nil)
	}
	return s.view.Diff(&old.view)
}

// Moves yields who loses how many hashes to whom since an older snapshot: see
// [View.Moves].
func (s *Snapshot[T]) Moves(old *Snapshot[T]) iter.Seq2[Move, int] {
	if old == nil {
		return s.view.Moves(nil)
	}
	return s.view.Moves(&old.view)
}
