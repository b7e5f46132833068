package engine

import (
	"encoding/binary"
	"math/bits"
	"time"

	"github.com/ecmp-go/ecmp/hash"
)

// send rewrites and counts the frames that have a member, but for those that a
// reset may answer. It returns the set of all others.
func (w *Worker) send(dst []Decision, frames [][]byte) (others uint64) {
	n := len(frames)
	dst, flows, packets, routed := dst[:n], w.flows[:n], w.packets[:n], w.routed[:n]
	members, answered := w.counters.members, w.answered
	for i, frame := range frames {
		r, f := routed[i], &flows[i]
		var ip *[ipv4Size]byte // as much of it as is changed
		switch {
		case r.Member < 0 || r.Verdict == answered:
			others |= 1 << (uint(i) % MaxBurst)
			continue
		case f.L3 == untagged && len(frame) >= untagged+ipv4Size:
			ip = (*[ipv4Size]byte)(frame[untagged:])
		case f.L3 == tagged && len(frame) >= tagged+ipv4Size:
			ip = (*[ipv4Size]byte)(frame[tagged:])
		default:
			others |= 1 << (uint(i) % MaxBurst)
			continue
		}
		hop := w.snaps[packets[i].Ref%MaxBurst].At(r.Member)
		output := uint(hop.Output)
		if output >= uint(len(members)) {
			others |= 1 << (uint(i) % MaxBurst)
			continue
		}
		members[output].add(frame)
		*(*Ethernet)(frame) = hop.Header
		if f.Kind&hash.IPv6 == 0 {
			binary.LittleEndian.PutUint32(ip[8:], lessTTL(binary.LittleEndian.Uint32(ip[8:])))
		} else {
			ip[7]--
		}
		d := &dst[i]
		d.Hop, d.Verdict, d.Drop = hop, r.Verdict, 0
	}
	return others
}

// sendOthers does for the others what send does. first is the place of the
// burst among the frames that the caller gave.
func (w *Worker) sendOthers(dst []Decision, frames [][]byte, others uint64, first int, now time.Duration) {
	for ; others != 0; others &= others - 1 {
		i := bits.TrailingZeros64(others)
		r, frame := w.routed[i], frames[i]
		if r.Member < 0 {
			dst[i] = w.dropFor(i, NoMember)
			continue
		}
		if r.Verdict == w.answered {
			if f, ok := w.session(i); ok {
				dst[i] = w.answer(i, frame, f, first+i, now)
				continue
			}
		}
		hop := w.snaps[w.packets[i].Ref].At(r.Member)
		rewrite(frame, &w.flows[i], hop)
		w.counters.sent(hop.Output, frame)
		dst[i] = Decision{Hop: hop, Verdict: r.Verdict}
	}
}

// rewrite turns a frame into the one that the router sends: with the Ethernet
// header of the member, and the TTL or hop limit, which is at least 1, one
// less.
func rewrite(frame []byte, f *hash.Flow, hop *Adjacency) {
	*(*Ethernet)(frame) = hop.Header
	ip := frame[f.L3:]
	if f.Kind&hash.IPv6 != 0 {
		ip[7]--
		return
	}
	binary.LittleEndian.PutUint32(ip[8:], lessTTL(binary.LittleEndian.Uint32(ip[8:])))
}

// lessTTL takes one from the TTL of an IPv4 header and changes the checksum
// accordingly, RFC 1624, so that a wrong one stays wrong, for the receiver to
// see. v has the TTL in its low byte, the protocol, and the checksum. The sum
// of RFC 1071 is the same in either order of bytes.
func lessTTL(v uint32) uint32 {
	sum := v>>16 + 1
	return (v-1)&0xffff | (sum+(sum+1)>>16)<<16
}
