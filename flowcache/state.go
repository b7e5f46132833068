package flowcache

import "github.com/ecmp-go/ecmp/hash"

const protoTCP = 6

// connection reports whether the packet's flags speak for its flow.
func (p *Packet) connection() bool { return p.Proto == protoTCP && p.Flags != 0 }

// opens reports whether the packet starts a connection.
func (p *Packet) opens() bool {
	return p.connection() && p.Flags&(hash.SYN|hash.FIN|hash.RST) == hash.SYN
}

// touch returns the pin after a packet of its flow. On probation only a promotion restarts the clock: a flow that never gets
// further than repeating itself goes.
func (t *Table) touch(w word, p *Packet, now uint32) word {
	s := t.after(w, p, now)
	if s == probation {
		return w
	}
	return newWord(w.tag(), w.slot(), now, s)
}

// after returns the state that follows that of w.
func (t *Table) after(w word, p *Packet, now uint32) state {
	s := w.state()
	if p.connection() {
		switch {
		case p.Flags&(hash.FIN|hash.RST) != 0:
			return closing
		case s == probation && p.Flags&(hash.ACK|hash.SYN) == hash.ACK:
			return establishedTCP
		}
		return s
	}
	if s != probation || w.age(now) <= t.promoteAfter {
		return s
	}
	if p.Proto == protoTCP {
		return establishedTCP
	}
	return established
}
