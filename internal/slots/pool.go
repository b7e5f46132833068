// Package slots numbers the members of a domain for its flow tables.
//
// A slot is in one of four states. In use: a member's, in one group or more.
// Quarantined: no group has the member any more, and pins that name the slot
// are left as they are; a member that comes back takes it again. Leaving: the
// quarantine has lasted longer than any pin lives, the slot is nobody's, and
// the tables void what pins of it are left. Free: no table holds a pin of it.
package slots

import (
	"math"
	"math/bits"
	"slices"
	"sync"
	"weak"
)

// Max is the greatest slot, and how many there are. Slot 0 is none.
const Max = math.MaxUint16

// An Insider is the argument of those methods of package selector that are for
// the flow tables of this module: nobody else can make one.
type Insider struct{}

// A Key names whose slot it is.
type Key struct {
	ID          string
	Incarnation uint64
}

// A Pool gives slots to members. It is safe for concurrent use, and its zero
// value is ready.
type Pool struct {
	inUse Set // in use
	held  Set // in use or quarantined

	mu          sync.Mutex
	taken       [(Max + 1) / 64]uint64 // bit s%64 of word s/64: slot s is not free
	firstFree   int                    // no word of taken before it has a free slot
	owners      map[uint16]*owner
	byKey       map[Key]uint16
	quarantined map[uint16]uint64 // when: the epoch
	leaving     map[uint16]uint64
	epoch       uint64
	tables      []weak.Pointer[Table]
	refused     uint64
}

type owner struct {
	key    Key
	groups int
}

// InUse reports whether the slot is that of a member of some group. It takes no
// lock.
func (p *Pool) InUse(slot uint16) bool { return p.inUse.Has(slot) }

// Held reports whether the slot is in use or quarantined: whether a pin may
// name it. It takes no lock.
func (p *Pool) Held(slot uint16) bool { return p.held.Has(slot) }

// Take gives a member that joins a group its slot: the one that it has in other
// groups or had before it left them, else the least that is free, so that the
// slots of a view stay close together. It returns 0 if there is none.
func (p *Pool) Take(k Key) uint16 {
	p.mu.Lock()
	defer p.mu.Unlock()
	slot := p.find(k)
	if slot == 0 {
		return 0
	}
	o := p.owners[slot]
	if o.groups++; o.groups == 1 {
		delete(p.quarantined, slot)
		p.inUse.Add(slot)
	}
	return slot
}

// Reserve returns the slot that Take will give a member, and quarantines it if
// the member is in no group yet. It returns 0 if there is none.
func (p *Pool) Reserve(k Key) uint16 {
	p.mu.Lock()
	defer p.mu.Unlock()
	slot := p.find(k)
	if slot != 0 && p.owners[slot].groups == 0 {
		p.quarantined[slot] = p.epoch
	}
	return slot
}

// find returns the slot of k, a free one if it has none, and 0 if none is free.
func (p *Pool) find(k Key) uint16 {
	if slot, ok := p.byKey[k]; ok {
		return slot
	}
	slot := p.leastFree()
	if slot == 0 && p.purge() {
		p.advance()
		slot = p.leastFree()
	}
	if slot == 0 {
		return 0
	}
	if p.owners == nil {
		p.owners, p.byKey = make(map[uint16]*owner), make(map[Key]uint16)
		p.quarantined, p.leaving = make(map[uint16]uint64), make(map[uint16]uint64)
	}
	p.owners[slot], p.byKey[k] = &owner{key: k}, slot
	p.take(slot)
	p.held.Add(slot)
	return slot
}

func (p *Pool) leastFree() uint16 {
	p.taken[0] |= 1 // slot 0 is none
	for ; p.firstFree < len(p.taken); p.firstFree++ {
		if w := p.taken[p.firstFree]; w != math.MaxUint64 {
			return uint16(p.firstFree*64 + bits.TrailingZeros64(^w))
		}
	}
	return 0
}

func (p *Pool) take(slot uint16) { p.taken[slot/64] |= 1 << (slot % 64) }

func (p *Pool) free(slot uint16) {
	p.taken[slot/64] &^= 1 << (slot % 64)
	p.firstFree = min(p.firstFree, int(slot/64))
}

// Refuse counts a member that joined a group and got no slot.
func (p *Pool) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused++
}

// Put ends a member's stay in one group.
func (p *Pool) Put(slot uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.owners[slot]
	if o == nil {
		return
	}
	if o.groups--; o.groups == 0 {
		p.inUse.Remove(slot)
		p.quarantined[slot] = p.epoch
	}
}

// Owner returns whose slot it is; ok is false if it is nobody's.
func (p *Pool) Owner(slot uint16) (k Key, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o := p.owners[slot]; o != nil {
		return o.key, true
	}
	return Key{}, false
}

// Groups returns how many groups have the slot's member.
func (p *Pool) Groups(slot uint16) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o := p.owners[slot]; o != nil {
		return o.groups
	}
	return 0
}

// Stats counts slots by state, and refused members.
func (p *Pool) Stats() (inUse, quarantined, leaving int, refused uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.advance()
	return len(p.owners) - len(p.quarantined), len(p.quarantined), len(p.leaving), p.refused
}

// purge forgets tables that are gone. It reports whether slots may have come
// free since advance was last called without a word of any table.
func (p *Pool) purge() bool {
	n := len(p.tables)
	p.tables = slices.DeleteFunc(p.tables, func(w weak.Pointer[Table]) bool { return w.Value() == nil })
	return len(p.tables) < n || n == 0 && len(p.quarantined)+len(p.leaving) > 0
}

// advance lets slots leave and come free as far as all tables have said.
func (p *Pool) advance() {
	p.purge()
	aged, swept := uint64(math.MaxUint64), uint64(math.MaxUint64)
	for _, w := range p.tables {
		if t := w.Value(); t != nil {
			aged, swept = min(aged, t.aged), min(swept, t.swept)
		}
	}
	for slot, epoch := range p.quarantined {
		if epoch < aged {
			delete(p.quarantined, slot)
			delete(p.byKey, p.owners[slot].key)
			delete(p.owners, slot)
			p.held.Remove(slot)
			p.leaving[slot] = p.epoch
		}
	}
	for slot, epoch := range p.leaving {
		if epoch < swept {
			delete(p.leaving, slot)
			p.free(slot)
		}
	}
}

// A Table is a flow table's word about the slots that nobody uses any more. It
// holds for as long as the table keeps the Table reachable. It is safe for
// concurrent use.
type Table struct {
	pool *Pool

	// Guarded by pool.mu: slots quarantined before the epoch aged have been so
	// for longer than a pin lives; slots that were leaving before the epoch
	// swept are named by no pin.
	aged, swept uint64
}

// NewTable registers a flow table that holds no pin yet.
func (p *Pool) NewTable() *Table {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.epoch++
	t := &Table{pool: p, aged: p.epoch, swept: p.epoch}
	p.tables = append(p.tables, weak.Make(t))
	return t
}

// Epoch begins a new epoch and returns its number: what was quarantined or left
// before the call has a lower one.
func (t *Table) Epoch() uint64 {
	p := t.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	p.epoch++
	return p.epoch
}

// Aged states that the epoch began longer ago than any pin of the table lives.
func (t *Table) Aged(epoch uint64) {
	p := t.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	t.aged = max(t.aged, min(epoch, p.epoch))
	p.advance()
}

// Swept states that the table was swept from one end to the other since the
// epoch began.
func (t *Table) Swept(epoch uint64) {
	p := t.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	t.swept = max(t.swept, min(epoch, p.epoch))
	p.advance()
}
