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

// A Reader reads the packets of one capture of either byte order and of times
// in any unit. Every frame begins with an Ethernet header: packets of other
// links get one with zero addresses. It takes memory for one packet, and a few
// bytes for each interface of a pcapng. A Reader is not safe for concurrent
// use.
type Reader struct {
	source  source
	buf     []byte // of the packet that is read
	packets int    // packets read so far, including the one at fault
	skipped map[LinkType]int
	last    time.Time // time of the packet before
	err     error     // error that ended the capture
}

// A source reads the packets of one format.
type source interface {
	// next reads the next packet, into the memory of buf where that is enough.
	// It returns io.EOF at the end, and ErrTruncated or a wrapped ErrDamaged where
	// the rest can't be read.
	next(buf []byte) (record, error)
}

// A record is a packet as it stands in the capture.
type record struct {
	link   LinkType
	time   time.Time // zero if there is none
	data   []byte    // behind room bytes
	length int       // on the wire
}

// room is the space for an Ethernet header in front of the data of a record.
const room = 14

// longestCaptured is the most that is read of a packet, four times what tcpdump
// captures.
const longestCaptured = 1 << 20

// NewReader reads the header of a capture. It returns an [*Error] if that is no
// capture, or one whose link type is not served. In a pcapng each packet has a
// link type, so [Reader.Next] skips those that are not served.
func NewReader(r io.Reader) (*Reader, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	magic, err := b.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var first uint32
	if len(magic) == 4 {
		first = binary.LittleEndian.Uint32(magic)
	}
	reader := &Reader{last: time.Unix(0, 0).UTC(), skipped: map[LinkType]int{}}
	if first == sectionHeader { // the same in both byte orders
		reader.source = &pcapng{in: b}
		return reader, nil
	}
	format, ok := pcapFormats[first]
	if !ok {
		return nil, &Error{0, fmt.Errorf("%w: it begins with [% x]%s", ErrForeign, magic, hint(magic))}
	}
	if reader.source, err = newPcap(b, format); err != nil {
		return nil, &Error{0, err}
	}
	return reader, nil
}

// hint says what to do with a compressed capture, given its first bytes.
func hint(magic []byte) string {
	for start, tool := range map[string]string{
		"\x1f\x8b": "gzip", "\x28\xb5\x2f\xfd": "zstd", "\xfd7zX": "xz", "BZh": "bzip2",
	} {
		if len(magic) >= len(start) && string(magic[:len(start)]) == start {
			return fmt.Sprintf(", as %s does: decompress it by %[1]s -dc FILE, and read the standard input", tool)
		}
	}
	return ""
}

// Next reads the next packet that is served. The frame uses the memory of buf
// if buf is large enough, and new memory otherwise. Next returns io.EOF at the
// end of the capture and an [*Error] where the rest cannot be read. Later calls
// return the same error.
func (r *Reader) Next(buf []byte) (Packet, error) {
	for r.err == nil {
		p, served, err := r.next(buf)
		switch {
		case err == nil && served:
			return p, nil
		case errors.Is(err, io.EOF):
			r.err = io.EOF
		case err != nil:
			r.err = &Error{r.packets, err}
		}
	}
	return Packet{}, r.err
}

// Number returns how many packets were read, with those that were skipped: the
// number of the last one that Next returned, as other programs count.
func (r *Reader) Number() int { return r.packets }

// Skipped returns how many packets were skipped so far, by their link type.
func (r *Reader) Skipped() map[LinkType]int { return r.skipped }

func (r *Reader) next(buf []byte) (p Packet, served bool, err error) {
	rec, err := r.source.next(r.buf)
	if errors.Is(err, io.EOF) {
		return p, false, io.EOF
	}
	r.packets++
	if err != nil {
		return p, false, err
	}
	r.buf = rec.data
	// A time that no pcap can have, or none, as in a simple packet block.
	if s := rec.time.Unix(); s < 0 || s > math.MaxUint32 {
		rec.time = r.last
	}
	r.last = rec.time
	if !rec.link.served() {
		r.skipped[rec.link]++
		return p, false, nil
	}
	captured := len(rec.data) - room
	frame := rec.link.ethernet(rec.data)
	added := len(frame) - captured
	return Packet{rec.time, append(buf[:0], frame...), max(rec.length, captured) + added}, true, nil
}

// fill returns size bytes of the input behind room bytes, in the memory of buf
// where they fit.
func fill(in io.Reader, buf []byte, size int) ([]byte, error) {
	if cap(buf) < room+size {
		buf = make([]byte, room+size)
	}
	buf = buf[:room+size]
	if _, err := io.ReadFull(in, buf[room:]); err != nil {
		return nil, truncated(err)
	}
	return buf, nil
}

// truncated returns ErrTruncated for the end of the input.
func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTruncated
	}
	return err
}
