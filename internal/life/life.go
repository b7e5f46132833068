// Package life is the life of a pin: its states, the events that change it, and
// one table that says what follows. The flow table, its model and the XDP plane
// read this table.
package life

import "github.com/ecmp-go/ecmp/hash"

// A State is where a flow is in its life.
type State uint8

// The states. Those from Other on are established: of what is not TCP, of TCP,
// and of the classes that a user names.
const (
	Probation  State = iota // new
	Adopted                 // TCP that was met in mid-life, and not a second time yet
	Closing                 // a FIN or RST was seen
	Other                   // established, and not TCP
	TCP                     // established
	FirstClass              // established, of the first class of the user's

	States = 16
)

// An Event is what a packet of the flow's own is to its pin.
type Event uint8

// The events. The first two are of packets without flags: of another protocol,
// or of a key that is coarser than a connection.
const (
	Early   Event = iota // too early after the pin was made to promote it
	Late                 // late enough
	Opens                // SYN: a connection begins
	Answers              // SYN and ACK
	GoesOn               // ACK
	Odd                  // neither SYN nor ACK, nor an end
	Ends                 // FIN or RST

	Events
)

// A Step is what becomes of a pin.
type Step byte

// The steps, by the letters that the table has for them.
const (
	Keep      Step = 'K' // it stays as it is
	Refresh   Step = 'R' // its clock begins anew, if that is due
	Establish Step = 'E' // it goes to the state of its class
	Close     Step = 'C' // it goes to Closing
	Renew     Step = 'N' // it ends: the packet begins a new flow
)

// The table: what follows an event in a state.
const (
	// early, late, opens, answers, goes on, odd, ends
	ofProbation   = "KEKKEKC"
	ofAdopted     = "KEKKEKC"
	ofClosing     = "RRNNRRR"
	ofEstablished = "RRKKRRC"
)

// Next reads the table. takesNew is false if the pin's member takes no new
// flow, since it is drained or down: a connection that begins then begins
// elsewhere.
func Next(s State, e Event, takesNew bool) Step {
	if e == Opens && !takesNew {
		return Renew
	}
	switch s {
	case Probation:
		return Step(ofProbation[e])
	case Adopted:
		return Step(ofAdopted[e])
	case Closing:
		return Step(ofClosing[e])
	}
	return Step(ofEstablished[e])
}

// EventOf returns the event of a packet with these flags. late is whether one
// without flags comes late enough to promote.
func EventOf(f hash.TCPFlags, late bool) Event {
	switch {
	case f == 0 && late:
		return Late
	case f == 0:
		return Early
	case f&(hash.FIN|hash.RST) != 0:
		return Ends
	}
	switch f & (hash.SYN | hash.ACK) {
	case hash.SYN:
		return Opens
	case hash.SYN | hash.ACK:
		return Answers
	case hash.ACK:
		return GoesOn
	}
	return Odd
}

// First returns the state of a new flow's pin, from the event of its first
// packet: a connection that goes on is older than its pin.
func First(e Event) State {
	if e == GoesOn {
		return Adopted
	}
	return Probation
}
