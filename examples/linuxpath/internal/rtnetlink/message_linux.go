package rtnetlink

import (
	"encoding/binary"
	"fmt"
	"iter"

	"golang.org/x/sys/unix"
)

const (
	headerSize  = 16 // struct nlmsghdr
	routeSize   = 12 // struct rtmsg
	nexthopSize = 8  // struct nhmsg
)

// A message is a netlink message under construction, or one that came.
type message struct {
	typ  uint16
	seq  uint32
	body []byte
}

// begin appends the header of a request and its fixed part to b, and returns
// where it starts.
func begin(b []byte, typ, flags uint16, seq uint32, fixed []byte) ([]byte, int) {
	start := len(b)
	b = append(b, make([]byte, headerSize)...)
	binary.NativeEndian.PutUint16(b[start+4:], typ)
	binary.NativeEndian.PutUint16(b[start+6:], unix.NLM_F_REQUEST|flags)
	binary.NativeEndian.PutUint32(b[start+8:], seq)
	return append(b, fixed...), start
}

// end sets the length of the message that starts at start.
func end(b []byte, start int) { binary.NativeEndian.PutUint32(b[start:], uint32(len(b)-start)) }

func appendAttr(b []byte, typ uint16, value ...byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(4+len(value)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// messages returns the messages of a datagram, as far as it is sound.
func messages(b []byte) iter.Seq[message] {
	return func(yield func(message) bool) {
		for len(b) >= headerSize {
			size := int(binary.NativeEndian.Uint32(b))
			if size < headerSize || size > len(b) {
				return
			}
			m := message{binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint32(b[8:]), b[headerSize:size]}
			if !yield(m) {
				return
			}
			b = b[min(len(b), aligned(size)):]
		}
	}
}

// attributes returns types and values of the attributes in b, as far as it is
// sound.
func attributes(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= 4 {
			size := int(binary.NativeEndian.Uint16(b))
			if size < 4 || size > len(b) {
				return
			}
			const kind = 0x3fff // without the flags "nested" and "network order"
			if !yield(binary.NativeEndian.Uint16(b[2:])&kind, b[4:size]) {
				return
			}
			b = b[min(len(b), aligned(size)):]
		}
	}
}

func aligned(n int) int { return (n + 3) &^ 3 }

// err returns the error that the message carries, or nil.
func (m message) err() error {
	if m.typ != unix.NLMSG_ERROR || len(m.body) < 4 {
		return nil
	}
	if code := int32(binary.NativeEndian.Uint32(m.body)); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}

// attrs returns the attributes behind a fixed part of the given size.
func (m message) attrs(fixed int) ([]byte, error) {
	if len(m.body) < fixed {
		return nil, fmt.Errorf("message %d of %d bytes", m.typ, len(m.body))
	}
	return m.body[fixed:], nil
}
