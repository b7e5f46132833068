package capture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// A pcapFormat is what the first four bytes of a pcap say.
type pcapFormat struct {
	order    binary.ByteOrder
	unit     time.Duration // of the second word of a time
	modified bool          // longer packet headers, by a patch of 1998
}

// pcapFormats are the formats by the first four bytes, read as little-endian.
var pcapFormats = map[uint32]pcapFormat{ //nolint:gochecknoglobals // read-only
	0xa1b2c3d4: {binary.LittleEndian, time.Microsecond, false},
	0xd4c3b2a1: {binary.BigEndian, time.Microsecond, false},
	0xa1b23c4d: {binary.LittleEndian, time.Nanosecond, false},
	0x4d3cb2a1: {binary.BigEndian, time.Nanosecond, false},
	0xa1b2cd34: {binary.LittleEndian, time.Microsecond, true},
	0x34cdb2a1: {binary.BigEndian, time.Microsecond, true},
}

// A pcap reads a pcap, of the versions 2.0 to 2.4.
type pcap struct {
	in     *bufio.Reader
	format pcapFormat
	minor  uint16 // version
	link   LinkType
}

func newPcap(in *bufio.Reader, format pcapFormat) (*pcap, error) {
	const size = 24
	header, err := in.Peek(size)
	if err != nil {
		return nil, truncated(err)
	}
	major, minor := format.order.Uint16(header[4:]), format.order.Uint16(header[6:])
	if major != 2 || minor > 4 {
		return nil, fmt.Errorf("%w: version %d.%d", ErrDamaged, major, minor)
	}
	// The upper half tells the length of a check sequence behind frames.
	p := &pcap{in, format, minor, LinkType(format.order.Uint32(header[20:]))}
	if !p.link.served() {
		return nil, fmt.Errorf("%w: %v", ErrLinkType, p.link)
	}
	_, err = in.Discard(size)
	return p, err
}

func (p *pcap) next(buf []byte) (record, error) {
	size := 16
	if p.format.modified {
		size = 24
	}
	header, err := p.in.Peek(size)
	if len(header) == 0 && errors.Is(err, io.EOF) {
		return record{}, io.EOF
	}
	if err != nil {
		return record{}, truncated(err)
	}
	word := func(i int) uint32 { return p.format.order.Uint32(header[4*i:]) }
	at := time.Unix(int64(word(0)), int64(word(1))*int64(p.format.unit)).UTC()
	captured, length := word(2), word(3)
	// Before version 2.3 the length came first, and in 2.3 it could.
	if p.minor < 3 || p.minor == 3 && captured > length {
		captured, length = length, captured
	}
	if captured > longestCaptured {
		return record{}, fmt.Errorf("%w: %d bytes captured of %d", ErrDamaged, captured, length)
	}
	if _, err := p.in.Discard(size); err != nil {
		return record{}, err
	}
	data, err := fill(p.in, buf, int(captured))
	return record{p.link, at, data, int(min(length, math.MaxInt32))}, err
}
