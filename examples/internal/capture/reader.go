package capture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// A Reader reads the packets of one capture of either byte order and of times
// in microseconds or nanoseconds. A raw IP packet gets an Ethernet header with
// zero addresses, so every frame begins with one. A Reader is not safe for
// concurrent use.
type Reader struct {
	source interface {
		ZeroCopyReadPacketData() ([]byte, gopacket.CaptureInfo, error)
	}
	link    layers.LinkType // link type of a pcap; in a pcapng each packet has its own
	packets int             // packets read so far, including the one at fault
	last    time.Time       // time of the packet before
	err     error           // error that ended the capture
}

// NewReader reads the header of a capture. It returns an [*Error] if the
// capture holds something else than Ethernet frames or IP packets. In a pcapng
// each packet has a link type, so [Reader.Next] returns that error.
func NewReader(r io.Reader) (*Reader, error) {
	b := bufio.NewReader(r)
	magic, err := b.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var first uint32
	if len(magic) == 4 {
		first = binary.BigEndian.Uint32(magic)
	}
	reader := &Reader{last: time.Unix(0, 0).UTC()}
	switch first {
	case 0x0a0d0d0a: // the type of a section header, the same in both byte orders
		reader.source, err = pcapgo.NewNgReader(b, pcapgo.NgReaderOptions{WantMixedLinkType: true})
		if err != nil {
			return nil, &Error{0, cause(err)}
		}
	// microseconds, then nanoseconds, in either byte order
	case 0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1:
		p, err := pcapgo.NewReader(b)
		if err != nil {
			return nil, &Error{0, cause(err)}
		}
		reader.source, reader.link = p, p.LinkType()
		if err := checkLink(reader.link); err != nil {
			return nil, &Error{0, err}
		}
	default:
		return nil, &Error{0, fmt.Errorf("%w: it begins with [% x]", ErrForeign, magic)}
	}
	return reader, nil
}

// Next reads the next packet. The frame uses the memory of buf if buf is large
// enough, and new memory otherwise. Next returns io.EOF at the end of the
// capture and an [*Error] where the rest cannot be read. Later calls return the
// same error.
func (r *Reader) Next(buf []byte) (Packet, error) {
	if r.err != nil {
		return Packet{}, r.err
	}
	p, err := r.next(buf)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &Error{r.packets, err}
	}
	r.err = err
	return p, err
}

func (r *Reader) next(buf []byte) (Packet, error) {
	data, info, err := r.source.ZeroCopyReadPacketData()
	if errors.Is(err, io.EOF) && info.CaptureLength == 0 {
		return Packet{}, io.EOF
	}
	r.packets++
	if err != nil {
		return Packet{}, cause(err)
	}
	if info.CaptureLength > info.Length {
		return Packet{}, fmt.Errorf("%w: %d bytes captured of %d", ErrDamaged, info.CaptureLength, info.Length)
	}
	link := r.link
	if len(info.AncillaryData) > 0 {
		link, _ = info.AncillaryData[0].(layers.LinkType)
	}
	if err := checkLink(link); err != nil {
		return Packet{}, err
	}
	if info.Timestamp.IsZero() {
		info.Timestamp = r.last // a simple packet block of a pcapng has no time
	}
	if s := info.Timestamp.Unix(); s < 0 || s > math.MaxUint32 {
		return Packet{}, fmt.Errorf("%w: its time is %d seconds after 1970", ErrDamaged, s)
	}
	r.last = info.Timestamp
	p := Packet{Time: info.Timestamp, Length: info.Length}
	if link != layers.LinkTypeEthernet {
		p.Frame, p.Length = appendEthernet(buf[:0], data), p.Length+14
		return p, nil
	}
	p.Frame = append(buf[:0], data...)
	return p, nil
}

// appendEthernet appends an Ethernet header and the IP packet to buf.
func appendEthernet(buf, packet []byte) []byte {
	var header [14]byte
	if len(packet) > 0 {
		switch packet[0] >> 4 {
		case 4:
			binary.BigEndian.PutUint16(header[12:], uint16(layers.EthernetTypeIPv4))
		case 6:
			binary.BigEndian.PutUint16(header[12:], uint16(layers.EthernetTypeIPv6))
		}
	}
	return append(append(buf, header[:]...), packet...)
}

// Link types of raw IP that package layers has no name for: DLT_RAW on most
// systems, and on OpenBSD.
const (
	linkTypeRaw        layers.LinkType = 12
	linkTypeRawOpenBSD layers.LinkType = 14
)

func checkLink(t layers.LinkType) error {
	switch t {
	case layers.LinkTypeEthernet, layers.LinkTypeRaw, layers.LinkTypeIPv4, layers.LinkTypeIPv6, linkTypeRaw,
		linkTypeRawOpenBSD:
		return nil
	}
	return fmt.Errorf("%w: %d (%v)", ErrLinkType, uint16(t), t)
}

// cause turns an error of pcapgo into a cause of an [*Error].
func cause(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTruncated
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}
