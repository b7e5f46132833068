package plane

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
)

// messages are those of one call of recvmmsg(2) or sendmmsg(2), each of one part.
type messages struct {
	headers [engine.MaxBurst]message
	parts   [engine.MaxBurst]unix.Iovec
}

// A message is a struct mmsghdr.
type message struct {
	unix.Msghdr
	length uint32
}

// set makes b the memory of a message.
func (m *messages) set(i int, b []byte) {
	m.parts[i].Base = unsafe.SliceData(b)
	m.parts[i].SetLen(len(b))
	m.headers[i].Iov = &m.parts[i]
	m.headers[i].SetIovlen(1)
}

// receive fills the first messages, as many as there are, without waiting.
func (m *messages) receive(socket int) (int, unix.Errno) {
	return m.call(unix.SYS_RECVMMSG, socket, 0, len(m.headers))
}

// send sends messages from one to before another, the first of them at least, or returns why that one can't be sent.
func (m *messages) send(socket, from, to int) (int, unix.Errno) {
	return m.call(unix.SYS_SENDMMSG, socket, from, to)
}

func (m *messages) call(number uintptr, socket, from, to int) (int, unix.Errno) {
	n, _, errno := unix.Syscall6(number, uintptr(socket), uintptr(unsafe.Pointer(&m.headers[from])), uintptr(to-from), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// truncated reports whether a message that was received did not fit into its memory.
func (m *messages) truncated(i int) bool { return m.headers[i].Flags&unix.MSG_TRUNC != 0 }
