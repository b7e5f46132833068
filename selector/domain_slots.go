package selector

import (
	"math"
	"slices"
	"sync/atomic"
	"weak"
)

// NoSlot is the slot of a member that has none, and of no member.
const NoSlot uint16 = 0

// A slotPool gives slots 1 to 65535 to members, one for each stay in a group. A
// slot that comes back waits in a quarantine until no flow table can hold a pin
// to it, and then at the end of the queue of free ones. The Domain locks it,
// but for inUse.
type slotPool struct {
	used        [1 << 10]atomic.Uint64 // bit s%64 of word s/64: slot s is a member's
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

func (p *slotPool) inUse(slot uint16) bool { return p.used[slot/64].Load()>>(slot%64)&1 != 0 }

// take returns a slot that was never used or, when there is none left, the one
// that has been free for longest; NoSlot when every slot is taken or in
// quarantine.
func (p *slotPool) take(owner slotOwner) uint16 {
	var slot uint16
	if p.everUsed < math.MaxUint16 {
		p.everUsed++
		slot = p.everUsed
	} else {
		p.release()
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
	p.used[slot/64].Or(1 << (slot % 64))
	return slot
}

// retire ends a member's stay.
func (p *slotPool) retire(slot uint16) {
	if slot == NoSlot {
		return
	}
	delete(p.owners, slot)
	p.used[slot/64].And(^(uint64(1) << (slot % 64)))
	p.retired = append(p.retired, retiredSlot{slot, p.epoch})
}

// release frees the retired slots that every flow table has released.
func (p *slotPool) release() {
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

func (p *slotPool) stats() SlotStats {
	p.release()
	return SlotStats{
		InUse:       len(p.owners),
		Quarantined: len(p.retired),
		Free:        math.MaxUint16 - len(p.owners) - len(p.retired),
		Refused:     p.refused,
	}
}

// register adds a flow table that holds no pin yet.
func (p *slotPool) register(q *Quarantine) {
	p.release()
	p.epoch++
	q.released = p.epoch
	p.quarantines = append(p.quarantines, weak.Make(q))
}

// SlotStats counts the slots of a domain. InUse, Quarantined and Free add up to
// 65535.
type SlotStats struct {
	InUse       int    // slots of members
	Quarantined int    // retired, while a flow table may still hold pins to them
	Free        int    // to be given
	Refused     uint64 // members that found no free slot when they joined: routed to, but not pinned
}

// A Quarantine is a flow table's word about the retired slots of its domain:
// those that it has not released are not given to another member, lest an old
// pin name a new member. It holds for as long as the table keeps the Quarantine
// reachable. It is safe for concurrent use.
type Quarantine struct {
	domain   *Domain
	released uint64 // guarded by domain.mu
}

// Epoch begins a new epoch and returns its number: every slot retired before
// the call has a lower one.
func (q *Quarantine) Epoch() uint64 {
	q.domain.mu.Lock()
	defer q.domain.mu.Unlock()
	q.domain.slots.epoch++
	return q.domain.slots.epoch
}

// Release states that the table holds no pin to any slot that was retired
// before the epoch began, and can get none.
func (q *Quarantine) Release(epoch uint64) {
	q.domain.mu.Lock()
	defer q.domain.mu.Unlock()
	slots := &q.domain.slots
	q.released = max(q.released, min(epoch, slots.epoch))
	slots.release()
}
