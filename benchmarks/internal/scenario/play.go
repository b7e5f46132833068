package scenario

import "github.com/ecmp-go/ecmp/selector"

// An Outcome is what became of the connections that lived when the group
// changed, or when their gateway did: those with packets before and after.
type Outcome struct {
	Exposed int // how many there were
	// a packet reached another member than the first one, though that member
	// was still there
	Broken int
	Lost   int // the member had left, so that nothing could have kept them
}

// Play plays a trace through a gateway.
func Play(t *Trace, e Event, s selector.Strategy, p Policy) (Outcome, error) {
	first, err := newGateway(s, p, len(t.Flows))
	if err != nil {
		return Outcome{}, err
	}
	game := &play{trace: t, event: e, stays: map[string]int{}, homes: make([]home, len(t.Flows)),
		gateways: []*gateway{first}}
	if err := game.update(e.Members); err != nil {
		return Outcome{}, err
	}
	if e.Fails { // the other one runs from the beginning
		if err := game.startGateway(s, p); err != nil {
			return Outcome{}, err
		}
	}
	changes := e.Changes
	for _, packet := range t.Packets {
		for len(changes) > 0 && changes[0].At <= packet.At {
			if err := game.update(changes[0].Members); err != nil {
				return Outcome{}, err
			}
			changes = changes[1:]
		}
		if e.Roam > 0 && packet.At >= e.Roam && !game.roaming {
			if err := game.roam(s, p); err != nil {
				return Outcome{}, err
			}
		}
		game.send(packet)
	}
	return game.outcome, nil
}

// A play is one in progress.
type play struct {
	trace    *Trace
	event    Event
	gateways []*gateway
	members  []selector.Member
	stays    map[string]int // how often a member left, by ID
	homes    []home
	outcome  Outcome
	roaming  bool // flows enter at the second gateway
}

// A home is the stay of the member that has the state of a connection.
type home struct {
	member string
	stay   int
	over   bool // the connection broke or was lost
}

func (p *play) update(members []selector.Member) error {
	present := map[string]bool{}
	for _, m := range members {
		present[m.ID] = true
	}
	for _, m := range p.members {
		if !present[m.ID] {
			p.stays[m.ID]++
		}
	}
	p.members = members
	for _, g := range p.gateways {
		if err := g.update(members); err != nil {
			return err
		}
	}
	return nil
}

// roam lets flows enter at a second gateway.
func (p *play) roam(s selector.Strategy, policy Policy) error {
	p.roaming = true
	if !p.event.Fails {
		if err := p.startGateway(s, policy); err != nil {
			return err
		}
	}
	if policy.Share {
		return p.gateways[1].inherit(p.gateways[0], p.event.Roam)
	}
	return nil
}

// startGateway starts one that knows the members of now, and none of their
// history.
func (p *play) startGateway(s selector.Strategy, policy Policy) error {
	g, err := newGateway(s, policy, len(p.trace.Flows))
	if err != nil {
		return err
	}
	p.gateways = append(p.gateways, g)
	return g.update(p.members)
}

func (p *play) send(packet Packet) {
	h, f := &p.homes[packet.Flow], &p.trace.Flows[packet.Flow]
	if packet.Kind == Opens && p.event.exposes(*f) {
		p.outcome.Exposed++
	}
	if h.over {
		return
	}
	gateway := p.gateways[0]
	if p.roaming && p.event.moves(*f) {
		gateway = p.gateways[1]
	}
	member := gateway.route(f, packet)
	switch {
	case packet.Kind == Opens:
		*h = home{member: member, stay: p.stays[member]}
	case p.stays[h.member] != h.stay:
		h.over = true
		p.outcome.Lost++
	case member != h.member:
		h.over = true
		p.outcome.Broken++
	}
}
