package xdp

import (
	"cmp"
	"slices"

	"github.com/ecmp-go/ecmp/internal/slots"
	"github.com/ecmp-go/ecmp/selector"
)

// awaited is the members that Restore has reserved slots for, and that no group
// had at that time.
type awaited struct {
	slots map[selector.Slot]bool
	until int64
}

// reserve maps the slots of a stream to those that the same members have in the
// domain, or will have once they join.
func (f *flows) reserve(owners map[uint16]slots.Key) map[selector.Slot]selector.Slot {
	f.mu.Lock()
	defer f.mu.Unlock()
	pool := f.domain.Slots(slots.Insider{})
	f.awaited = awaited{slots: make(map[selector.Slot]bool), until: f.now() + int64(f.timeouts.restoreGrace)}
	current := make(map[selector.Slot]selector.Slot, len(owners))
	for old, member := range owners {
		slot := selector.Slot(pool.Reserve(member))
		if slot != selector.NoSlot && !pool.InUse(uint16(slot)) {
			f.awaited.slots[slot] = true
		}
		current[selector.Slot(old)] = slot
	}
	return current
}

// awaits reports whether flows of the slot wait for its member.
func (f *flows) awaits(slot selector.Slot) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.awaited.slots[slot] && f.now() < f.awaited.until
}

// awaitedIn returns the members that a view does not have and that are awaited,
// in order of slot; none once their time is over.
func (f *flows) awaitedIn(v *selector.View) (list []memberOf) {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.awaited.slots) == 0 || f.now() >= f.awaited.until {
		return nil
	}
	for slot := range f.awaited.slots {
		if _, ok := v.BySlot(slot); !ok {
			list = append(list, memberOf{uint16(slot), hopAwaited})
		}
	}
	slices.SortFunc(list, func(a, b memberOf) int { return cmp.Compare(a.slot, b.slot) })
	return list
}

// awaiting reports whether members are awaited, or were and the program may not
// know that their time is over.
func (f *flows) awaiting() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.awaited.slots) > 0
}

// overdue reports whether the program still waits for members though their time
// is over.
func (f *flows) overdue() bool {
	if f == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.awaited.slots != nil && f.now() >= f.awaited.until
}

// giveUp ends the waiting of a program that was told so: all groups are in force
// without the members that were awaited.
func (f *flows) giveUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.awaited.slots = nil
}
