package plane

import (
	"errors"
	"net"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/flowcache"
)

// afpacketLane is a lane that receives by one socket and sends by one for each
// interface.
type afpacketLane struct {
	losses
	device string
	socket int
	alarm  *alarm
	ports  ports[*afpacketPort]

	ring  *afpacketRing
	large [engine.MaxBurst][]byte // memory for packets that are too long for the ring
	burst [engine.MaxBurst][]byte // the frames received
	whole [engine.MaxBurst][]byte // the same with their virtio headers

	pending [engine.MaxBurst]int // indices of frames in the burst
	out     messages
	batch   [engine.MaxBurst]int // the frames that these are of
	queued  int                  // how many of them are to be sent
	missed  uint64               // a bit for each frame of the burst that is counted as lost
	heads   [engine.MaxBurst][headRoom]byte
}

// afpacketPort is a socket that only sends.
type afpacketPort struct{ socket, device int }

func (p *afpacketPort) index() int { return p.device }

func (p *afpacketPort) close() { _ = unix.Close(p.socket) } // nothing is unsent

// openAFPacketLane opens a lane that receives from an interface; with a share
// of its packets, if it is one of several.
func openAFPacketLane(device string, shared bool, with int) (*afpacketLane, error) {
	d, err := Interface(device)
	if err != nil {
		return nil, err
	}
	l := &afpacketLane{losses: newLosses(), device: device}
	l.ports.open = func(d *net.Interface) (*afpacketPort, error) {
		socket, err := openSender(d.Index)
		return &afpacketPort{socket, d.Index}, err
	}
	if l.alarm, err = newAlarm(); err != nil {
		return nil, err
	}
	if l.socket, l.ring, err = openReceiver(d.Index); err == nil && shared {
		if err = fanOut(l.socket, with); err != nil {
			err = errors.Join(err, l.ring.close(), unix.Close(l.socket))
		}
	}
	if err != nil {
		return nil, errors.Join(err, l.alarm.close())
	}
	l.alarm.watch(l.socket)
	for i := range l.large {
		l.large[i] = make([]byte, packetSize)
	}
	return l, nil
}

func (l *afpacketLane) prepare(devices map[uint16]*net.Interface, faults Faults) (commit func()) {
	return l.ports.prepare(devices, faults)
}

func (l *afpacketLane) segment(i int) int { return segmentLength(l.whole[i], l.burst[i]) }

func (l *afpacketLane) wake() { l.alarm.ring() }

func (l *afpacketLane) lost() *losses {
	// The kernel counts from one look to the next.
	if s, err := unix.GetsockoptTpacketStats(l.socket, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil &&
		s.Drops > 0 {
		l.unseen[overrun] += uint64(s.Drops)
	}
	return &l.losses
}

func (l *afpacketLane) receive(limit time.Duration) ([][]byte, error) {
	l.ring.release()
	n := 0
	for n < len(l.burst) {
		packet, whole := l.ring.take()
		if packet == nil {
			break
		}
		if !whole {
			if packet = l.receiveLarge(l.large[n]); packet == nil {
				continue
			}
		}
		l.whole[n], l.burst[n] = packet, packet[virtioSize:]
		n++
	}
	if n > 0 {
		l.alarm.busy = true
		return l.burst[:n], nil
	}
	idle, err := l.alarm.wait(limit)
	if idle && err == nil {
		err = l.gone()
	}
	return nil, err
}

// receiveLarge returns a packet that is too long for the ring. Where it can't,
// it counts it as lost, and returns nil.
func (l *afpacketLane) receiveLarge(memory []byte) []byte {
	if !l.ring.queued() {
		l.unseen[overrun]++
		return nil
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM,
		uintptr(l.socket), uintptr(unsafe.Pointer(&memory[0])), uintptr(len(memory)),
		unix.MSG_DONTWAIT|unix.MSG_TRUNC, 0, 0)
	switch {
	case errno != 0: // the packet is gone all the same
		l.unseen[unsupported]++
		return nil
	case int(n) > len(memory):
		l.unseen[oversized]++
		return nil
	}
	return memory[:n]
}

// gone returns an error if the interface was removed. One that is down is no
// error.
func (l *afpacketLane) gone() error {
	// reading the error clears it
	errno, err := unix.GetsockoptInt(l.socket, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && errno != 0 && unix.Errno(errno) != unix.ENETDOWN {
		err = unix.Errno(errno)
	}
	name, e := unix.Getsockname(l.socket)
	if sll, ok := name.(*unix.SockaddrLinklayer); ok && sll.Ifindex <= 0 {
		err = unix.ENODEV
	}
	if err = errors.Join(err, e); err != nil {
		return &DeviceError{l.device, err}
	}
	return nil
}

func (l *afpacketLane) send(decisions []engine.Decision, reply func(i int) []byte) {
	pending := l.pending[:0]
	l.missed = 0
	for i := range decisions {
		d := &decisions[i]
		switch {
		case d.Hop != nil:
			pending = append(pending, i)
		case d.Drop == engine.Answered:
			l.sendReply(l.whole[i][:virtioSize+len(reply(i))])
		}
	}
	// One port at a time; what goes to a port keeps its order.
	for len(pending) > 0 {
		port := l.ports.of(decisions[pending[0]].Hop.Output)
		others := pending[:0]
		for _, i := range pending {
			switch hop := decisions[i].Hop; {
			case l.ports.of(hop.Output) != port:
				others = append(others, i)
			case hop.Tunnel != (engine.Tunnel{}):
				l.queueInTunnel(port, i, decisions)
			default:
				l.out.set(l.queue(port, i, decisions), l.whole[i])
			}
		}
		l.flush(port, decisions)
		pending = others
	}
}

// queue returns the next message, which is to be one of frame i. It makes room
// first if there is none.
func (l *afpacketLane) queue(p *afpacketPort, i int, decisions []engine.Decision) int {
	if l.queued == len(l.batch) {
		l.flush(p, decisions)
	}
	l.batch[l.queued] = i
	l.queued++
	return l.queued - 1
}

func (l *afpacketLane) sendHeld(strays []flowcache.Stray, decisions []engine.Decision) {
	for i, s := range strays {
		whole := l.large[i][:virtioSize+len(s.Frame)] // what was in it is sent
		clear(whole[:virtioSize])                     // nothing is left to be done for a fragment
		copy(whole[virtioSize:], s.Frame)
		l.whole[i], l.burst[i] = whole, whole[virtioSize:]
	}
	l.send(decisions, nil)
}

// sendReply sends a reply, which stands where the frame stood that it answers,
// by the interface that the frame came in by.
func (l *afpacketLane) sendReply(whole []byte) {
	clear(whole[:virtioSize]) // nothing is left to be done for it
	l.out.set(0, whole)
	if n, _ := l.out.send(l.socket, 0, 1); n != 1 {
		l.loseReply(whole[virtioSize:])
	}
}

// flush sends what is queued. A frame of several messages is lost if one of them
// is.
func (l *afpacketLane) flush(p *afpacketPort, decisions []engine.Decision) {
	for sent := 0; sent < l.queued; {
		lost := noOutput
		if p != nil {
			n, errno := l.out.send(p.socket, sent, l.queued)
			if errno == 0 {
				sent += n
				continue
			}
			if errno == unix.EINTR {
				continue
			}
			lost = whyUnsent(errno)
		}
		l.loseOnce(lost, l.batch[sent], decisions)
		sent++
	}
	l.queued = 0
}

// loseOnce counts frame i of the burst as lost, if it is not yet.
func (l *afpacketLane) loseOnce(reason string, i int, decisions []engine.Decision) {
	if l.missed>>i&1 == 0 {
		l.missed |= 1 << i
		l.lose(reason, decisions[i].Hop.Output, l.burst[i])
	}
}
