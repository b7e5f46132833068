package xdp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/internal/slots"
	"github.com/ecmp-go/ecmp/selector"
)

// Saved pins are, in little-endian order:
//
//	magic "ecmp-xdp", version (4 bytes), number of owners (4),
//	seed of the hash (8), number of pins (8)
//	for each pin: digest (8), and the pin (8) with its age in place of its time
//	for each owner of a slot: slot (2), and its member's incarnation (8) and
//	length and bytes of its ID (4 + n)
//	CRC-32C of all that (4)
const (
	saveMagic   = "ecmp-xdp"
	saveVersion = 2
	headerSize  = len(saveMagic) + 4 + 4 + 8 + 8
	pinSize     = 16
	crcSize     = 4
	maxOwners   = 64 << 20 // bytes
)

// Save implements [plane.Flows]. The program may go on meanwhile; each pin is
// written as it was at some moment. The error is that of w or of the kernel.
func (f *flows) Save(w io.Writer) error {
	var pins, owners []byte
	now, named, count := stamp(f.now()), make(map[selector.Slot]bool), uint32(0)
	err := f.live(func(digest uint64, w pin) {
		pins = binary.LittleEndian.AppendUint64(pins, digest)
		aged := newPin(stamp(int64(w.age(now))), w.slot(), w.state())
		pins = binary.LittleEndian.AppendUint64(pins, uint64(aged))
		named[w.slot()] = true
	})
	if err != nil {
		return fmt.Errorf("xdp: save: %w", err)
	}
	for slot := range named {
		owner, ok := f.domain.Slots(slots.Insider{}).Owner(uint16(slot))
		if !ok {
			continue // it left
		}
		count++
		owners = binary.LittleEndian.AppendUint16(owners, uint16(slot))
		owners = binary.LittleEndian.AppendUint64(owners, owner.Incarnation)
		owners = binary.LittleEndian.AppendUint32(owners, uint32(len(owner.ID)))
		owners = append(owners, owner.ID...)
	}
	header := binary.LittleEndian.AppendUint32([]byte(saveMagic), saveVersion)
	header = binary.LittleEndian.AppendUint32(header, count)
	header = binary.LittleEndian.AppendUint64(header, f.seed)
	header = binary.LittleEndian.AppendUint64(header, uint64(len(pins)/pinSize))
	data := bytes.Join([][]byte{header, pins, owners}, nil)
	_, err = w.Write(binary.LittleEndian.AppendUint32(data, crc32.Checksum(data, castagnoli())))
	return err
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// Restore implements [plane.Flows]: each pin becomes as old as it was, and
// names the member of the same ID and incarnation. Where that is not known yet,
// its flows go elsewhere for Config.RestoreGrace, and are moved after that. A
// flow that has a pin keeps that. The stream is verified whole before anything is
// applied; it must be of the same seed, and the plane may be of another size.
// The error wraps a [*flowcache.RestoreError], or is that of r.
func (f *flows) Restore(r io.Reader, _ ...*engine.Group) error {
	longest := headerSize + pinSize*maxFlows + maxOwners + crcSize
	data, err := io.ReadAll(io.LimitReader(r, int64(longest)+1))
	if err != nil {
		return err
	}
	if len(data) > longest {
		return fmt.Errorf("xdp: %w", &flowcache.RestoreError{Err: flowcache.ErrSize, Offset: longest,
			Got: uint64(len(data)), Want: uint64(longest)})
	}
	pins, owners, err := parseSaved(data, f.seed)
	if err != nil {
		return fmt.Errorf("xdp: %w", err)
	}
	slots := f.reserve(owners)
	if err := f.changed(); err != nil {
		return err
	}
	now := stamp(f.now())
	for ; len(pins) > 0; pins = pins[pinSize:] {
		digest, w := binary.LittleEndian.Uint64(pins), pin(binary.LittleEndian.Uint64(pins[8:]))
		age := uint64(w) >> timeShift << timeShift
		w = newPin(now-age, slots[w.slot()], w.state())
		if f.timeouts.expired(w, now) {
			continue
		}
		if w.state() == affinity { // before it is there: its slot is held for as long
			f.clients.Store(true)
		}
		if has, home := f.find(digest); home != nil && !f.timeouts.expired(has, now) {
			continue
		}
		if !f.restore(digest, w) {
			f.slow.refused.Add(1)
		}
	}
	return nil
}

// restore puts a pin where it belongs, or at least among those on probation.
func (f *flows) restore(digest uint64, w pin) bool {
	if w.state() != flowcache.Probation && f.maps.established.Put(digest, w) == nil {
		return true
	}
	return f.maps.probation.Put(digest, w) == nil && w.state() == flowcache.Probation
}

var errShort = errors.New("short")

// parseSaved verifies a stream from the first byte to the last.
func parseSaved(data []byte, seed uint64) (pins []byte, owners map[uint16]slots.Key, err error) {
	damaged := func(at int) error {
		return &flowcache.RestoreError{Err: flowcache.ErrDamaged, Offset: at, Got: uint64(at), Want: uint64(len(data))}
	}
	if !bytes.HasPrefix(data, []byte(saveMagic)) {
		return nil, nil, &flowcache.RestoreError{Err: flowcache.ErrForeign}
	}
	if len(data) < headerSize+crcSize {
		return nil, nil, damaged(len(data))
	}
	if version := binary.LittleEndian.Uint32(data[8:]); version != saveVersion {
		return nil, nil, &flowcache.RestoreError{Err: flowcache.ErrForeign, Offset: 8, Got: uint64(version),
			Want: saveVersion}
	}
	end := len(data) - crcSize
	if got, want := crc32.Checksum(data[:end], castagnoli()), binary.LittleEndian.Uint32(data[end:]); got != want {
		return nil, nil, &flowcache.RestoreError{Err: flowcache.ErrDamaged, Offset: end, Got: uint64(got),
			Want: uint64(want)}
	}
	if got := binary.LittleEndian.Uint64(data[16:]); got != seed {
		return nil, nil, &flowcache.RestoreError{Err: flowcache.ErrCheck, Offset: 16, Got: got, Want: seed}
	}
	count, n := binary.LittleEndian.Uint32(data[12:]), binary.LittleEndian.Uint64(data[24:])
	rest := data[headerSize:end]
	if n > uint64(len(rest)/pinSize) {
		return nil, nil, damaged(24)
	}
	pins, rest = rest[:n*pinSize], rest[n*pinSize:]
	for i := 0; i < len(pins); i += pinSize {
		if s := pin(binary.LittleEndian.Uint64(pins[i+8:])).state(); int(s) >= states {
			return nil, nil, damaged(headerSize + i)
		}
	}
	owners = make(map[uint16]slots.Key)
	for range count {
		var slot, incarnation, id []byte
		slot, rest, err = cut(rest, 2, nil)
		incarnation, rest, err = cut(rest, 8, err)
		id, rest, err = cutName(rest, err)
		if err != nil {
			return nil, nil, damaged(end - len(rest))
		}
		owners[binary.LittleEndian.Uint16(slot)] = slots.Key{ID: string(id),
			Incarnation: binary.LittleEndian.Uint64(incarnation)}
	}
	if len(rest) != 0 {
		return nil, nil, damaged(end - len(rest))
	}
	return pins, owners, nil
}

// cut takes n bytes off b, unless err is set.
func cut(b []byte, n uint64, err error) (head, tail []byte, _ error) {
	if err == nil && n > uint64(len(b)) {
		err = errShort
	}
	if err != nil {
		return nil, b, err
	}
	return b[:n], b[n:], nil
}

func cutName(b []byte, err error) (name, tail []byte, _ error) {
	length, tail, err := cut(b, 4, err)
	if err != nil {
		return nil, b, err
	}
	return cut(tail, uint64(binary.LittleEndian.Uint32(length)), nil)
}
