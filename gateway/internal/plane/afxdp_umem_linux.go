package plane

import (
	"os"

	"golang.org/x/sys/unix"
)

const frameSize = 2048 // of which the kernel keeps 256 to itself

// A umem is the memory (UMEM) of a lane's AF_XDP sockets: each frame is free,
// received, or in a ring.
type umem struct {
	memory []byte
	free   []uint64 // places in memory
	held   []holder // by number
}

// A holder says by which socket a frame is being sent, and to what output, with
// an outer header of what size, or as a reply.
type holder struct {
	socket *afxdpSocket
	output uint16
	outer  int
	reply  bool
}

func newUmem(n int) (u umem, err error) {
	u.memory, err = unix.Mmap(-1, 0, n*frameSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return umem{}, os.NewSyscallError("mmap", err)
	}
	u.free, u.held = make([]uint64, n), make([]holder, n)
	for i := range u.free {
		u.free[i] = uint64(i) * frameSize
	}
	return u, nil
}

// at returns what is in a frame, whose place may be anywhere in it.
func (u *umem) at(d *unix.XDPDesc) []byte {
	end := d.Addr&^(frameSize-1) + frameSize
	return u.memory[d.Addr : d.Addr+uint64(d.Len) : end]
}

// take returns a free frame.
func (u *umem) take() uint64 {
	last := len(u.free) - 1
	place := u.free[last]
	u.free = u.free[:last]
	return place
}

// release makes a frame free.
func (u *umem) release(place uint64) {
	u.held[place/frameSize].socket = nil
	u.free = append(u.free, place&^(frameSize-1))
}

// releaseOf makes all frames free that a socket holds.
func (u *umem) releaseOf(s *afxdpSocket) {
	for i := range u.held {
		if u.held[i].socket == s {
			u.release(uint64(i) * frameSize)
		}
	}
}

func (u *umem) hold(place uint64, h holder) { u.held[place/frameSize] = h }

func (u *umem) holder(place uint64) holder { return u.held[place/frameSize] }

func (u *umem) unmap() error { return os.NewSyscallError("munmap", unix.Munmap(u.memory)) }
