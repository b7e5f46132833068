package flowcache

import "github.com/ecmp-go/ecmp/hash"

// steady reports whether the pin w, of whatever tag, is not on probation, nor
// to be refreshed yet, and is not changed by the packet. Most packets find it
// so.
func (k *clocks) steady(p *Packet, w word, now uint32) bool {
	return p.Flags&(hash.SYN|hash.FIN|hash.RST) == 0 && w.steps(now) < k.steadyFor[w.state()]
}

// steady is what a look at the pin w is enough for: it is steady, and its
// member is alive.
func (t *Table) steady(p *Packet, w word, now uint32) (member int, ok bool) {
	if !t.clocks.steady(p, w, now) {
		return 0, false
	}
	i, known := p.View.BySlot(w.slot())
	return i, known && p.View.Alive(i)
}
