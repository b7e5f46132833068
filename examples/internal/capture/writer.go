package capture

import (
	"bufio"
	"errors"
	"io"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// A Writer writes Ethernet frames to a pcap, with times in nanoseconds. It is
// not safe for concurrent use.
type Writer struct {
	to     io.WriteCloser
	buffer *bufio.Writer
	pcap   *pcapgo.Writer
}

// NewWriter writes the header of a capture.
func NewWriter(to io.WriteCloser) (*Writer, error) {
	b := bufio.NewWriterSize(to, 1<<16)
	w := &Writer{to, b, pcapgo.NewWriterNanos(b)}
	const longest = 262144 // what tcpdump accepts
	return w, w.pcap.WriteFileHeader(longest, layers.LinkTypeEthernet)
}

// Write writes a packet.
func (w *Writer) Write(p Packet) error {
	return w.pcap.WritePacket(gopacket.CaptureInfo{Timestamp: p.Time, CaptureLength: len(p.Frame),
		Length: p.Length}, p.Frame)
}

// Close writes the buffered packets and closes the file.
func (w *Writer) Close() error { return errors.Join(w.buffer.Flush(), w.to.Close()) }
