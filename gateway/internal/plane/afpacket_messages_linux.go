package plane

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
)

// messages are those of one call of sendmmsg(2), each of one part.
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

// send sends messages from one to before another, the first of them at least,
// or returns why that one can't be sent. It does not wait, so that the
// scheduler need not know of the call.
func (m *messages) send(socket, from, to int) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG,
		uintptr(socket), uintptr(unsafe.Pointer(&m.headers[from])), uintptr(to-from), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}
