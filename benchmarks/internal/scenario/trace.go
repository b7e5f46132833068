// Package scenario plays connections that live, pause and end through gateways
// whose group of members changes, in virtual time, and counts those that break.
// Everything is drawn from a seed and comes out alike in every run.
package scenario

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/ecmp-go/ecmp/hash"
)

// Horizon is how long a trace lasts.
const Horizon = 30 * time.Minute

// A Trace is the packets of many connections, in order of time.
type Trace struct {
	Packets []Packet
	Flows   []Flow
}

// A Flow is one TCP connection.
type Flow struct {
	Hash        uint64
	First, Last time.Duration // its first and last packet
	Roams       bool          // it enters at another gateway when upstream routing changes
}

// A Packet is one of a flow.
type Packet struct {
	At   time.Duration
	Flow int32
	Kind Kind
}

// Kind is what a packet does to its connection.
type Kind uint8

// The kinds of packets.
const (
	Opens Kind = iota
	Goes
	Closes
)

// flags returns those of such a packet's header.
func (k Kind) flags() hash.TCPFlags {
	switch k {
	case Opens:
		return hash.SYN
	case Closes:
		return hash.FIN | hash.ACK
	}
	return hash.ACK
}

// The distributions that a trace is drawn from, all with heavy tails: times
// between arrivals of connections, how long they live, and the pauses between
// their packets, in seconds.
func distributions(src rand.Source) (arrival, life, pause distuv.Rander) {
	return distuv.Pareto{Xm: .02, Alpha: 1.5, Src: src}, // mean .06
		distuv.LogNormal{Mu: 3, Sigma: 1.8, Src: src}, // median 20, mean 101
		// mean 3.6; one in 110 is above 30, one in 2,000 above 350
		distuv.Pareto{Xm: .6, Alpha: 1.2, Src: src}
}

// NewTrace draws a trace.
func NewTrace(seed uint64) *Trace {
	src := rand.NewPCG(seed, 0)
	arrival, life, pause := distributions(src)
	seconds := func(d distuv.Rander) time.Duration {
		return time.Duration(min(d.Rand(), Horizon.Seconds()) * float64(time.Second))
	}
	t := new(Trace)
	for at := seconds(arrival); at < Horizon; at += seconds(arrival) {
		f := Flow{Hash: src.Uint64(), First: at, Roams: src.Uint64()%2 == 0}
		id, end := int32(len(t.Flows)), at+seconds(life)
		t.Packets = append(t.Packets, Packet{at, id, Opens})
		for next := at + seconds(pause); next < min(end, Horizon); next += seconds(pause) {
			t.Packets = append(t.Packets, Packet{next, id, Goes})
			f.Last = next
		}
		if end < Horizon {
			t.Packets = append(t.Packets, Packet{end, id, Closes})
			f.Last = end
		}
		t.Flows = append(t.Flows, f)
	}
	slices.SortFunc(t.Packets, func(a, b Packet) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Flow, b.Flow), cmp.Compare(a.Kind, b.Kind))
	})
	return t
}

// Exposed returns the flows of a trace that live across a change of an event,
// and their packets. No others can break, so that what becomes of them is what
// becomes of all, as long as a flow table has room for all.
func (t *Trace) Exposed(e Event) *Trace {
	left := new(Trace)
	now := make([]int32, len(t.Flows)) // the index of each flow there, from 1
	for i, f := range t.Flows {
		if e.exposes(f) {
			left.Flows = append(left.Flows, f)
			now[i] = int32(len(left.Flows))
		}
	}
	for _, p := range t.Packets {
		if to := now[p.Flow]; to > 0 {
			p.Flow = to - 1
			left.Packets = append(left.Packets, p)
		}
	}
	return left
}
