package plane

import (
	"encoding/binary"
	"net"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
)

// answers are what a worker sends by ICMP, errors and replies to pings. It is
// the worker's own. Packets that are forwarded cost a few comparisons.
type answers struct {
	ICMP
	errors, echoes limit

	pings      pings                   // whose pings are answered
	taken      uint64                  // the set of those in this burst, which the engine does not get
	rest       [engine.MaxBurst][]byte // the other frames
	unanswered map[unanswered]engine.Traffic

	shortest int            // frames up to this length fit every interface
	mtus     map[uint16]int // of the members' interfaces, by output
	ethernet [engine.MaxBurst][12]byte

	frames [engine.MaxBurst][]byte // the answers of this burst, by frame
	any    bool
	sent   engine.Traffic
}

// newAnswers returns nil if nothing is to be sent.
func newAnswers(c ICMP) *answers {
	if len(c.From) == 0 && c.Pings == 0 {
		return nil
	}
	return &answers{
		ICMP: c, shortest: 1 << 30, mtus: make(map[uint16]int), unanswered: make(map[unanswered]engine.Traffic),
	}
}

// set takes over the interfaces of members.
func (a *answers) set(devices map[uint16]*net.Interface) {
	if a == nil {
		return
	}
	clear(a.mtus)
	a.shortest = 1 << 30
	if len(a.From) == 0 {
		return
	}
	for output, d := range devices {
		a.mtus[output] = d.MTU
		a.shortest = min(a.shortest, d.MTU+ethernetSize)
	}
}

// before answers pings, and returns the frames that are for the engine. It keeps
// what the engine writes over of those that may be answered.
func (a *answers) before(frames [][]byte, now time.Duration) (rest [][]byte) {
	if a == nil {
		return frames
	}
	if a.any {
		clear(a.frames[:])
		a.any = false
	}
	rest = a.take(frames, now)
	for i, f := range frames {
		if len(f)+engine.MaxTunnel > a.shortest {
			a.ethernet[i] = [12]byte(f)
		}
	}
	return rest
}

// after makes decisions answers, where senders are to be told of what became of
// their packet. The first ones are those of the engine, on the frames that before
// returned; all are those on the frames of the burst then.
func (a *answers) after(decisions []engine.Decision, frames [][]byte, l lane, now time.Duration) {
	if a == nil {
		return
	}
	a.putBack(decisions)
	if len(a.From) == 0 {
		return
	}
	for i := range decisions {
		d := &decisions[i]
		switch {
		case d.Drop == engine.Expired:
			if a.answer(i, frames[i], trouble{}, now) {
				*d = engine.Decision{Drop: engine.Answered, Verdict: d.Verdict}
			}
		case d.Hop != nil && len(frames[i])+d.Hop.Tunnel.Size() > a.shortest:
			mtu, known := a.mtus[d.Hop.Output]
			mtu -= d.Hop.Tunnel.Size() // what is left for the packet
			if !known || l.segment(i) <= mtu+ethernetSize {
				continue
			}
			output, to := d.Hop.Output, [12]byte(frames[i])
			copy(frames[i], a.ethernet[i][:])
			if !a.answer(i, frames[i], trouble{mtu: uint32(mtu)}, now) {
				copy(frames[i], to[:]) // the interface drops it
				continue
			}
			l.lose(overMTU, output, frames[i])
			*d = engine.Decision{Drop: engine.Answered, Verdict: d.Verdict}
		}
	}
}

// answer writes the error about frame i into its memory.
func (a *answers) answer(i int, frame []byte, t trouble, now time.Duration) bool {
	if cap(frame) < icmpRoom || !a.errors.takes(a.Rate, now) {
		return false
	}
	var memory [icmpRoom]byte
	message := a.icmpError(memory[:], frame, t)
	if message == nil {
		return false
	}
	a.frames[i] = frame[:len(message)]
	copy(a.frames[i], message)
	a.count(i)
	return true
}

// count counts the answer to frame i.
func (a *answers) count(i int) {
	a.any = true
	a.sent.Frames++
	a.sent.Bytes += uint64(len(a.frames[i]))
}

// reply returns the answer to frame i; nil if there is none.
func (a *answers) reply(i int) []byte {
	if a == nil {
		return nil
	}
	return a.frames[i]
}

// segmentLength returns the length of the longest frame that a frame is cut
// into, by the header of virtio before it.
func segmentLength(virtio, frame []byte) int {
	size := int(binary.NativeEndian.Uint16(virtio[4:]))
	if virtio[1] == 0 || size == 0 {
		return len(frame)
	}
	at, v6, ok := network(frame)
	if !ok {
		return len(frame)
	}
	if v6 {
		at += ipv6Size
	} else {
		at += int(frame[at]&15) * 4
	}
	const tcp4, tcp6, kinds = 1, 4, 0x7f // VIRTIO_NET_HDR_GSO_TCPV4, TCPV6; the top bit is ECN
	header := 8                          // of UDP
	if kind := virtio[1] & kinds; kind == tcp4 || kind == tcp6 {
		if len(frame) < at+20 {
			return len(frame)
		}
		header = int(frame[at+12]>>4) * 4
	}
	return min(len(frame), at+header+size)
}
