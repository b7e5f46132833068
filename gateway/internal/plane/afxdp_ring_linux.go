package plane

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

const ringSize = 2048 // entries of each ring, a power of two

// An afxdpRing is one half of the rings that an AF_XDP socket shares with the
// kernel: T is uint64, the address of a frame, for the fill and completion
// rings, and unix.XDPDesc for receive and transmit. One side produces and the
// other consumes.
type afxdpRing[T any] struct {
	producer, consumer, flags *uint32
	entries                   *[ringSize]T
	memory                    []byte
}

func mapAFXDPRing[T any](socket int, at int64, offsets unix.XDPRingOffset) (afxdpRing[T], error) {
	var entry T
	size := int(offsets.Desc) + ringSize*int(unsafe.Sizeof(entry))
	b, err := unix.Mmap(socket, at, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return afxdpRing[T]{}, err
	}
	return afxdpRing[T]{
		producer: (*uint32)(unsafe.Pointer(&b[offsets.Producer])),
		consumer: (*uint32)(unsafe.Pointer(&b[offsets.Consumer])),
		flags:    (*uint32)(unsafe.Pointer(&b[offsets.Flags])),
		entries:  (*[ringSize]T)(unsafe.Pointer(&b[offsets.Desc])),
		memory:   b,
	}, nil
}

func (r *afxdpRing[T]) unmap() {
	if r.memory != nil {
		_ = unix.Munmap(r.memory) // it is mapped
	}
}

// at returns the entry with this number.
func (r *afxdpRing[T]) at(i uint32) *T { return &r.entries[i%ringSize] }

// filled returns from where to where there are entries to consume.
func (r *afxdpRing[T]) filled() (from, to uint32) {
	return atomic.LoadUint32(r.consumer), atomic.LoadUint32(r.producer)
}

// room returns where the next entry goes, and how many there is room for.
func (r *afxdpRing[T]) room() (next uint32, n int) {
	from, to := r.filled()
	return to, ringSize - int(to-from)
}

// produce passes the entries before next on to the kernel, and consume gives
// those before next back.
func (r *afxdpRing[T]) produce(next uint32) { atomic.StoreUint32(r.producer, next) }
func (r *afxdpRing[T]) consume(next uint32) { atomic.StoreUint32(r.consumer, next) }

// needsWakeup reports whether the kernel looks at what was produced only when
// it is called.
func (r *afxdpRing[T]) needsWakeup() bool {
	return atomic.LoadUint32(r.flags)&unix.XDP_RING_NEED_WAKEUP != 0
}
