package control

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// peerOf says who opened a connection to a socket, as of that moment (SO_PEERCRED
// of unix(7)).
func peerOf(c *net.UnixConn) (string, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return "", err
	}
	var who *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		who, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err != nil {
		return "", err
	}
	if failed != nil {
		return "", failed
	}
	return fmt.Sprintf("uid %d pid %d", who.Uid, who.Pid), nil
}
