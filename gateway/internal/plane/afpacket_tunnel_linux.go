package plane

import (
	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
)

// headRoom is enough for what a frame in a tunnel begins with: the virtio
// header, Ethernet and tags, the outer header, and the headers of a segment.
const headRoom = 256

// queueInTunnel queues frame i with the outer header of its tunnel. What the
// sender left to be done for it is done here: an interface that can do it for a
// packet may not for one in a tunnel, and the virtio header has no name for
// that.
func (l *afpacketLane) queueInTunnel(p *afpacketPort, i int, decisions []engine.Decision) {
	tunnel, frame := decisions[i].Hop.Tunnel, l.burst[i]
	todo := offloadOf(l.whole[i])
	if todo.kind != 0 {
		s, ok := segmentsOf(frame, todo)
		if !ok {
			l.loseOnce(unsupported, i, decisions)
			return
		}
		for s.next() {
			m := l.queue(p, i, decisions)
			begin, at, ok := tunnel.AppendFrame(l.heads[m][:virtioSize], frame)
			if !ok {
				l.queued--
				l.loseOnce(overMTU, i, decisions)
				return
			}
			l.out.set(m, append(begin, frame[at:s.data]...), s.payload)
		}
		return
	}
	if !todo.complete(frame) {
		l.loseOnce(unsupported, i, decisions)
		return
	}
	m := l.queue(p, i, decisions)
	begin, at, ok := tunnel.AppendFrame(l.heads[m][:virtioSize], frame)
	if !ok {
		l.queued--
		l.loseOnce(overMTU, i, decisions)
		return
	}
	l.out.set(m, begin, frame[at:])
}
