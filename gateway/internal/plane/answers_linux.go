package plane

import (
	"encoding/binary"
	"net"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
)

// answers are the ICMP errors of a worker. It is a worker's own. Packets that
// are forwarded cost a comparison.
type answers struct {
	ICMP
	next time.Duration // when the rate allows an error again, were all used up

	shortest int            // frames up to this length fit every interface
	mtus     map[uint16]int // of the members' interfaces, by output
	ethernet [engine.MaxBurst][12]byte

	frames [engine.MaxBurst][]byte // the errors of this burst, by frame
	any    bool
	sent   engine.Traffic
}

// newAnswers returns nil if no errors are to be sent.
func newAnswers(c ICMP) *answers {
	if len(c.From) == 0 {
		return nil
	}
	return &answers{ICMP: c, shortest: 1 << 30, mtus: make(map[uint16]int)}
}

// set takes over the interfaces of members.
func (a *answers) set(devices map[uint16]*net.Interface) {
	if a == nil {
		return
	}
	clear(a.mtus)
	a.shortest = 1 << 30
	for output, d := range devices {
		a.mtus[output] = d.MTU
		a.shortest = min(a.shortest, d.MTU+ethernetSize)
	}
}

// before keeps what the engine writes over of frames that may be too long.
func (a *answers) before(frames [][]byte) {
	if a == nil {
		return
	}
	if a.any {
		clear(a.frames[:])
		a.any = false
	}
	for i, f := range frames {
		if len(f)+engine.MaxTunnel > a.shortest {
			a.ethernet[i] = [12]byte(f)
		}
	}
}

// after makes decisions of a burst answers, where senders are to be told of
// what became of their packet.
func (a *answers) after(decisions []engine.Decision, frames [][]byte, l lane, now time.Duration) {
	if a == nil {
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
	if cap(frame) < icmpRoom || !a.allowed(now) {
		return false
	}
	var memory [icmpRoom]byte
	message := a.icmpError(memory[:], frame, t)
	if message == nil {
		return false
	}
	a.frames[i] = frame[:len(message)]
	copy(a.frames[i], message)
	a.any = true
	a.sent.Frames++
	a.sent.Bytes += uint64(len(message))
	return true
}

// allowed takes an error from what the rate allows: as many at once as in a
// second.
func (a *answers) allowed(now time.Duration) bool {
	each := time.Second / time.Duration(max(a.Rate, 1))
	if a.next > now+time.Second-each {
		return false
	}
	a.next = max(a.next, now) + each
	return true
}

// reply returns the error about frame i; nil if there is none.
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
