package plane

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
)

// messages are those of one call of sendmmsg(2), each of one part or two.
type messages struct {
	headers [engine.MaxBurst]message
	parts   [engine.MaxBurst][2]unix.Iovec
}

// A message is a struct mmsghdr.
type message struct {
	unix.Msghdr
	length uint32
}

// set makes some memory a message, or two pieces of memory.
func (m *messages) set(i int, pieces ...[]byte) {
	parts := &m.parts[i]
	for k, b := range pieces {
		parts[k].Base = unsafe.SliceData(b)
		parts[k].SetLen(len(b))
	}
	m.headers[i].Iov = &parts[0]
	m.headers[i].SetIovlen(len(pieces))
}

// send sends messages from one to before another, the first of them at least,
// or returns why that one can't be sent. It does not wait, so that the
// scheduler need not know of the call.
func (m *messages) send(socket, from, to int) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG,
		uintptr(socket), uintptr(unsafe.Pointer(&m.headers[from])), uintptr(to-from), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}
