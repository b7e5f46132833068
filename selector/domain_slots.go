package selector

import (
	"github.com/cespare/xxhash/v2"

	"github.com/ecmp-go/ecmp/internal/slots"
)

// A Slot is the number of a member in the flow tables of its domain, one for
// each ID and incarnation, whatever groups the member is in. A domain has
// 65,535 of them. Only [NoSlot] has a meaning outside of the domain.
type Slot uint32

// NoSlot is the slot of a member that has none, and of no member.
const NoSlot Slot = 0

// Slots returns the slots of the domain, for the flow tables of this module
// alone.
func (d *Domain) Slots(slots.Insider) *slots.Pool { return &d.slots }

// SlotStats counts the slots of a domain. InUse, Quarantined, Leaving and Free
// add up to 65,535.
type SlotStats struct {
	InUse       int // slots of members
	Quarantined int // of members that left all groups; they get them back if they return
	Leaving     int // nobody's, but some flow table has not been swept since
	Free        int // to be given
	// members that got no slot when they joined a group, since none was free:
	// they are routed to, but not pinned
	Refused uint64
}

// SlotStats counts the slots of the domain.
func (d *Domain) SlotStats() SlotStats {
	inUse, quarantined, leaving, refused := d.slots.Stats()
	return SlotStats{
		InUse: inUse, Quarantined: quarantined, Leaving: leaving,
		Free: slots.Max - inUse - quarantined - leaving, Refused: refused,
	}
}

// A scope is the groups that share flows, where there may be several.
type scope struct {
	members map[Slot]int // how many groups have it; guarded by Domain.mu
	slots   slots.Set
}

// salt returns the salt of a group's flows. Names of scopes and names of groups
// have spaces of their own.
func (c *GroupConfig) salt() uint64 {
	if c.Scope != "" {
		return xxhash.Sum64String("s" + c.Scope)
	}
	return xxhash.Sum64String("g" + c.Name)
}

// scope returns the scope of this name, nil for the empty one.
func (d *Domain) scope(name string) *scope {
	if name == "" {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.scopes.get(name)
	if s == nil {
		s = &scope{members: make(map[Slot]int)}
		d.scopes.put(name, s)
	}
	return s
}

// change counts the members of v in and those of old, the view of the group
// before, out. The caller holds Domain.mu.
func (s *scope) change(old, v *View) {
	if s == nil {
		return
	}
	for _, slot := range v.slots {
		if slot != NoSlot {
			s.members[slot]++
			s.slots.Add(uint16(slot))
		}
	}
	for _, slot := range old.slots {
		if slot == NoSlot {
			continue
		}
		if s.members[slot]--; s.members[slot] == 0 {
			delete(s.members, slot)
			s.slots.Remove(uint16(slot))
		}
	}
}
