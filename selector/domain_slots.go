package selector

import (
	"math"
	"slices"
	"weak"
)

// NoSlot is the slot of a member that has none, and of no member.
const NoSlot uint16 = 0

// A slotPool gives slots 1 to 65535 to members, one for each stay in a group. A
// slot that comes back waits in a quarantine until no flow table can hold a pin
// to it, and then at the end of the queue of free ones.
type slotPool struct {
	owners      map[uint16]slotOwner
	everUsed    uint16
	free        []uint16
	retired     []retiredSlot // in order of epoch
	epoch       uint64
	quarantines []weak.Pointer[Quarantine]
	refused     uint64
}

type slotOwner struct{ group, member string }

type retiredSlot struct {
	slot  uint16
	epoch uint64
}

// takeSlot returns a slot that was never used or, when there is none left, the
// one that has been free for longest; NoSlot when every slot is taken or in
// quarantine. The caller holds d.mu.
func (d *Domain) takeSlot(owner slotOwner) uint16 {
	p := &d.slots
	var slot uint16
	if p.everUsed < math.MaxUint16 {
		p.everUsed++
		slot = p.everUsed
	} else {
		d.releaseSlots()
		if len(p.free) == 0 {
			return NoSlot
		}
		slot = p.free[0]
		p.free = p.free[1:]
	}
	if p.owners == nil {
		p.owners = make(map[uint16]slotOwner)
	}
	p.owners[slot] = owner
	d.inUse[slot/64].Or(1 << (slot % 64))
	return slot
}

// retireSlot ends a member's stay. The caller holds d.mu.
func (d *Domain) retireSlot(slot uint16) {
	if slot == NoSlot {
		return
	}
	p := &d.slots
	delete(p.owners, slot)
	d.inUse[slot/64].And(^(uint64(1) << (slot % 64)))
	p.retired = append(p.retired, retiredSlot{slot, p.epoch})
}

// releaseSlots frees the retired slots that every flow table has released. The
// caller holds d.mu.
func (d *Domain) releaseSlots() {
	p := &d.slots
	released := p.epoch + 1
	p.quarantines = slices.DeleteFunc(p.quarantines, func(w weak.Pointer[Quarantine]) bool {
		q := w.Value()
		if q != nil {
			released = min(released, q.released)
		}
		return q == nil
	})
	n := 0
	for n < len(p.retired) && p.retired[n].epoch < released {
		p.free = append(p.free, p.retired[n].slot)
		n++
	}
	p.retired = p.retired[n:]
}

// SlotInUse reports whether the slot is a member's now; a pin to any other is
// void. It takes no lock.
func (d *Domain) SlotInUse(slot uint16) bool {
	return d.inUse[slot/64].Load()>>(slot%64)&1 != 0
}

// SlotOwner returns the name of the group and the ID of the member whose slot
// it is; ok is false if it is nobody's.
func (d *Domain) SlotOwner(slot uint16) (group, member string, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	o, ok := d.slots.owners[slot]
	return o.group, o.member, ok
}

// SlotStats counts the slots of a domain. InUse, Quarantined and Free add up to
// 65535.
type SlotStats struct {
	InUse       int // slots of members
	Quarantined int // retired, while a flow table may still hold pins to them
	Free        int // to be given
	// members that got no slot when they joined, since none was free: they are
	// routed to, but not pinned
	Refused uint64
}

// SlotStats counts the slots of the domain.
func (d *Domain) SlotStats() SlotStats {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.releaseSlots()
	p := &d.slots
	return SlotStats{
		InUse:       len(p.owners),
		Quarantined: len(p.retired),
		Free:        1<<16 - 1 - len(p.owners) - len(p.retired),
		Refused:     p.refused,
	}
}

// A Quarantine is a flow table's word about the retired slots of its domain:
// those that it has not released are not given to another member, lest an old
// pin name a new member. It holds for as long as the table keeps the Quarantine
// reachable. It is safe for concurrent use.
type Quarantine struct {
	domain   *Domain
	released uint64 // guarded by domain.mu
}

// Quarantine registers a flow table that holds no pin yet.
func (d *Domain) Quarantine() *Quarantine {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.releaseSlots()
	d.slots.epoch++
	q := &Quarantine{domain: d, released: d.slots.epoch}
	d.slots.quarantines = append(d.slots.quarantines, weak.Make(q))
	return q
}

// Epoch begins a new epoch and returns its number: every slot retired before
// the call has a lower one.
func (q *Quarantine) Epoch() uint64 {
	d := q.domain
	d.mu.Lock()
	defer d.mu.Unlock()
	d.slots.epoch++
	return d.slots.epoch
}

// Release states that the table holds no pin to any slot that was retired
// before the epoch began, and can get none.
func (q *Quarantine) Release(epoch uint64) {
	d := q.domain
	d.mu.Lock()
	defer d.mu.Unlock()
	q.released = max(q.released, min(epoch, d.slots.epoch))
	d.releaseSlots()
}
