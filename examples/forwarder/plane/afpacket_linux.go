package plane

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
)

// NewAFPacket returns a plane of packet sockets, which works with every interface and its default offloads: what the kernel left
// undone of a frame, its checksum or its cutting into segments, is told in a virtio header and passed on.
//
// The kernel sees every packet too, so it needs a blackhole route for the prefixes of the services, lest it forwards or answers
// as well. What is no IP packet to this router is left to it: ARP, neighbour discovery, frames with VLAN tags. Several
// workers share packets by a symmetric hash of the kernel's; fragments of one datagram all go to one worker.
//
// Errors are a [*ConfigError] or a [*DeviceError].
func NewAFPacket(c Config) (Plane, error) {
	p, err := newUserspace(c, openPacketWays, nil)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// NewSlowPath returns a plane of packet sockets for the packets that another plane leaves to the kernel. It keeps flows in the
// memory of that one, in place of one of its own; with nil it keeps none.
func NewSlowPath(c Config, flows engine.Router) (Plane, error) {
	c.Sticky = nil
	p, err := newUserspace(c, openPacketWays, flows)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// packetWays are the lanes of packet sockets.
type packetWays []*packetLane

func openPacketWays(c Config) (ways, error) {
	var w packetWays
	for _, name := range c.In {
		with := -1
		for range c.Workers {
			l, err := openPacketLane(name, c.Workers > 1, with)
			if err != nil {
				return nil, errors.Join(&DeviceError{Device: name, Err: err}, w.close())
			}
			w = append(w, l)
			with = l.socket
		}
	}
	return w, nil
}

func (w packetWays) lanes() []lane {
	lanes := make([]lane, len(w))
	for i, l := range w {
		lanes[i] = l
	}
	return lanes
}

// admit has nothing to do: the sockets see all that comes.
func (packetWays) admit([]netip.Prefix) error { return nil }

func (w packetWays) close() error {
	var errs []error
	for _, l := range w {
		l.ports.close()
		errs = append(errs, unix.Close(l.socket), l.alarm.close())
	}
	return errors.Join(errs...)
}

// packetLane is a lane that receives by one socket and sends by one for each interface.
type packetLane struct {
	tally
	device string
	socket int
	alarm  *alarm
	ports  ports[*packetPort]

	in      messages // each with the virtio header first
	buffers [engine.MaxBurst][]byte
	burst   [engine.MaxBurst][]byte // the frames received
	whole   [engine.MaxBurst][]byte // the same with their virtio headers

	out     messages
	pending [engine.MaxBurst]int // indices of frames in the burst
	batch   [engine.MaxBurst]int // those of out
	reply   []byte
}

// packetPort is a socket that only sends.
type packetPort struct{ socket, device int }

func (p *packetPort) index() int { return p.device }

func (p *packetPort) close() { _ = unix.Close(p.socket) } // nothing is unsent

// openPacketLane opens a lane that receives from an interface; with a share of its packets, if it is one of several.
func openPacketLane(device string, shared bool, with int) (*packetLane, error) {
	d, err := net.InterfaceByName(device)
	if err != nil {
		return nil, err
	}
	l := &packetLane{tally: newTally(), device: device}
	l.ports.open = func(d *net.Interface) (*packetPort, error) {
		socket, err := openPacketSocket(d.Index, 0)
		return &packetPort{socket, d.Index}, err
	}
	if l.alarm, err = newAlarm(); err != nil {
		return nil, err
	}
	if l.socket, err = openPacketSocket(d.Index, unix.ETH_P_ALL); err == nil && shared {
		if err = fanOut(l.socket, with); err != nil {
			_ = unix.Close(l.socket)
		}
	}
	if err != nil {
		_ = l.alarm.close()
		return nil, err
	}
	l.alarm.watch(l.socket)
	const stride = packetSize + 191 // so that the first lines of frames, most of which are short, spread over the cache
	memory := make([]byte, len(l.buffers)*stride)
	for i := range l.buffers {
		l.buffers[i] = memory[i*stride:][:packetSize:packetSize]
		l.in.set(i, l.buffers[i])
	}
	return l, nil
}

func (l *packetLane) prepare(devices map[uint16]string) (change, error) {
	return l.ports.prepare(devices)
}

func (l *packetLane) wake() { l.alarm.ring() }

func (l *packetLane) losses() *tally {
	// The kernel counts from one look to the next.
	if s, err := unix.GetsockoptTpacketStats(l.socket, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil && s.Drops > 0 {
		l.unseen[overrun] += uint64(s.Drops)
	}
	return &l.tally
}

func (l *packetLane) receive() ([][]byte, error) {
	n, errno := l.in.receive(l.socket)
	switch errno {
	case 0:
	case unix.EAGAIN:
		return nil, l.alarm.wait(time.Second / 10)
	case unix.EINTR:
		return nil, nil
	case unix.EINVAL: // the fate of one packet, which is gone
		l.unseen[strange]++
		return nil, nil
	case unix.ENETDOWN:
		return nil, l.down()
	default:
		return nil, &DeviceError{Device: l.device, Err: errno}
	}
	kept := 0
	for i := range n {
		if l.in.truncated(i) {
			l.unseen[oversized]++
			continue
		}
		l.whole[kept] = l.buffers[i][:l.in.headers[i].length]
		l.burst[kept] = l.whole[kept][virtioSize:]
		kept++
	}
	return l.burst[:kept], nil
}

// down returns an error if the interface was not only set down but is gone.
func (l *packetLane) down() error {
	name, err := unix.Getsockname(l.socket)
	if sll, ok := name.(*unix.SockaddrLinklayer); ok && sll.Ifindex <= 0 {
		err = unix.ENODEV
	}
	if err != nil {
		return &DeviceError{Device: l.device, Err: err}
	}
	return nil
}

func (l *packetLane) send(decisions []engine.Decision) {
	pending := l.pending[:0]
	for i := range decisions {
		if decisions[i].Hop != nil {
			pending = append(pending, i)
		}
	}
	// One port at a time, what goes there in its order.
	for len(pending) > 0 {
		port := l.ports.of(decisions[pending[0]].Hop.Output)
		batch, others := l.batch[:0], pending[:0]
		for _, i := range pending {
			if l.ports.of(decisions[i].Hop.Output) == port {
				l.out.set(len(batch), l.whole[i])
				batch = append(batch, i)
			} else {
				others = append(others, i)
			}
		}
		l.sendBatch(port, batch, decisions)
		pending = others
	}
}

// sendBatch sends the frames of out, which are those with these indices.
func (l *packetLane) sendBatch(p *packetPort, batch []int, decisions []engine.Decision) {
	for sent := 0; sent < len(batch); {
		lost := noOutput
		if p != nil {
			n, errno := l.out.send(p.socket, sent, len(batch))
			if errno == 0 {
				sent += n
				continue
			}
			if errno == unix.EINTR {
				continue
			}
			lost = whyUnsent(errno)
		}
		at := batch[sent]
		l.lose(lost, decisions[at].Hop.Output, l.burst[at])
		sent++
	}
}
