package plane

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"

	"golang.org/x/sys/unix"
)

// ErrClaimed is the fault of an interface that another gateway receives from.
// Two would send every packet twice.
var ErrClaimed = errors.New("another gateway receives from it")

// Claim keeps other gateways from the interfaces that packets come in by, until
// release is called or the process ends. What keeps them is a socket for each,
// with an abstract name, which is of the network namespace of the calling
// thread. The error is a [*DeviceError], with [ErrClaimed] and the process that
// has the interface. A name that a process took that could not be a gateway is
// of no effect, since anybody may take any.
func Claim(names []string) (release func() error, err error) {
	var sockets []int
	release = func() (err error) {
		for _, s := range sockets {
			err = errors.Join(err, unix.Close(s))
		}
		return err
	}
	for _, name := range names {
		device, err := Interface(name)
		var socket int
		if err == nil {
			socket, err = claim(device.Index)
		}
		if err != nil {
			return nil, errors.Join(&DeviceError{Device: name, Err: err}, release())
		}
		if socket >= 0 {
			sockets = append(sockets, socket)
		}
	}
	return release, nil
}

// claim returns the socket that claims an interface; -1 if it can't be had, and
// no gateway has it.
func claim(index int) (socket int, err error) {
	name := &unix.SockaddrUnix{Name: fmt.Sprintf("@ecmp-gateway/interface/%d", index)}
	socket, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	if err = unix.Bind(socket, name); err == nil {
		err = unix.Listen(socket, unix.SOMAXCONN)
	}
	if err == nil {
		return socket, nil
	}
	failed := unix.Close(socket)
	if !errors.Is(err, unix.EADDRINUSE) {
		return -1, errors.Join(err, failed)
	}
	pid, err := owner(name)
	if err != nil || !mayReceive(pid) {
		return -1, nil //nolint:nilerr // it is gone by now, or is no gateway
	}
	return -1, fmt.Errorf("%w: process %d", ErrClaimed, pid)
}

// owner returns the process that listens at an address.
func owner(name *unix.SockaddrUnix) (pid int, err error) {
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(socket) //nolint:errcheck // nothing was written
	// After thousands have asked, the process is not told: no one answers them.
	if err := unix.Connect(socket, name); err != nil && !errors.Is(err, unix.EAGAIN) {
		return 0, err
	}
	who, err := unix.GetsockoptUcred(socket, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, err
	}
	return int(who.Pid), nil
}

// mayReceive reports whether a process has what a packet socket takes. One that
// is not to be seen may have it.
func mayReceive(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return true
	}
	found := regexp.MustCompile(`(?m)^CapEff:\s*([0-9a-f]+)`).FindSubmatch(status)
	if found == nil {
		return true
	}
	set, err := strconv.ParseUint(string(found[1]), 16, 64)
	return err != nil || set>>unix.CAP_NET_RAW&1 != 0
}
