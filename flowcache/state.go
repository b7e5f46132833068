package flowcache

import "github.com/ecmp-go/ecmp/hash"

// A State is where a flow is in its life, which decides how long its pin lives.
type State uint8

// The states of a pin. A flow begins on probation.
const (
	Probation State = iota
	EstablishedTCP
	Established
	Closing
)

// String returns the state's name.
func (s State) String() string {
	switch s {
	case Probation:
		return "probation"
	case EstablishedTCP:
		return "established TCP"
	case Established:
		return "established"
	case Closing:
		return "closing"
	}
	return "invalid"
}

const protoTCP = 6

// connection reports whether the packet's flags speak for its flow.
func (p *Packet) connection() bool { return p.Proto == protoTCP && p.Flags != 0 }

// opens reports whether the packet starts a connection.
func (p *Packet) opens() bool {
	return p.connection() && p.Flags&(hash.SYN|hash.FIN|hash.RST) == hash.SYN
}

// touch returns the pin after a packet of its flow. On probation only a
// promotion restarts the clock: a flow that never gets further than repeating
// itself goes. Otherwise the clock restarts when the state changes, or when it
// is time to.
func (t *Table) touch(w word, p *Packet, now uint32) word {
	s := t.after(w, p, now)
	if s == w.state() && (s == Probation || w.age(now) < t.clocks.refresh[s]) {
		return w
	}
	return newWord(w.tag(), w.slot(), now, s)
}

// after returns the state that follows that of w.
func (t *Table) after(w word, p *Packet, now uint32) State {
	s := w.state()
	if p.connection() {
		switch {
		case p.Flags&(hash.FIN|hash.RST) != 0:
			return Closing
		case s == Probation && p.Flags&(hash.ACK|hash.SYN) == hash.ACK:
			return EstablishedTCP
		}
		return s
	}
	if s != Probation || w.age(now) <= t.clocks.promoteAfter {
		return s
	}
	if p.Proto == protoTCP {
		return EstablishedTCP
	}
	return Established
}
