package cluster

import (
	"crypto/hmac"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/selector"
)

// A pinsReader reads a message. The first thing that is wrong with it stays.
type pinsReader struct {
	data []byte
	at   int
	err  error
}

func (r *pinsReader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s at byte %d", ErrMalformed, what, r.at)
	}
}

// take returns the next n bytes, nil if there are fewer.
func (r *pinsReader) take(n int) []byte {
	if r.err != nil || len(r.data)-r.at < n {
		r.fail("cut short")
		return nil
	}
	r.at += n
	return r.data[r.at-n : r.at]
}

func (r *pinsReader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *pinsReader) uint16() int {
	if b := r.take(2); b != nil {
		return int(binary.LittleEndian.Uint16(b))
	}
	return 0
}

func (r *pinsReader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *pinsReader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *pinsReader) name() string { return string(r.take(int(r.byte()))) }

// span reads a range of buckets of a table of this many.
func (r *pinsReader) span(buckets int) span {
	s := span{r.uint64(), r.uint32(), r.uint32()}
	if s.from > s.to || uint64(s.to) > uint64(buckets) {
		r.fail("no range of buckets")
	}
	return s
}

// open reads the header of a message and verifies its code. Nothing in the
// header is to be believed if the error is ErrForged.
func (m *pinsMessage) open(data []byte, s *signer) (body *pinsReader, err error) {
	m.pinsHeader = pinsHeader{}
	r := &pinsReader{data: data[:max(0, len(data)-macSize)]}
	if string(r.take(len(pinsMagic))) != pinsMagic {
		r.fail("not about pins")
	}
	if v := r.byte(); v != pinsVersion {
		r.fail("a version that is not known here")
	}
	m.kind = messageKind(r.byte())
	if m.kind == 0 || m.kind > lastKind {
		r.fail("a kind that is not known here")
	}
	m.started, m.sent, m.sequence = int64(r.uint64()), int64(r.uint64()), r.uint64()
	m.agreed = agreement{check: r.uint64(), classes: r.uint64(), tick: r.uint64()}
	m.agreed.layout = flowcache.Layout{Buckets: int(r.uint32()), Form: int(r.uint32())}
	m.version = r.uint64()
	covers := r.span(m.agreed.layout.Buckets)
	m.scan, m.from, m.to = covers.scan, covers.from, covers.to
	m.plan, m.planScan, m.placed = r.uint64(), r.uint64(), r.uint64()
	m.sender, m.receiver, m.scope, m.group = r.name(), r.name(), r.name(), r.name()
	if r.err == nil && (m.sender == "" || m.scope == "" || m.group == "") {
		r.fail("a name is missing")
	}
	if r.err != nil {
		return nil, r.err
	}
	if !hmac.Equal(s.code(r.data), data[len(r.data):]) {
		return nil, ErrForged
	}
	return r, nil
}

// parse reads what follows the header. It uses the memory of the message before
// again.
func (m *pinsMessage) parse(r *pinsReader, t *flowcache.Table) error {
	m.members, m.pins, m.spans, m.lost = m.members[:0], m.pins[:0], m.spans[:0], m.lost[:0]
	switch m.kind {
	case kindPins, kindPlaced:
		m.parseMembers(r)
		m.parsePins(r, t)
	case kindAsk:
		for range r.uint16() {
			if m.spans = append(m.spans, r.span(m.agreed.layout.Buckets)); r.err != nil {
				break
			}
		}
		for range r.uint16() {
			if m.lost = append(m.lost, r.uint64()); r.err != nil {
				break
			}
		}
	}
	if r.err == nil && r.at != len(r.data) {
		r.fail("more than there should be")
	}
	return r.err
}

func (m *pinsMessage) parseMembers(r *pinsReader) {
	for range r.uint16() {
		id := r.name()
		if id == "" {
			r.fail("a member without ID")
		}
		m.members = append(m.members, pinsMember{id, r.uint64()})
		if r.err != nil {
			return
		}
	}
}

func (m *pinsMessage) parsePins(r *pinsReader, t *flowcache.Table) {
	n := int(r.uint32())
	if n > (len(r.data)-r.at)/recordSize {
		r.fail("cut short")
	}
	if r.err != nil {
		return
	}
	units := unitsOf(t)
	from, to := uint64(0), uint64(m.agreed.layout.Buckets)
	if m.kind == kindPins {
		from, to = uint64(m.from), uint64(m.to)
	}
	bucket, data := uint64(0), r.data
	m.pins = slices.Grow(m.pins, n)
	var key [12]byte
	for range n {
		if len(data)-r.at < recordSize {
			r.fail("cut short")
			return
		}
		record := data[r.at:]
		word := binary.LittleEndian.Uint64(record)
		distance, size := uint64(record[8]), 1
		if distance >= 1<<7 { // seldom
			distance, size = binary.Uvarint(record[8:])
		}
		bucket += distance
		index := word >> indexShift & maxMembers
		if size <= 0 || distance > to || bucket < from || bucket >= to || index >= uint64(len(m.members)) {
			r.fail("no record")
			return
		}
		binary.LittleEndian.PutUint64(key[:], word>>tagShift)
		binary.LittleEndian.PutUint32(key[8:], uint32(bucket))
		p := flowcache.Pin{Slot: selector.Slot(index), State: flowcache.State(word & stateMask)}
		if p.Key.UnmarshalBinary(key[:]) != nil {
			r.fail("no key")
			return
		}
		p.Age = units[p.State] * time.Duration(word>>ageShift&maxAge)
		m.pins = append(m.pins, p)
		r.at += 8 + size
	}
}
