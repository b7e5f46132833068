package flowcache

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"time"

	"github.com/ecmp-go/ecmp/selector"
)

// A saved table is, in little-endian order:
//
//	magic "ecmpflow", version (4 bytes), buckets (4), check (8)
//	for each state: its unit of time in nanoseconds (8)
//	the number of classes (4), and for each: length and bytes of its name (4 + n)
//	for each bucket: the number of its pins (1), and the pins (8 each): words
//	with the age in place of the tick
//	the number of slots (4), and for each: slot (2), and its member's
//	incarnation (8) and length and bytes of its ID (4 + n)
//	CRC-32C of all that (4)
const (
	saveMagic   = "ecmpflow"
	saveVersion = 3
	headerSize  = len(saveMagic) + 4 + 4 + 8
	crcSize     = 4
)

// Save writes the pins that have not expired at time now, with their ages,
// states and, by name, their classes and members. check is stored for Restore
// to compare: a value that tells whether digests still mean the same flows, as
// hash.Policy.Fingerprint does.
// Workers may go on meanwhile; each pin is written as it was at some moment.
// The error is that of w, or ErrNames. It takes 8 to 9 bytes a pin, and one a
// bucket.
func (t *Table) Save(w io.Writer, check uint64, now time.Duration) error {
	s := saver{out: w, buf: make([]byte, 0, saveBuffer), released: t.releases.Load(), now: now}
	s.header(t, check)
	m := t.clocks.moment(t.clocks.tickAt(now))
	for b := range t.buckets {
		s.bucket(t, &t.buckets[b], &m)
	}
	s.owners(t)
	s.flush()
	s.buf = binary.LittleEndian.AppendUint32(s.buf, s.sum)
	s.flush()
	return s.err
}

const (
	saveBuffer = 1 << 16
	maxOwners  = 64 << 20
)

// ErrNames is the error of Save where the IDs of members that have pins take
// more than 64 MiB.
var ErrNames = errors.New("flowcache: save: the IDs of members are too long")

// A saver collects what is to be written. It remembers the first error, after
// which it writes nothing.
type saver struct {
	out  io.Writer
	sum  uint32 // CRC-32C of what was written
	buf  []byte
	seen [1 << 16]uint8 // 1 for each slot that some pin names
	err  error

	released *releases
	now      time.Duration
}

// room flushes the buffer if it has no room for n more bytes.
func (s *saver) room(n int) {
	if cap(s.buf)-len(s.buf) < n {
		s.flush()
	}
}

func (s *saver) flush() {
	if s.err == nil {
		s.sum = crc32.Update(s.sum, crc32.MakeTable(crc32.Castagnoli), s.buf)
		_, s.err = s.out.Write(s.buf)
	}
	s.buf = s.buf[:0]
}

func (s *saver) header(t *Table, check uint64) {
	s.buf = append(s.buf, saveMagic...)
	s.buf = binary.LittleEndian.AppendUint32(s.buf, saveVersion)
	s.buf = binary.LittleEndian.AppendUint32(s.buf, uint32(len(t.buckets)))
	s.buf = binary.LittleEndian.AppendUint64(s.buf, check)
	for state := range State(States) {
		s.buf = binary.LittleEndian.AppendUint64(s.buf, uint64(t.clocks.unit(state)))
	}
	s.buf = binary.LittleEndian.AppendUint32(s.buf, uint32(len(t.config.Classes)))
	for _, c := range t.config.Classes {
		s.buf = binary.LittleEndian.AppendUint32(s.buf, uint32(len(c.Name)))
		s.buf = append(s.buf, c.Name...)
	}
}

// bucket writes every word and then keeps those that are pins, instead of
// branching on what can't be predicted.
func (s *saver) bucket(t *Table, b *bucket, now *moment) {
	const most = 1 + 8*bucketSize
	s.room(most)
	out := (*[most]byte)(s.buf[len(s.buf):cap(s.buf)])
	n := 0
	for i := range b {
		w := word(b[i].Load())
		if s.released != nil && t.over(s.released, w.slot(), s.now) {
			w = w.withSlot(selector.NoSlot)
		}
		binary.LittleEndian.PutUint64(out[1+8*(n%bucketSize):],
			uint64(wordOf(w.tag(), w.slot(), t.clocks.age(w, now), w.state())))
		keep := 1
		if t.clocks.expired(w, now) {
			keep = 0
		}
		if w == 0 {
			keep = 0
		}
		s.seen[w.slot()] |= uint8(keep)
		n += keep
	}
	out[0] = byte(n)
	s.buf = s.buf[:len(s.buf)+1+8*n]
}

// owners comes after the pins, when it is known which slots they name. A slot
// that nobody owns any more is left out.
func (s *saver) owners(t *Table) {
	var list []byte
	count := uint32(0)
	for slot, seen := range s.seen {
		if seen == 0 {
			continue
		}
		member, ok := t.slots.Owner(uint16(slot))
		if !ok {
			continue
		}
		count++
		list = binary.LittleEndian.AppendUint16(list, uint16(slot))
		list = binary.LittleEndian.AppendUint64(list, member.Incarnation)
		list = binary.LittleEndian.AppendUint32(list, uint32(len(member.ID)))
		list = append(list, member.ID...)
	}
	if len(list) > maxOwners-4 {
		s.err = errors.Join(s.err, ErrNames)
		return
	}
	s.buf = binary.LittleEndian.AppendUint32(s.buf, count)
	s.buf = append(s.buf, list...)
}
