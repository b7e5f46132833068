package plane

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

// NewAFPacket returns a plane of packet sockets, which works with every
// interface and its default offloads: what the kernel left undone of a frame,
// its checksum or its cutting into segments, is told in a virtio header and
// passed on.
//
// The kernel sees every packet too, so it needs a blackhole route for the
// prefixes of the services, lest it forwards or answers as well. What is no IP
// packet to this router is left to it: ARP, neighbour discovery, frames with
// VLAN tags. Several workers share packets by a symmetric hash of the kernel's;
// fragments of one datagram all go to one worker.
//
// What the kernel left undone of a packet for a member in a tunnel is done here,
// since the virtio header has no name for that. UDP that was to be cut into
// fragments by the hardware is dropped.
//
// Give members' interfaces the MTU of those that packets come in by. A packet
// that is longer is dropped and counted. Its sender is told so with [ICMP] alone;
// without, the pieces of a segment that the kernel is to cut are dropped by the
// interface, and not counted here. The MTU is that of the last SetOutputs. The
// outer header of a tunnel takes from it.
//
// Errors are a [*ConfigError] or a [*DeviceError].
func NewAFPacket(c Config) (Plane, error) {
	return newClaiming(c, openAFPacket)
}

// NewSlowPath returns a plane of packet sockets for the packets that another
// plane leaves to the kernel. It keeps flows in the memory of that one, in
// place of one of its own; with nil it keeps none.
func NewSlowPath(c Config, flows Memory) (Plane, error) {
	c.Sticky = nil
	p, err := newUserspace(c, openAFPacket, flows)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// afpacketTransport is the lanes of packet sockets.
type afpacketTransport []*afpacketLane

func openAFPacket(c Config) (transport, error) {
	var w afpacketTransport
	for _, name := range c.In {
		with := -1
		for range c.Workers {
			l, err := openAFPacketLane(name, c.Workers > 1, with)
			if err != nil {
				return nil, errors.Join(&DeviceError{Device: name, Err: err}, w.close())
			}
			w = append(w, l)
			with = l.socket
		}
	}
	return w, nil
}

func (w afpacketTransport) lanes() []lane {
	lanes := make([]lane, len(w))
	for i, l := range w {
		lanes[i] = l
	}
	return lanes
}

func (afpacketTransport) mode() string { return "packet sockets" }

// admit has nothing to do: the sockets see all that comes.
func (afpacketTransport) admit([]netip.Prefix) error { return nil }

func (w afpacketTransport) close() error {
	var errs []error
	for _, l := range w {
		l.ports.close()
		errs = append(errs, l.ring.close(), unix.Close(l.socket), l.alarm.close())
	}
	return errors.Join(errs...)
}
