package xdp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/cilium/ebpf"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/selector"
)

// slotsIn returns how many slots the table of a view has; none if no member can
// take a flow.
func slotsIn(v *selector.View) (int, error) {
	if v.Selector() == nil {
		return 0, nil
	}
	t, ok := v.Selector().(selector.Tabled)
	if !ok {
		return 0, &Error{Err: ErrStrategy, Group: v.Name(), Value: fmt.Sprintf("%T", v.Selector())}
	}
	if t.Slots() > MaxSlots {
		return 0, &Error{Err: fmt.Errorf("%w: the most is %d", ErrTableSize, MaxSlots), Group: v.Name(),
			Value: t.Slots()}
	}
	return t.Slots(), nil
}

// hashes yields the least hash that reads each slot of a table.
type hashes struct {
	slots, step, rest uint64 // 2^64 is slots*step + rest
	next, over        uint64 // the next one is next + over/slots, rounded up
}

func newHashes(slots int) *hashes {
	n := uint64(slots)
	h := &hashes{slots: n, step: math.MaxUint64 / n, rest: math.MaxUint64%n + 1}
	if h.rest == n {
		h.step, h.rest = h.step+1, 0
	}
	return h
}

func (h *hashes) fill(list []uint64) {
	next, over := h.next, h.over
	for i := range list {
		if list[i] = next; over > 0 {
			list[i]++
		}
		next += h.step
		if over += h.rest; over >= h.slots {
			next, over = next+1, over-h.slots
		}
	}
	h.next, h.over = next, over
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

// membersNow returns the members of a view, and those awaited with them.
func (f *flows) membersNow(v *selector.View) []memberOf {
	return append(f.membersIn(v), f.awaitedIn(v)...)
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
	memory *ebpf.Memory
	id     ebpf.MapID // once it was asked for
}

func newTable(spec *ebpf.MapSpec) (*table, error) {
	m, err := ebpf.NewMap(spec)
	if err != nil {
		return nil, err
	}
	memory, err := m.Memory()
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return &table{Map: m, memory: memory}, nil
}

// findID finds out by which ID the kernel knows the map. That takes longer than
// to write it, and the last of many tables alone needs it.
func (t *table) findID() error {
	if t.id != 0 {
		return nil
	}
	info, err := t.Info()
	if err == nil {
		t.id, _ = info.ID()
	}
	return err
}

// fill writes the table of a service. The program must not know it yet, or no
// longer.
func (t *table) fill(s *service) error {
	b := make([]byte, tableHeader)
	for _, m := range s.members {
		b[tableMembers+int(m.slot)/memberByte] |= uint8(m.state) << (m.slot % memberByte * memberBits)
	}
	binary.LittleEndian.PutUint32(b[tableSlots:], uint32(s.slots))
	b[tableKey], b[tableState] = uint8(s.key), uint8(s.established)
	binary.LittleEndian.PutUint64(b[tableSalt:], s.salt)
	if _, err := t.memory.WriteAt(b, 0); err != nil {
		return err
	}
	return t.fillSlots(s.snapshot.View(), s.slots)
}

// fillSlots writes for each slot of the table of a view the slot in the domain
// of the member that View.Select takes for the hashes there; 0 where it takes
// none.
func (t *table) fillSlots(v *selector.View, slots int) error {
	if slots == 0 {
		return nil
	}
	const atOnce = 256
	var list [atOnce]uint64
	var owners [atOnce]int32
	var b [slotSize * atOnce]byte
	all, of := newHashes(slots), make([]uint16, v.Len()+1) // of owners, and of nobody first
	for i := range v.All() {
		of[i+1] = uint16(v.Slot(i))
	}
	for first := 0; first < slots; first += atOnce {
		n := min(atOnce, slots-first)
		all.fill(list[:n])
		v.SelectBatch(owners[:], list[:n])
		for i, owner := range owners[:n] {
			binary.LittleEndian.PutUint16(b[slotSize*i:], of[owner+1])
		}
		if _, err := t.memory.WriteAt(b[:slotSize*n], int64(tableHeader+slotSize*first)); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) close() error {
	if t == nil {
		return nil
	}
	return t.Close()
}
