package plane

import (
	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"golang.org/x/sys/unix"
)

// losses count the frames of a worker that were lost before the engine saw them
// or after it decided on them. The engine counts the others.
type losses struct {
	unseen  map[string]uint64       // frames that did not reach the engine, by reason
	unsent  map[loss]engine.Traffic // what was for members
	replies engine.Traffic          // unsent
}

// A loss is what was for one member and was not sent, for one reason.
type loss struct {
	output uint16
	reason string
}

func newLosses() losses {
	return losses{unseen: make(map[string]uint64), unsent: make(map[loss]engine.Traffic)}
}

// lose counts a frame for a member that is not sent.
func (t *losses) lose(reason string, output uint16, frame []byte) {
	l := loss{output, reason}
	t.unsent[l] = plus(t.unsent[l], engine.Traffic{Frames: 1, Bytes: uint64(len(frame))})
}

// loseReply counts a reply that is not sent.
func (t *losses) loseReply(frame []byte) {
	t.replies.Frames++
	t.replies.Bytes += uint64(len(frame))
}

// Why a frame was lost, besides the reasons of the engine.
const (
	senderFull = "sender full" // a queue of the member's interface
	// the member's interface is not among those of SetOutputs
	noOutput = "no output"
	// dropped by the kernel because the gateway could not keep up
	overrun     = "receiver full"
	overMTU     = "over the MTU" // of the member's interface, with the outer header of a tunnel
	noRoom      = "no room for the outer header"
	oversized   = "over 64 KB"               // a segment of IPv4 or IPv6 "BIG TCP"
	unsupported = "unsupported segmentation" // of a kind that the virtio header has no name for

	tooManyPings = "ping over the rate"
)

// whyUnsent returns the reason that an error of sending stands for.
func whyUnsent(errno unix.Errno) string {
	switch errno {
	case unix.EAGAIN, unix.ENOBUFS:
		return senderFull
	case unix.ENETDOWN:
		return "interface down"
	case unix.ENXIO, unix.ENODEV:
		return "interface gone"
	case unix.EMSGSIZE:
		return overMTU
	}
	return errno.Error()
}
