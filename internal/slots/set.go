package slots

import "sync/atomic"

// A Set is a set of slots, and safe for concurrent use.
type Set [(Max + 1) / 64]atomic.Uint64

// Has reports whether the slot is in the set.
func (s *Set) Has(slot uint16) bool { return s[slot/64].Load()>>(slot%64)&1 != 0 }

// Add puts the slot into the set.
func (s *Set) Add(slot uint16) { s[slot/64].Or(1 << (slot % 64)) }

// Remove takes the slot out of the set.
func (s *Set) Remove(slot uint16) { s[slot/64].And(^(uint64(1) << (slot % 64))) }
