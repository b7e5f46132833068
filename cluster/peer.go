package cluster

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// A Peer is what this gateway knows of another one, by its heartbeats.
type Peer struct {
	Name     string
	Instance uint64    // drawn by each Connect
	Heard    time.Time // when its last heartbeat came
	Live     bool      // that is less than three heartbeats ago
	Proven   bool      // it has proven that it has the seed; another one may have its name only

	// Refused says why nothing is taken from this gateway: it is a
	// *RefusedError with the field that differs. It is nil for a gateway that
	// has proven its seed, and has the policy, layout and classes of this one.
	Refused error

	Groups map[string]Report // what it says of its groups, by their names
}

// A Report is what a gateway says of one of its groups.
type Report struct {
	Version     uint64 `json:"version"`     // the revision that it runs
	Fingerprint uint64 `json:"fingerprint"` // of its view
	Strategy    string `json:"strategy"`    // in force, as selector.ParseStrategy reads it
	Scope       string `json:"scope,omitempty"`

	// Configured is the strategy that the gateway was built with, if that is
	// another one.
	Configured string `json:"configured,omitempty"`

	// Prepared is the revision of the plan that it is ready for; 0: of none.
	Prepared uint64 `json:"prepared,omitempty"`

	// Failed says why it does not run a newer version that it knows of.
	Failed string `json:"failed,omitempty"`
}

// maxPeers bounds what is remembered of names that anybody may invent: with so
// many, the one that was heard longest ago of those that have not proven their
// seed is forgotten.
const maxPeers = 1024

// forgetAfter is how long a gateway that is silent is remembered.
const forgetAfter = time.Hour

// peers is what was heard of the other gateways. It reads no clock.
type peers struct {
	config *Config
	keys   keys
	own    settings
	known  map[string]*peer

	forged uint64 // heartbeats not made with the seed in the name of a live gateway, this one, or none
	stale  uint64 // that were repeated or overtaken

	twin time.Time // when another process was last heard under the name of this one
}

type peer struct {
	Peer
	sequence uint64
	every    time.Duration
	proven   bool
	settings settings
	ahead    map[string]time.Time   // groups in which it is ahead, and since when
	lists    map[string]memberLists // what it told of groups whose fingerprint differs

	// Another instance under this name, while the proven one is live. It takes
	// its place once it has proven its seed and says something then.
	next    *peer
	claimed uint64 // the other instance that answered a challenge last
}

func newPeers(c *Config, k keys) peers {
	return peers{config: c, keys: k, own: settingsOf(c, k), known: map[string]*peer{}}
}

// heard takes in a heartbeat that came on the subject of the named gateway. It
// returns the gateway, and whether it has to prove its seed; nil if the
// heartbeat changes nothing.
func (p *peers) heard(name string, text []byte, seal string, now time.Time) (q *peer, challenge bool) {
	if !token.MatchString(name) { // no gateway has it
		p.forged++
		return nil, false
	}
	q = p.known[name]
	h, err := p.keys.open(name, text, seal)
	switch {
	case err != nil && q != nil && q.proven && p.live(q, now):
		p.forged++
		return nil, false
	case err != nil:
		if q == nil || q.proven {
			if q = p.add(name); q == nil {
				return nil, false
			}
		}
		q.Heard, q.Refused = now, err
		return q, false
	case h.Leaving:
		if q != nil && q.Instance == h.Instance && h.Sequence > q.sequence {
			delete(p.known, name)
		}
		return nil, false
	case q != nil && q.Instance != h.Instance && q.proven && p.live(q, now):
		q = p.heardOther(q, &h)
	case q == nil || q.Instance != h.Instance:
		if q = p.add(name); q == nil {
			return nil, false
		}
		q.Instance = h.Instance
	}
	if h.Sequence <= q.sequence {
		p.stale++
		return nil, false
	}
	q.Heard, q.sequence, q.every, q.settings, q.Groups = now, h.Sequence, h.Every, h.Settings, h.Groups
	q.Refused = p.refused(q)
	return q, !q.proven
}

// heardOther returns the other instance of a live gateway that has proven its
// seed, which may be a heartbeat that somebody recorded. It waits beside that
// one until it has proven its seed too.
func (p *peers) heardOther(q *peer, h *heartbeat) *peer {
	if q.next == nil || q.next.Instance != h.Instance {
		q.next = newPeer(q.Name)
		q.next.Instance = h.Instance
	}
	if q.claimed != h.Instance || h.Sequence <= q.next.sequence {
		return q.next
	}
	q = q.next
	q.proven = true
	p.known[q.Name] = q
	return q
}

func (p *peers) refused(q *peer) error {
	if err := p.own.differ(q.Name, q.settings); err != nil {
		return err
	}
	if !q.proven {
		return &RefusedError{Gateway: q.Name, Field: FieldProof}
	}
	return nil
}

// prove notes that the instance answered a challenge rightly.
func (p *peers) prove(name string, instance uint64) {
	q := p.known[name]
	switch {
	case q == nil:
		return
	case q.Instance == instance:
	case q.next != nil && q.next.Instance == instance:
		q = q.next
		p.known[name] = q
	default:
		q.claimed = instance // others were heard meanwhile
		return
	}
	q.proven = true
	q.Refused = p.refused(q)
}

// add begins with a gateway; nil if as many as are remembered have proven their
// seed.
func (p *peers) add(name string) *peer {
	if p.known[name] == nil && len(p.known) >= maxPeers && !p.dropUnproven() {
		return nil
	}
	q := newPeer(name)
	p.known[name] = q
	return q
}

func newPeer(name string) *peer {
	return &peer{Peer: Peer{Name: name}, ahead: map[string]time.Time{}, lists: map[string]memberLists{}}
}

// dropUnproven forgets the gateway that was heard longest ago of those that have
// not proven their seed.
func (p *peers) dropUnproven() (ok bool) {
	var oldest *peer
	for _, q := range p.known {
		if !q.proven && (oldest == nil || q.Heard.Before(oldest.Heard)) {
			oldest = q
		}
	}
	if oldest == nil {
		return false
	}
	delete(p.known, oldest.Name)
	return true
}

// live reports whether the gateway's last heartbeat is recent enough.
func (p *peers) live(q *peer, now time.Time) bool {
	return now.Sub(q.Heard) < 3*max(p.config.Heartbeat, min(q.every, time.Minute))
}

// forget drops gateways that are silent for long.
func (p *peers) forget(now time.Time) {
	maps.DeleteFunc(p.known, func(_ string, q *peer) bool { return now.Sub(q.Heard) > forgetAfter })
}

// list returns the gateways in order of their names.
func (p *peers) list(now time.Time) []Peer {
	list := make([]Peer, 0, len(p.known))
	for _, q := range p.known {
		list = append(list, p.copy(q, now))
	}
	slices.SortFunc(list, func(a, b Peer) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

func (p *peers) copy(q *peer, now time.Time) Peer {
	c := q.Peer
	c.Live, c.Proven = p.live(q, now), q.proven
	c.Groups = maps.Clone(q.Groups)
	return c
}

// counted yields the live gateways of a group that are not refused.
func (p *peers) counted(group string, now time.Time) func(func(*peer, Report) bool) {
	return func(yield func(*peer, Report) bool) {
		for _, q := range p.known {
			if r, ok := q.Groups[group]; ok && q.Refused == nil && p.live(q, now) && !yield(q, r) {
				return
			}
		}
	}
}

// Peers returns the other gateways of the cluster that were heard of in the
// last hour, in order of their names. The list is the caller's.
func (c *Conn) Peers() []Peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.peers.list(time.Now())
}

// Peer returns the gateway with this name, if it was heard of.
func (c *Conn) Peer(name string) (p Peer, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.peers.known[name]
	if q == nil {
		return Peer{}, false
	}
	return c.peers.copy(q, time.Now()), true
}

// HeartbeatStats counts what the gateway did not take in.
type HeartbeatStats struct {
	// Forged counts heartbeats that were not made with the seed, in the name of
	// a live gateway or of this one, and those in what can be no name.
	Forged uint64
	Stale  uint64 // that were repeated or overtaken
}

// HeartbeatStats returns the counters.
func (c *Conn) HeartbeatStats() HeartbeatStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return HeartbeatStats{Forged: c.peers.forged, Stale: c.peers.stale}
}
