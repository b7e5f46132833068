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
	busy  bool // the lane received something since the last wait
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

// ring ends the wait that is under way, or else the next one.
func (a *alarm) ring() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(a.event, one[:]) // fails only if it rings already
}

// wait returns when a socket has something, when ring was called, or after the
// limit. Idle says that nothing came, or that a socket has an error. The first
// call after work only yields the processor, since packets often come in that
// time, and to sleep and be woken costs more, in the kernel and in Go's
// scheduler.
func (a *alarm) wait(limit time.Duration) (idle bool, err error) {
	if a.busy {
		a.busy = false
		_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		return false, nil
	}
	n, err := unix.Poll(a.polls, int(limit.Milliseconds()))
	if err != nil && !errors.Is(err, unix.EINTR) {
		return false, os.NewSyscallError("poll", err)
	}
	if a.polls[0].Revents != 0 {
		var count [8]byte
		_, _ = unix.Read(a.event, count[:]) // fails only if it was silenced before
	}
	for _, p := range a.polls[1:] {
		idle = idle || p.Revents&unix.POLLERR != 0
	}
	return idle || n == 0, nil
}

func (a *alarm) close() error { return os.NewSyscallError("close", unix.Close(a.event)) }
