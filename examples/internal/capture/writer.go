package capture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// A Writer writes Ethernet frames to a pcap, with times in nanoseconds. It is
// not safe for concurrent use.
type Writer struct {
	to     io.WriteCloser
	buffer *bufio.Writer
	header []byte
}

// NewWriter writes the header of a capture.
func NewWriter(to io.WriteCloser) (*Writer, error) {
	w := &Writer{to: to, buffer: bufio.NewWriterSize(to, 1<<16)}
	const longest = 262144 // what tcpdump accepts
	h := w.words(0xa1b23c4d, 4<<16|2, 0, 0, longest, uint32(linkEthernet))
	_, err := w.buffer.Write(h)
	return w, err
}

// words returns words in little-endian order, until the next call.
func (w *Writer) words(words ...uint32) []byte {
	w.header = w.header[:0]
	for _, v := range words {
		w.header = binary.LittleEndian.AppendUint32(w.header, v)
	}
	return w.header
}

// Write writes a packet.
func (w *Writer) Write(p Packet) error {
	h := w.words(uint32(p.Time.Unix()), uint32(p.Time.Nanosecond()), uint32(len(p.Frame)), uint32(p.Length))
	if _, err := w.buffer.Write(h); err != nil {
		return err
	}
	_, err := w.buffer.Write(p.Frame)
	return err
}

// Close writes the buffered packets and closes the file.
func (w *Writer) Close() error { return errors.Join(w.buffer.Flush(), w.to.Close()) }
