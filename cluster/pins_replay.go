package cluster

// windowSize is how many of the latest sequence numbers a window knows.
const windowSize = 1024

// A window tells which messages of a sender came already, also where some
// overtake others (as RFC 4303, section 3.4.3, does for IPsec). The zero value
// has seen none.
type window struct {
	top  uint64 // the greatest number seen
	seen [windowSize / 64]uint64
}

// fresh reports whether the message with this number, of 1 or more, did not
// come yet. One that is too old to tell counts as having come.
func (w *window) fresh(n uint64) bool {
	if n > w.top {
		return true
	}
	return n != 0 && w.top-n < windowSize && w.seen[n/64%(windowSize/64)]&(1<<(n%64)) == 0
}

// mark remembers that the message came.
func (w *window) mark(n uint64) {
	if n > w.top {
		for block := w.top/64 + 1; block <= n/64 && block <= w.top/64+windowSize/64; block++ {
			w.seen[block%(windowSize/64)] = 0
		}
		w.top = n
	}
	w.seen[n/64%(windowSize/64)] |= 1 << (n % 64)
}
