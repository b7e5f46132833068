package cluster

import (
	"encoding/binary"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/selector"
)

const (
	tagShift   = 30
	indexShift = 14
	ageShift   = 4
	maxAge     = 1<<10 - 1
	stateMask  = 1<<ageShift - 1
)

// A batch collects the records of one message. Its pins come in order of
// buckets.
type batch struct {
	units   [flowcache.States]time.Duration
	index   [1 << 16]uint16 // of the member with a slot, and one more; 0 for none
	slots   []selector.Slot // that index knows
	members []byte
	records []byte
	count   int
	last    uint32
}

func newBatch(t *flowcache.Table) *batch {
	return &batch{units: unitsOf(t)}
}

// unitsOf returns the units of the ages of pins in each state.
func unitsOf(t *flowcache.Table) (units [flowcache.States]time.Duration) {
	for s := range units {
		units[s] = t.Unit(flowcache.State(s))
	}
	return units
}

// add adds a pin of the view's. It reports false for one whose member the view
// does not have any more.
func (b *batch) add(p flowcache.Pin, v *selector.View) bool {
	i := b.index[uint16(p.Slot)]
	if i == 0 {
		if i = b.addMember(p.Slot, v); i == 0 {
			return false
		}
	}
	tag, bucket := tagOf(p.Key), uint32(p.Key.Bucket())
	state := p.State & stateMask
	age := min(uint64(p.Age/b.units[state])+1, maxAge)
	b.records = binary.LittleEndian.AppendUint64(b.records,
		tag<<tagShift|uint64(i-1)<<indexShift|age<<ageShift|uint64(state))
	if distance := bucket - b.last; distance < 1<<7 { // as nearly always
		b.records = append(b.records, byte(distance))
	} else {
		b.records = binary.AppendUvarint(b.records, uint64(distance))
	}
	b.last = bucket
	b.count++
	return true
}

// addMember returns one more than the index of a member that the batch has from
// now on, 0 if there can't be one.
func (b *batch) addMember(s selector.Slot, v *selector.View) uint16 {
	i, ok := v.BySlot(s)
	if !ok {
		return 0
	}
	id := v.Member(i).ID
	if len(id) > maxName || len(b.slots) == maxMembers {
		return 0
	}
	b.slots = append(b.slots, s)
	b.members = appendName(b.members, id)
	b.members = binary.LittleEndian.AppendUint64(b.members, v.Incarnation(i))
	b.index[uint16(s)] = uint16(len(b.slots))
	return uint16(len(b.slots))
}

const (
	maxName    = 255
	maxMembers = 1<<16 - 1
)

// appendTo appends members and records to a message, and empties the batch.
func (b *batch) appendTo(m []byte) []byte {
	m = binary.LittleEndian.AppendUint16(m, uint16(len(b.slots)))
	m = append(m, b.members...)
	m = binary.LittleEndian.AppendUint32(m, uint32(b.count))
	m = append(m, b.records...)
	for _, s := range b.slots {
		b.index[uint16(s)] = 0
	}
	b.slots, b.members, b.records = b.slots[:0], b.members[:0], b.records[:0]
	b.count, b.last = 0, 0
	return m
}
