package plane

import (
	"errors"
	"net"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/flowcache"
)

// afxdpLane is a lane of AF_XDP sockets on the queues of one number. They share
// the memory of frames, and a frame goes from one to another without being
// copied here: from the fill ring of an interface to its receive ring, from
// there to the transmit ring of a member's interface, to that one's completion
// ring, and back.
type afxdpLane struct {
	losses
	umem
	queue    int
	zeroCopy bool

	in    []*afxdpSocket
	alarm *alarm
	ports ports[*afxdpSocket]
	fits  []int          // bytes of a frame that the MTU allows, by Adjacency.Output
	busy  []*afxdpSocket // those with frames to send, or whose memory is not given back yet

	burst  [engine.MaxBurst][]byte
	places [engine.MaxBurst]uint64
	from   [engine.MaxBurst]*afxdpSocket
}

func openAFXDPLane(devices []*net.Interface, queue int) (_ *afxdpLane, err error) {
	l := &afxdpLane{losses: newLosses(), queue: queue}
	if l.alarm, err = newAlarm(); err != nil {
		return nil, err
	}
	if l.umem, err = newUmem(2 * ringSize * (len(devices) + 1)); err != nil {
		return nil, errors.Join(err, l.alarm.close())
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	l.ports.open = func(d *net.Interface) (*afxdpSocket, error) { return l.open(d, 0) }
	for _, d := range devices {
		s, err := l.open(d, unix.XDP_ZEROCOPY)
		if len(l.in) == 0 { // the others do as the first one
			if l.zeroCopy = err == nil; err != nil {
				s, err = l.open(d, unix.XDP_COPY)
			}
		}
		if err != nil {
			return nil, &DeviceError{d.Name, err}
		}
		s.receives = true
		l.in = append(l.in, s)
		l.refill(s) // before the program comes that redirects to it
		l.alarm.watch(s.fd)
	}
	return l, nil
}

// open opens a socket on an interface, or returns that which packets come in
// by.
func (l *afxdpLane) open(d *net.Interface, flags uint16) (*afxdpSocket, error) {
	var first *afxdpSocket
	for i, s := range l.in {
		if i == 0 {
			first = s
		}
		if s.device == d.Index {
			return s, nil
		}
	}
	s, err := openAFXDPSocket(d.Index, l.queue, l.memory, first, flags)
	if err == nil {
		s.lane = l
	}
	return s, err
}

func (l *afxdpLane) prepare(devices map[uint16]*net.Interface, faults Faults) (commit func()) {
	open := l.ports.prepare(devices, faults)
	var fits []int
	for output, d := range devices {
		if more := int(output) + 1 - len(fits); more > 0 {
			fits = append(fits, make([]int, more)...)
		}
		fits[output] = d.MTU + ethernetSize
	}
	return func() {
		open()
		l.fits = fits
	}
}

func (l *afxdpLane) segment(i int) int { return len(l.burst[i]) }

func (l *afxdpLane) wake() { l.alarm.ring() }

func (l *afxdpLane) lost() *losses {
	for _, s := range l.in {
		if n := s.lost(); n > 0 {
			l.unseen[overrun] += n
		}
	}
	return &l.losses
}

func (l *afxdpLane) receive(limit time.Duration) ([][]byte, error) {
	n := 0
	for _, s := range l.in {
		l.refill(s)
		next, end := s.rx.filled()
		for ; next != end && n < len(l.burst); next++ {
			d := s.rx.at(next)
			l.burst[n] = l.at(d)
			l.places[n], l.from[n] = d.Addr, s
			n++
		}
		s.rx.consume(next)
	}
	if n > 0 {
		l.alarm.busy = true
		return l.burst[:n], nil
	}
	if l.sendBusy(); len(l.busy) > 0 {
		limit = time.Millisecond // there is more to be tried again
	}
	idle, err := l.alarm.wait(limit)
	if idle && err == nil {
		err = l.gone()
	}
	return nil, err
}

// refill gives free frames to a socket to receive in.
func (l *afxdpLane) refill(s *afxdpSocket) {
	next, room := s.fill.room()
	n := min(room, len(l.free))
	for range n {
		*s.fill.at(next) = l.take()
		next++
	}
	if n > 0 {
		s.fill.produce(next)
	}
	if s.fill.needsWakeup() {
		s.call(unix.SYS_RECVFROM)
	}
}

// gone returns an error if an interface that packets come in by is no more.
func (l *afxdpLane) gone() error {
	for _, s := range l.in {
		errno, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && errno != 0 {
			err = unix.Errno(errno)
		}
		if err != nil {
			return os.NewSyscallError("AF_XDP socket", err)
		}
	}
	return nil
}

func (l *afxdpLane) send(decisions []engine.Decision, reply func(i int) []byte) {
	for i := range decisions {
		d := &decisions[i]
		queued := false
		switch {
		case d.Hop != nil:
			if reason := l.sendTo(d.Hop, i); reason != "" {
				l.lose(reason, d.Hop.Output, l.burst[i])
			} else {
				queued = true
			}
		case d.Drop == engine.Answered:
			s, answer := l.from[i], reply(i)
			if queued = l.enqueue(s, i, len(answer), holder{socket: s, reply: true}); !queued {
				l.loseReply(answer)
			}
		}
		if !queued {
			l.release(l.places[i])
		}
	}
	l.sendBusy()
}

// sendTo queues frame i of the burst for a member. It returns the reason if it
// can't. AF_XDP does not ask for the MTU, and drivers drop what is longer without
// a word, so it is asked for here.
func (l *afxdpLane) sendTo(hop *engine.Adjacency, i int) string {
	s := l.ports.of(hop.Output)
	if s == nil {
		return noOutput
	}
	outer := hop.Tunnel.Size()
	if outer+len(l.burst[i]) > l.fits[hop.Output] {
		return overMTU
	}
	if outer > 0 && !l.wrap(hop.Tunnel, outer, i) {
		return noRoom
	}
	if !l.enqueue(s, i, outer+len(l.burst[i]), holder{socket: s, output: hop.Output, outer: outer}) {
		return senderFull
	}
	return ""
}

// wrap puts the outer header of a tunnel before the packet of frame i, since the
// kernel leaves room before each frame. It reports whether it could; the place
// of the frame is then that of the whole.
func (l *afxdpLane) wrap(t engine.Tunnel, outer, i int) bool {
	frame, place := l.burst[i], l.places[i]
	if place%frameSize < uint64(outer) {
		return false
	}
	place -= uint64(outer)
	whole := l.at(&unix.XDPDesc{Addr: place, Len: uint32(outer + len(frame))})
	// What is written ends before the packet, and begins before what is read.
	if _, _, ok := t.AppendFrame(whole[:0], frame); !ok {
		return false
	}
	l.places[i] = place
	return true
}

func (l *afxdpLane) sendHeld(strays []flowcache.Stray, decisions []engine.Decision) {
	n := 0
	for i, s := range strays {
		d := decisions[i]
		switch {
		case d.Hop == nil:
			continue
		case len(l.free) == 0:
			l.lose(senderFull, d.Hop.Output, s.Frame)
			continue
		}
		place := l.take() + engine.MaxTunnel
		b := l.at(&unix.XDPDesc{Addr: place, Len: uint32(len(s.Frame))})
		copy(b, s.Frame)
		l.places[n], l.burst[n], decisions[n] = place, b, d
		n++
	}
	l.send(decisions[:n], nil)
}

// enqueue puts a frame of the burst, cut to a length, into the transmit ring of
// a socket, if there is room.
func (l *afxdpLane) enqueue(s *afxdpSocket, i, length int, h holder) bool {
	if s.next-s.sent() >= ringSize {
		return false
	}
	*s.tx.at(s.next) = unix.XDPDesc{Addr: l.places[i], Len: uint32(length)}
	s.next++
	l.hold(l.places[i], h)
	if s.holds++; s.holds == 1 {
		l.busy = append(l.busy, s)
	}
	return true
}

// sendBusy has the kernel send what is in the transmit rings, and takes back
// the frames that were sent.
func (l *afxdpLane) sendBusy() {
	still := l.busy[:0]
	for _, s := range l.busy {
		l.transmit(s)
		if s.holds > 0 {
			still = append(still, s)
		}
	}
	l.busy = still
}

// transmit has the kernel send what is in one transmit ring. Without zero copy,
// a call sends a limited number of frames, and ends at one that can't be sent.
// Frames for an interface that is down stay for a later call.
func (l *afxdpLane) transmit(s *afxdpSocket) {
	s.tx.produce(s.next)
	for before := s.sent(); before != s.next && s.tx.needsWakeup(); {
		errno := s.call(unix.SYS_SENDTO)
		l.reap(s)
		after := s.sent()
		// the device refused a frame, the last that was taken from the ring
		if errno == unix.EBUSY {
			after = max(after, before+1)
			l.loseHeld(senderFull, s.tx.at(after-1))
		} else if after == before {
			break
		}
		before = after
	}
	l.reap(s)
}

// loseHeld counts a frame as lost that was put into a transmit ring.
func (l *afxdpLane) loseHeld(reason string, d *unix.XDPDesc) {
	if h := l.holder(d.Addr); h.reply {
		l.loseReply(l.at(d))
	} else {
		l.lose(reason, h.output, l.at(d)[h.outer:])
	}
}

// reap takes back frames that were sent.
func (l *afxdpLane) reap(s *afxdpSocket) {
	next, end := s.completion.filled()
	s.holds -= int(end - next)
	for ; next != end; next++ {
		l.release(*s.completion.at(next))
	}
	s.completion.consume(next)
}

// closeSender closes a socket that only sends, and takes its frames back.
func (l *afxdpLane) closeSender(s *afxdpSocket) {
	l.transmit(s)
	for next := s.sent(); next != s.next; next++ {
		l.loseHeld("interface gone", s.tx.at(next))
	}
	s.free()
	l.releaseOf(s)
	l.busy = slices.DeleteFunc(l.busy, func(b *afxdpSocket) bool { return b == s })
}

func (l *afxdpLane) close() error {
	l.ports.close()
	for _, s := range l.in {
		s.free()
	}
	return errors.Join(l.alarm.close(), l.unmap())
}
