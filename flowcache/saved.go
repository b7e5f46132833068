package flowcache

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"time"

	"github.com/ecmp-go/ecmp/internal/slots"
)

// A saved table, verified: its form is described at Save.
type saved struct {
	units   [States]time.Duration
	classes []string
	pins    []byte // bucket after bucket
	owners  map[uint16]slots.Key
	next    [bucketSize]word
}

// readSaved reads a stream to its end. It gives up early on one that is
// foreign, or longer than one of this table can be.
func (t *Table) readSaved(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, int64(headerSize)))
	if err != nil {
		return nil, err
	}
	if err := checkVersion(&savedReader{data: data}); err != nil {
		return nil, err
	}
	longest := len(t.buckets)*(1+8*bucketSize) + 2*maxOwners + crcSize
	rest, err := io.ReadAll(io.LimitReader(r, int64(longest)+1))
	if err != nil {
		return nil, err
	}
	if len(rest) > longest {
		return nil, &RestoreError{Err: ErrSize, Offset: headerSize + longest, Got: uint64(len(rest)),
			Want: uint64(longest)}
	}
	return append(data, rest...), nil
}

func checkVersion(r *savedReader) error {
	if magic := r.take(len(saveMagic)); string(magic) != saveMagic {
		return &RestoreError{Err: ErrForeign}
	}
	if version := r.uint32(); version != saveVersion {
		return &RestoreError{Err: ErrForeign, Offset: len(saveMagic), Got: uint64(version), Want: saveVersion}
	}
	return nil
}

// parse verifies a stream from the first byte to the last.
func (t *Table) parse(data []byte, check uint64) (*saved, error) {
	r := savedReader{data: data}
	if err := checkVersion(&r); err != nil {
		return nil, err
	}
	if err := r.checkSum(); err != nil {
		return nil, err
	}
	if n := r.uint32(); int(n) != len(t.buckets) {
		return nil, &RestoreError{Err: ErrSize, Offset: r.at - 4, Got: uint64(n), Want: uint64(len(t.buckets))}
	}
	if c := r.uint64(); c != check {
		return nil, &RestoreError{Err: ErrCheck, Offset: r.at - 8, Got: c, Want: check}
	}
	s := new(saved)
	for i := range s.units {
		s.units[i] = time.Duration(r.uint64())
		if s.units[i] <= 0 || s.units[i] > 1<<63/tickWrap-1 {
			return nil, r.damaged()
		}
	}
	for n := r.uint32(); n > 0 && !r.short; n-- {
		s.classes = append(s.classes, string(r.take(int(r.uint32()))))
	}
	start := r.at
	for range t.buckets {
		n := int(r.uint8())
		if n > bucketSize {
			return nil, r.damaged()
		}
		for range n {
			if r.uint64()>>tagShift == 0 {
				return nil, r.damaged()
			}
		}
	}
	s.pins = data[start:r.at]
	s.owners = r.owners()
	if r.short || r.at != len(data)-crcSize {
		return nil, r.damaged()
	}
	return s, nil
}

// bucket returns the pins of the next bucket, until the next call.
func (s *saved) bucket() []word {
	n := int(s.pins[0])
	for i := range n {
		s.next[i] = word(binary.LittleEndian.Uint64(s.pins[1+8*i:]))
	}
	s.pins = s.pins[1+8*n:]
	return s.next[:n]
}

// A savedReader reads on; past the end it yields zeros and sets short.
type savedReader struct {
	data  []byte
	at    int
	short bool
}

func (r *savedReader) take(n int) []byte {
	if r.short || n < 0 || n > len(r.data)-r.at {
		r.short = true
		return nil
	}
	r.at += n
	return r.data[r.at-n : r.at]
}

func (r *savedReader) uint8() uint8 {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *savedReader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (r *savedReader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *savedReader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *savedReader) owners() map[uint16]slots.Key {
	owners := make(map[uint16]slots.Key)
	for n := r.uint32(); n > 0 && !r.short; n-- {
		slot := r.uint16()
		incarnation := r.uint64()
		owners[slot] = slots.Key{ID: string(r.take(int(r.uint32()))), Incarnation: incarnation}
	}
	return owners
}

// checkSum verifies the CRC at the end of the stream.
func (r *savedReader) checkSum() error {
	end := len(r.data) - crcSize
	if end < headerSize {
		return &RestoreError{Err: ErrDamaged, Offset: len(r.data), Got: uint64(len(r.data)),
			Want: uint64(headerSize + crcSize)}
	}
	got := crc32.Checksum(r.data[:end], crc32.MakeTable(crc32.Castagnoli))
	if want := binary.LittleEndian.Uint32(r.data[end:]); got != want {
		return &RestoreError{Err: ErrDamaged, Offset: end, Got: uint64(got), Want: uint64(want)}
	}
	return nil
}

func (r *savedReader) damaged() error {
	return &RestoreError{Err: ErrDamaged, Offset: r.at, Got: uint64(r.at), Want: uint64(len(r.data))}
}
