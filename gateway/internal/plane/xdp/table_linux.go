package xdp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/selector"
)

// slotsOf returns, for each slot of the table of a view, the slot in the domain
// of the member that View.Select takes for the hashes of that slot; 0 where it
// takes none. It has them as the program reads them, and is empty if no member
// can take a flow.
func slotsOf(v *selector.View) ([]byte, error) {
	if v.Selector() == nil {
		return []byte{}, nil
	}
	t, ok := v.Selector().(selector.Tabled)
	if !ok {
		return nil, &Error{Err: ErrStrategy, Group: v.Name(), Value: fmt.Sprintf("%T", v.Selector())}
	}
	if t.Slots() > MaxSlots {
		return nil, &Error{Err: fmt.Errorf("%w: the most is %d", ErrTableSize, MaxSlots), Group: v.Name(),
			Value: t.Slots()}
	}
	alive := make([]selector.Slot, v.Len()) // those of members that are; NoSlot: the view is to be asked
	for i := range v.All() {
		if v.Alive(i) {
			alive[i] = v.Slot(i)
		}
	}
	slots := make([]byte, 0, slotSize*t.Slots())
	for i := range t.Slots() {
		owner := t.Owner(i)
		if owner >= 0 && alive[owner] != selector.NoSlot {
			slots = binary.LittleEndian.AppendUint16(slots, uint16(alive[owner]))
			continue
		}
		slot := selector.NoSlot
		if owner = v.Select(firstHash(i, t.Slots())); owner >= 0 {
			if slot = v.Slot(owner); slot == selector.NoSlot {
				return nil, &Error{Err: ErrSlot, Group: v.Name(), Member: v.Member(owner).ID}
			}
		}
		slots = binary.LittleEndian.AppendUint16(slots, uint16(slot))
	}
	return slots, nil
}

// firstHash returns the least hash that reads a slot of a table.
func firstHash(slot, slots int) uint64 {
	h, rest := bits.Div64(uint64(slot), 0, uint64(slots))
	if rest != 0 {
		h++
	}
	return h
}

// A slotHop is what it takes to send to the member with a slot.
type slotHop struct {
	slot uint16
	hopEntry
	tunnel tunnelEntry // zero: none
}

// hopsOf returns the members of a snapshot.
func hopsOf(s *selector.Snapshot[engine.Adjacency], outputs map[uint16]output) ([]slotHop, error) {
	v := s.View()
	hops := make([]slotHop, v.Len())
	for i, m := range v.All() {
		a := s.At(i)
		o, ok := outputs[a.Output]
		if !ok {
			return nil, &Error{Err: ErrOutput, Group: v.Name(), Member: m.ID, Value: a.Output}
		}
		if v.Slot(i) == selector.NoSlot {
			return nil, &Error{Err: ErrSlot, Group: v.Name(), Member: m.ID}
		}
		h := hopEntry{Dst: a.Header.Dst(), Src: a.Header.Src(), Output: a.Output}
		var tunnel tunnelEntry
		if a.Tunnel != (engine.Tunnel{}) {
			h.Tunnel, tunnel = uint16(v.Slot(i)), entryOf(a.Tunnel)
		}
		h.Fits = o.fitsIn(tunnel)
		hops[i] = slotHop{uint16(v.Slot(i)), h, tunnel}
	}
	return hops, nil
}

// A memberOf is a member of a group, by its slot.
type memberOf struct {
	slot  uint16
	state hopState
}

// membersIn returns the members of a view.
func (f *flows) membersIn(v *selector.View) []memberOf {
	list := make([]memberOf, v.Len())
	for i := range v.All() {
		list[i] = memberOf{uint16(v.Slot(i)), f.stateOf(v, i)}
	}
	return list
}

// same reports whether the members of a view, and those awaited with them, are
// these.
func (f *flows) same(v *selector.View, members []memberOf) bool {
	if awaited := f.awaitedIn(v); len(awaited) > 0 || len(members) != v.Len() {
		return slices.Equal(append(f.membersIn(v), awaited...), members)
	}
	for i := range v.All() {
		if members[i].state != f.stateOf(v, i) {
			return false
		}
	}
	return true
}

// memberState returns what may be done with member i.
func memberState(v *selector.View, i int32) hopState {
	switch {
	case !v.Usable(i):
		return hopDown
	case !v.TakesNew(i):
		return hopDrained
	}
	return hopAlive
}

// A table is a map that holds the table of a group.
type table struct {
	*ebpf.Map
	id     ebpf.MapID
	memory *ebpf.Memory
}

func newTable(spec *ebpf.MapSpec) (*table, error) {
	m, err := ebpf.NewMap(spec)
	if err != nil {
		return nil, err
	}
	info, err := m.Info()
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	id, _ := info.ID()
	memory, err := m.Memory()
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return &table{m, id, memory}, nil
}

// fill writes the table of a service. The program must not know it yet, or no
// longer.
func (t *table) fill(s *service) error {
	b := make([]byte, tableHeader)
	for _, m := range s.members {
		b[tableMembers+int(m.slot)/memberByte] |= uint8(m.state) << (m.slot % memberByte * memberBits)
	}
	binary.LittleEndian.PutUint32(b[tableSlots:], uint32(len(s.slots)/slotSize))
	b[tableKey], b[tableState] = uint8(s.key), uint8(s.established)
	binary.LittleEndian.PutUint64(b[tableSalt:], s.salt)
	if _, err := t.memory.WriteAt(b, 0); err != nil {
		return err
	}
	_, err := t.memory.WriteAt(s.slots, tableHeader)
	return err
}

func (t *table) close() error {
	if t == nil {
		return nil
	}
	return t.Close()
}
