package capture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"time"
)

// Types of blocks of a pcapng.
const (
	sectionHeader   = 0x0a0d0d0a
	interfaceBlock  = 1
	oldPacketBlock  = 2
	simplePacket    = 3
	enhancedPacket  = 6
	byteOrderMagic  = 0x1a2b3c4d
	wrongOrderMagic = 0x4d3c2b1a
)

// A pcapng reads a pcapng. It keeps an [ngInterface] for each interface of the
// section that it is in, and nothing else of what it has read.
type pcapng struct {
	in         *bufio.Reader
	order      binary.ByteOrder
	interfaces []ngInterface
}

// An ngInterface is what the packets of an interface need.
type ngInterface struct {
	offset int64  // seconds to be added to times
	snap   uint32 // most bytes of a packet that are captured, 0: all
	link   LinkType
	unit   uint8 // of times: 10 to the power of -unit, with the top bit set 2 to that
}

// next reads blocks up to the end of the next packet.
func (p *pcapng) next(buf []byte) (record, error) {
	for {
		head, err := p.in.Peek(12) // the shortest block
		if len(head) == 0 && errors.Is(err, io.EOF) {
			return record{}, io.EOF
		}
		if err != nil {
			return record{}, truncated(err)
		}
		if binary.LittleEndian.Uint32(head) == sectionHeader {
			if err := p.section(head[8:]); err != nil {
				return record{}, err
			}
		}
		if p.order == nil {
			return record{}, fmt.Errorf("%w: a block before the section header", ErrDamaged)
		}
		typ, size := p.order.Uint32(head), p.order.Uint32(head[4:])
		if size < 12 || size%4 != 0 {
			return record{}, fmt.Errorf("%w: a block of %d bytes", ErrDamaged, size)
		}
		if _, err := p.in.Discard(8); err != nil {
			return record{}, err
		}
		body := &block{in: p.in, left: int64(size) - 12, order: p.order}
		rec, found, err := p.read(typ, body, buf)
		if err == nil {
			err = body.end(size)
		}
		if err != nil || found {
			return rec, err
		}
	}
}

// section starts a section, given the magic of its header.
func (p *pcapng) section(magic []byte) error {
	switch binary.LittleEndian.Uint32(magic) {
	case byteOrderMagic:
		p.order = binary.LittleEndian
	case wrongOrderMagic:
		p.order = binary.BigEndian
	default:
		return fmt.Errorf("%w: a section of byte order [% x]", ErrDamaged, magic)
	}
	p.interfaces = p.interfaces[:0]
	return nil
}

// read reads what counts of a block, and whether it is a packet.
func (p *pcapng) read(typ uint32, b *block, buf []byte) (rec record, found bool, err error) {
	switch typ {
	case sectionHeader:
		b.word() // byte order
		if major := b.half(); major != 1 && b.err == nil {
			return rec, false, fmt.Errorf("%w: version %d of pcapng", ErrDamaged, major)
		}
	case interfaceBlock:
		i := ngInterface{link: LinkType(b.half()), unit: 6}
		b.half()
		i.snap = b.word()
		b.options(func(code uint16, value []byte) {
			switch {
			case code == 9 && len(value) == 1: // if_tsresol
				i.unit = value[0]
			case code == 14 && len(value) == 8: // if_tsoffset
				i.offset = int64(p.order.Uint64(value))
			}
		})
		p.interfaces = append(p.interfaces, i)
	case enhancedPacket, oldPacketBlock, simplePacket:
		rec, err = p.packet(typ, b, buf)
		found = true
	}
	if b.err != nil {
		err = b.err
	}
	return rec, found, err
}

// packet reads a packet.
func (p *pcapng) packet(typ uint32, b *block, buf []byte) (rec record, err error) {
	var on, captured, length uint32
	var ticks uint64
	switch typ {
	case simplePacket:
		length = b.word()
		captured = length
	case oldPacketBlock:
		on = uint32(b.half())
		b.half() // packets dropped
	default:
		on = b.word()
	}
	if typ != simplePacket {
		ticks = uint64(b.word())<<32 | uint64(b.word())
		captured, length = b.word(), b.word()
	}
	if b.err != nil {
		return rec, b.err
	}
	if int64(on) >= int64(len(p.interfaces)) {
		return rec, fmt.Errorf("%w: interface %d of %d", ErrDamaged, on, len(p.interfaces))
	}
	i := p.interfaces[on]
	if typ == simplePacket && i.snap > 0 {
		captured = min(captured, i.snap)
	}
	if captured > longestCaptured || int64(captured) > b.left {
		return rec, fmt.Errorf("%w: %d bytes captured of %d", ErrDamaged, captured, length)
	}
	rec.link, rec.length = i.link, int(min(length, math.MaxInt32))
	if typ != simplePacket {
		rec.time = i.time(ticks)
	}
	rec.data, err = fill(p.in, buf, int(captured))
	b.left -= int64(captured)
	return rec, err
}

// time returns the time of a packet, or the zero time if that is too far from
// now.
func (i ngInterface) time(ticks uint64) time.Time {
	seconds, nanoseconds := uint64(0), uint64(0)
	switch n := uint64(i.unit &^ 0x80); {
	case i.unit&0x80 != 0 && n < 64:
		seconds = ticks >> n
		high, low := bits.Mul64(ticks&(1<<n-1), uint64(time.Second))
		nanoseconds = high<<(64-n)&-min(n, 1) | low>>n
	case i.unit&0x80 == 0 && n < 20:
		second := uint64(1)
		for range n {
			second *= 10
		}
		seconds = ticks / second
		high, low := bits.Mul64(ticks%second, uint64(time.Second))
		nanoseconds, _ = bits.Div64(high, low, second)
	default:
		return time.Time{}
	}
	if seconds > math.MaxInt32*4 || i.offset > math.MaxInt32*4 || i.offset < -math.MaxInt32*4 {
		return time.Time{}
	}
	return time.Unix(int64(seconds)+i.offset, int64(nanoseconds)).UTC()
}
