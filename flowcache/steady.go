package flowcache

import "github.com/ecmp-go/ecmp/hash"

// steady is what a look at the pin w is enough for: the flow is not on probation, the packet does not change its state, the pin
// need not be refreshed yet, and its member is alive. Most packets are such.
func (t *Table) steady(p *Packet, w word, now uint32) (member int, ok bool) {
	if p.Flags&(hash.SYN|hash.FIN|hash.RST) != 0 || w.steps(now) >= t.clocks.steady[w.state()] {
		return 0, false
	}
	i, known := p.View.BySlot(w.slot())
	return i, known && p.View.Alive(i)
}
