package health

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// setMark has the packets of a socket have a mark, which takes CAP_NET_ADMIN.
func setMark(c syscall.RawConn, mark uint32) (err error) {
	return errors.Join(c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, int(mark))
	}), err)
}
