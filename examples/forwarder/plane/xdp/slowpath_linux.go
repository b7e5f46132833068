package xdp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/forwarder/plane"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/symmetric"
)

// A slowPath forwards what the program passed to the kernel: an engine on packet sockets, a frame at a time.
type slowPath struct {
	mu      sync.Mutex // held for each frame
	worker  *engine.Worker
	outputs map[uint16]output
	lost    uint64 // frames that a socket had no room for
	unsent  uint64 // frames that a device did not take
}

func newSlowPath(c plane.Config, f *flows) *slowPath {
	config := engine.Config{
		Routes: new(engine.Routes),
		Hasher: hash.Keyed{Extractor: hash.FiveTuple, Hasher: symmetric.Hasher{Base: hash.XX{Seed: c.Seed}}},
	}
	if f != nil {
		config.Router = f
	}
	return &slowPath{worker: engine.NewWorker(config)}
}

func (s *slowPath) setRoutes(r *engine.Routes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.worker.SetRoutes(r)
}

func (s *slowPath) setOutputs(outputs map[uint16]output) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outputs = outputs
}

// count adds what the slow path has seen.
func (s *slowPath) count(c *plane.Counters, outputs map[uint16]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.worker.Counters()
	add := func(to, more engine.Traffic) engine.Traffic {
		return engine.Traffic{Frames: to.Frames + more.Frames, Bytes: to.Bytes + more.Bytes}
	}
	c.In = add(c.In, seen.In)
	for number := range outputs {
		c.Members[number] = add(c.Members[number], seen.Member(number))
	}
	for reason, n := range seen.Drops() {
		c.Dropped[reason.String()] += n
	}
	c.In.Frames += s.lost
	c.Dropped["queue full"] += s.lost
	c.Dropped["not sent"] += s.unsent
}

// A tap is a packet socket on an interface.
type tap struct {
	*os.File
	conn interface {
		Read(f func(fd uintptr) bool) error
		Control(f func(fd uintptr)) error
	}
}

// openTap opens a socket that receives what the program passes. It belongs to the namespace of the calling thread.
func openTap(device *net.Interface) (_ tap, err error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return tap{}, os.NewSyscallError("socket", err)
	}
	file := os.NewFile(uintptr(fd), "packet socket on "+device.Name)
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("xdp: %s: %w", device.Name, err), file.Close())
		}
	}()
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		return tap{}, os.NewSyscallError("PACKET_IGNORE_OUTGOING", err)
	}
	address := unix.SockaddrLinklayer{Protocol: uint16(bigEndian(unix.ETH_P_ALL)), Ifindex: device.Index}
	if err := unix.Bind(fd, &address); err != nil {
		return tap{}, os.NewSyscallError("bind", err)
	}
	conn, err := file.SyscallConn()
	if err != nil {
		return tap{}, err
	}
	return tap{file, conn}, nil
}

// forward forwards what comes in by a tap until it is closed or its deadline has passed.
func (s *slowPath) forward(t tap) error {
	buf := make([]byte, 1<<16+64)
	for {
		var n int
		var from unix.Sockaddr
		var failed error
		err := t.conn.Read(func(fd uintptr) bool {
			n, from, failed = unix.Recvfrom(int(fd), buf, 0)
			return !errors.Is(failed, unix.EAGAIN) && !errors.Is(failed, unix.EINTR)
		})
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, os.ErrClosed):
			return nil
		case err != nil:
			return err
		case errors.Is(failed, unix.ENETDOWN): // and up again, perhaps
			continue
		case failed != nil:
			return os.NewSyscallError("recvfrom", failed)
		}
		if ll, ok := from.(*unix.SockaddrLinklayer); !ok || ll.Pkttype == unix.PACKET_OTHERHOST {
			continue
		}
		if err := t.conn.Control(func(fd uintptr) { s.frame(int(fd), buf[:n]) }); err != nil {
			return err
		}
	}
}

// frame forwards one frame, by the socket that it came in by.
func (s *slowPath) frame(fd int, frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var d [1]engine.Decision
	s.worker.Burst(d[:], [][]byte{frame}, monotonic())
	if statistics, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
		s.lost += uint64(statistics.Drops)
	}
	if d[0].Hop == nil {
		return
	}
	to := unix.SockaddrLinklayer{Ifindex: int(s.outputs[d[0].Hop.Output].index), Protocol: uint16(bigEndian(unix.ETH_P_IP))}
	if err := unix.Sendto(fd, frame, 0, &to); err != nil {
		s.unsent++
	}
}

// stop makes forward return.
func (t tap) stop() { _ = t.SetReadDeadline(time.Unix(1, 0)) }
