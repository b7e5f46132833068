package plane

import (
	"os"

	"golang.org/x/sys/unix"
)

const frameSize = 2048 // of which the kernel keeps 256 to itself

// frames are the memory of a lane's AF_XDP sockets: each frame is free,
// received, or in a ring.
type frames struct {
	memory []byte
	free   []uint64 // places in memory
	held   []holder // by number
}

// A holder says by which socket a frame is being sent, and to what output or as
// a reply.
type holder struct {
	socket *xdpSocket
	output uint16
	reply  bool
}

func newFrames(n int) (f frames, err error) {
	f.memory, err = unix.Mmap(-1, 0, n*frameSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return frames{}, os.NewSyscallError("mmap", err)
	}
	f.free, f.held = make([]uint64, n), make([]holder, n)
	for i := range f.free {
		f.free[i] = uint64(i) * frameSize
	}
	return f, nil
}

// at returns what is in a frame, whose place may be anywhere in it.
func (f *frames) at(d *unix.XDPDesc) []byte {
	end := d.Addr&^(frameSize-1) + frameSize
	return f.memory[d.Addr : d.Addr+uint64(d.Len) : end]
}

// take returns a free frame.
func (f *frames) take() uint64 {
	last := len(f.free) - 1
	place := f.free[last]
	f.free = f.free[:last]
	return place
}

// release makes a frame free.
func (f *frames) release(place uint64) {
	f.held[place/frameSize].socket = nil
	f.free = append(f.free, place&^(frameSize-1))
}

// releaseOf makes all frames free that a socket holds.
func (f *frames) releaseOf(s *xdpSocket) {
	for i := range f.held {
		if f.held[i].socket == s {
			f.release(uint64(i) * frameSize)
		}
	}
}

func (f *frames) hold(place uint64, h holder) { f.held[place/frameSize] = h }

func (f *frames) holder(place uint64) holder { return f.held[place/frameSize] }

func (f *frames) unmap() error { return os.NewSyscallError("munmap", unix.Munmap(f.memory)) }
