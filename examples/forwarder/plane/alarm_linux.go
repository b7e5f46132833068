package plane

import (
	"encoding/binary"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// An alarm wakes a goroutine that waits for sockets.
type alarm struct {
	event int
	polls []unix.PollFd
}

func newAlarm() (*alarm, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	return &alarm{event: fd, polls: []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}}, nil
}

// watch has wait return when there is something in the socket too.
func (a *alarm) watch(socket int) {
	a.polls = append(a.polls, unix.PollFd{Fd: int32(socket), Events: unix.POLLIN})
}

// ring ends the wait of now, or the next one.
func (a *alarm) ring() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(a.event, one[:]) // fails only if it rings already
}

// wait returns when there is something to do, or after some time.
func (a *alarm) wait(limit time.Duration) error {
	if _, err := unix.Poll(a.polls, int(limit.Milliseconds())); err != nil && !errors.Is(err, unix.EINTR) {
		return os.NewSyscallError("poll", err)
	}
	if a.polls[0].Revents != 0 {
		var count [8]byte
		_, _ = unix.Read(a.event, count[:]) // fails only if it was silenced before
	}
	return nil
}

func (a *alarm) close() error { return os.NewSyscallError("close", unix.Close(a.event)) }
