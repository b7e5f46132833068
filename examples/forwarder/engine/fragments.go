package engine

import (
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
)

// follow returns what is known of packet i, which is special. If it is a
// fragment, that is what the first one of its datagram said, in w.header. A
// fragment whose first one is not known yet is held, or is a stray that goes by
// its addresses.
func (w *Worker) follow(i int, frame []byte, now time.Duration) (h *hash.Headers, stray, held bool) {
	h = w.reader.Headers(i)
	if w.fragments == nil || !h.FragFirst && !h.FragLater {
		return h, false, false
	}
	w.header[0] = *h
	h = &w.header[0]
	if !w.fragments.Complete(h, frame, now) {
		if w.strays != nil && w.strays.Hold(h, frame, w.counters.Held, now) {
			w.counters.Held++
			return h, false, true
		}
		stray = true
	}
	if !h.FragFirst && !h.FragLater { // as good as a whole packet
		w.flows[i].Kind &^= hash.LookupOnly
	}
	return h, stray, false
}

// Held returns how many frames the worker holds: see [Config].
func (w *Worker) Held() int {
	if w.strays == nil {
		return 0
	}
	return w.strays.Len()
}

// Release gives back frames that were Held and wait no longer, in strays, and
// decides about them as Burst does: dst[i] is for strays[i]. It returns their
// number. If that is the length of strays, or MaxBurst, there may be more: call
// it again. The Ref of a stray is the number of frames that the worker held
// before it. The frames are copies, to be used until the next call of Burst.
//
// Call it after each Burst, and about every millisecond while Held is not 0. It
// panics if dst is shorter than strays.
func (w *Worker) Release(dst []Decision, strays []flowcache.Stray, now time.Duration) int {
	dst = dst[:len(strays):len(dst)]
	if w.strays == nil {
		return 0
	}
	n := w.strays.Release(strays[:min(len(strays), MaxBurst)], now)
	for i, s := range strays[:n] {
		w.released[i] = s.Frame
	}
	held := w.strays
	w.strays = nil // none is held again
	w.decide(dst[:n], w.released[:n], 0, now)
	w.strays = held
	return n
}
