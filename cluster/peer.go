package cluster

import "time"

// A Peer is what this gateway knows of another one, by its heartbeats.
type Peer struct {
	Name     string
	Instance uint64    // another one after each Connect
	Heard    time.Time // when its last heartbeat came
	Live     bool      // a heartbeat came within the last three intervals

	// Refused says why nothing is taken from this gateway: a *RefusedError with
	// the field that differs. It is nil for a gateway of the same seed, policy,
	// layout and classes.
	Refused error

	Groups map[string]Report // what it says of its groups, by their names
}

// A Report is what a gateway says of one of its groups.
type Report struct {
	Version     uint64 // the revision that it runs
	Fingerprint uint64 // of its view
	Strategy    string // as selector.ParseStrategy reads it
	Scope       string
	Prepared    uint64 // the revision of the plan that it is prepared for; 0: none
}

// Peers returns the other gateways of the cluster that were heard of, in order
// of their names. It is a copy, of the caller.
func (c *Conn) Peers() []Peer { return nil }

// Peer returns the gateway with this name, if it was heard of.
func (c *Conn) Peer(_ string) (p Peer, ok bool) { return p, false }
