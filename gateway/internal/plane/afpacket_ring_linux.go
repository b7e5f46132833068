package plane

import (
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An afpacketRing is the memory in which the kernel puts what a packet socket
// receives, a packet into each slot: TPACKET_V2. What is too long for a slot,
// such as a segment of 64 KB, is in the queue of the socket as well.
type afpacketRing struct {
	memory []byte
	next   uint32 // slot to look at
	held   uint32 // slots before next that the kernel must not write to
}

const (
	slotSize  = 2048
	slots     = 1 << 14
	blockSize = 64 * slotSize
)

// newAFPacketRing gives a socket a ring. It must have no address yet.
func newAFPacketRing(socket int) (*afpacketRing, error) {
	request := unix.TpacketReq{Block_size: blockSize, Block_nr: slots * slotSize / blockSize, Frame_size: slotSize,
		Frame_nr: slots}
	for name, value := range map[int]int{unix.PACKET_VERSION: unix.TPACKET_V2, unix.PACKET_COPY_THRESH: slotSize} {
		if err := unix.SetsockoptInt(socket, unix.SOL_PACKET, name, value); err != nil {
			return nil, os.NewSyscallError("setsockopt", err)
		}
	}
	if err := unix.SetsockoptTpacketReq(socket, unix.SOL_PACKET, unix.PACKET_RX_RING, &request); err != nil {
		return nil, os.NewSyscallError("setsockopt", err)
	}
	memory, err := unix.Mmap(socket, 0, slots*slotSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return &afpacketRing{memory: memory}, nil
}

func (r *afpacketRing) slot(i uint32) ([]byte, *unix.Tpacket2Hdr) {
	b := r.memory[i%slots*slotSize:][:slotSize:slotSize]
	return b, (*unix.Tpacket2Hdr)(unsafe.Pointer(&b[0]))
}

// take returns the next packet, with the virtio header before it, and whether
// that is whole; nil if there is none. It can be used until it is released.
func (r *afpacketRing) take() (packet []byte, whole bool) {
	b, header := r.slot(r.next)
	if atomic.LoadUint32(&header.Status)&unix.TP_STATUS_USER == 0 {
		return nil, false
	}
	r.next++
	r.held++
	return b[header.Mac-virtioSize:][:virtioSize+header.Snaplen], header.Snaplen == header.Len
}

// queued reports whether the packet last taken is in the queue of the socket.
func (r *afpacketRing) queued() bool {
	_, header := r.slot(r.next - 1)
	return header.Status&unix.TP_STATUS_COPY != 0
}

// release gives the slots back that were taken.
func (r *afpacketRing) release() {
	for ; r.held > 0; r.held-- {
		_, header := r.slot(r.next - r.held)
		atomic.StoreUint32(&header.Status, unix.TP_STATUS_KERNEL)
	}
}

func (r *afpacketRing) close() error { return os.NewSyscallError("munmap", unix.Munmap(r.memory)) }
