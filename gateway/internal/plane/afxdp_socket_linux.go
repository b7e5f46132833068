package plane

import (
	"errors"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An afxdpSocket is an AF_XDP socket on one queue of an interface. It belongs
// to a lane, in whose memory its frames are.
type afxdpSocket struct {
	lane     *afxdpLane
	fd       int
	device   int
	receives bool // it is of an interface that packets come in by; others only send

	fill, completion afxdpRing[uint64]
	rx, tx           afxdpRing[unix.XDPDesc]
	next             uint32             // where the next entry of tx goes
	holds            int                // frames, in tx or on their way to completion
	statistics       unix.XDPStatistics // as of the last look
}

func (s *afxdpSocket) index() int { return s.device }

func (s *afxdpSocket) close() {
	if !s.receives {
		s.lane.closeSender(s)
	}
}

// openAFXDPSocket opens a socket on a queue. The first socket of some memory
// has no other to share that with, and decides by its flags whether frames are
// copied.
func openAFXDPSocket(device, queue int, memory []byte, with *afxdpSocket, flags uint16) (_ *afxdpSocket, err error) {
	s := &afxdpSocket{device: device}
	if s.fd, err = unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	defer func() {
		if err != nil {
			s.free()
		}
	}()
	address := &unix.SockaddrXDP{Flags: flags | unix.XDP_USE_NEED_WAKEUP, Ifindex: uint32(device),
		QueueID: uint32(queue)}
	if with == nil {
		area := unix.XDPUmemReg{Addr: uint64(uintptr(unsafe.Pointer(&memory[0]))), Len: uint64(len(memory)),
			Size: frameSize}
		if err := setXDP(s.fd, unix.XDP_UMEM_REG, &area); err != nil {
			return nil, err
		}
	} else {
		address.Flags, address.SharedUmemFD = unix.XDP_SHARED_UMEM, uint32(with.fd)
	}
	for _, name := range []int{unix.XDP_UMEM_FILL_RING, unix.XDP_UMEM_COMPLETION_RING, unix.XDP_RX_RING,
		unix.XDP_TX_RING} {
		size := uint32(ringSize)
		if err := setXDP(s.fd, name, &size); err != nil {
			return nil, err
		}
	}
	var offsets unix.XDPMmapOffsets
	if err := getXDP(s.fd, unix.XDP_MMAP_OFFSETS, &offsets); err != nil {
		return nil, err
	}
	var errs [4]error
	s.fill, errs[0] = mapAFXDPRing[uint64](s.fd, unix.XDP_UMEM_PGOFF_FILL_RING, offsets.Fr)
	s.completion, errs[1] = mapAFXDPRing[uint64](s.fd, unix.XDP_UMEM_PGOFF_COMPLETION_RING, offsets.Cr)
	s.rx, errs[2] = mapAFXDPRing[unix.XDPDesc](s.fd, unix.XDP_PGOFF_RX_RING, offsets.Rx)
	s.tx, errs[3] = mapAFXDPRing[unix.XDPDesc](s.fd, unix.XDP_PGOFF_TX_RING, offsets.Tx)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	// More frames a call than 32, where the kernel can (6.17); where not, it
	// takes more calls.
	budget := uint32(ringSize)
	_ = setXDP(s.fd, unix.XDP_MAX_TX_SKB_BUDGET, &budget)
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, ringSize*frameSize); err != nil {
		return nil, os.NewSyscallError("setsockopt", err)
	}
	return s, bind(s.fd, address)
}

// bind waits for a queue whose last socket was closed a moment ago: the kernel
// is not done with it yet.
func bind(socket int, address *unix.SockaddrXDP) error {
	for tries := 0; ; tries++ {
		err := unix.Bind(socket, address)
		if !errors.Is(err, unix.EBUSY) || tries == 500 {
			return os.NewSyscallError("bind", err)
		}
		time.Sleep(time.Second / 100)
	}
}

func setXDP[T any](socket, name int, value *T) error {
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(socket), unix.SOL_XDP, uintptr(name),
		uintptr(unsafe.Pointer(value)), unsafe.Sizeof(*value), 0)
	if errno != 0 {
		return os.NewSyscallError("setsockopt", errno)
	}
	return nil
}

func getXDP[T any](socket, name int, value *T) error {
	size := uint32(unsafe.Sizeof(*value))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(socket), unix.SOL_XDP, uintptr(name),
		uintptr(unsafe.Pointer(value)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return os.NewSyscallError("getsockopt", errno)
	}
	return nil
}

// call has the kernel look at the transmit ring, by sendto(2), or the fill
// ring, by recvfrom(2). It does not wait, so that the scheduler need not know
// of the call.
func (s *afxdpSocket) call(number uintptr) unix.Errno {
	_, _, errno := unix.RawSyscall6(number, uintptr(s.fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
	return errno
}

// sent returns up to where the kernel has taken entries from tx.
func (s *afxdpSocket) sent() uint32 {
	sent, _ := s.tx.filled()
	return sent
}

// lost returns how many frames the kernel dropped since the last look, since
// there was no room for them, or they were too long.
func (s *afxdpSocket) lost() uint64 {
	var now unix.XDPStatistics
	if getXDP(s.fd, unix.XDP_STATISTICS, &now) != nil {
		return 0
	}
	n := now.Rx_dropped - s.statistics.Rx_dropped + now.Rx_ring_full - s.statistics.Rx_ring_full
	s.statistics = now
	return n
}

func (s *afxdpSocket) free() {
	_ = unix.Close(s.fd) // there is no more to be done with it
	s.fill.unmap()
	s.completion.unmap()
	s.rx.unmap()
	s.tx.unmap()
}
