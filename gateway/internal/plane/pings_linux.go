package plane

import (
	"math/bits"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/flowcache"
)

// An unanswered is why pings of a service went nowhere.
type unanswered struct {
	group  *engine.Group // nil: one that is not served any more
	reason string
}

// serve takes over which addresses' pings are answered. Drops of the groups that
// are gone are told in sum alone.
func (a *answers) serve(p pings, gone func(*engine.Group) bool) {
	if a == nil || a.Pings == 0 {
		return
	}
	a.pings = p
	for u, t := range a.unanswered {
		if u.group != nil && gone(u.group) {
			nobody := unanswered{reason: u.reason}
			a.unanswered[nobody] = plus(a.unanswered[nobody], t)
			delete(a.unanswered, u)
		}
	}
	for _, pinged := range p {
		for _, g := range pinged.groups { // there are all, so that none is added with a packet
			for _, reason := range []string{tooManyPings, engine.NoMember.String()} {
				u := unanswered{g, reason}
				a.unanswered[u] = plus(a.unanswered[u], engine.Traffic{})
			}
		}
	}
}

// take answers the pings of a burst, and returns its other frames. The engine is
// not asked about a ping, since it would pin it to a member, and a ping over the
// rate is to cost little.
func (a *answers) take(frames [][]byte, now time.Duration) (rest [][]byte) {
	a.taken = 0
	if len(a.pings) == 0 {
		return frames
	}
	for i, f := range frames {
		if p := a.pings.of(f); p != nil {
			a.taken |= 1 << i
			a.answerPing(i, p, f, now)
		}
	}
	if a.taken == 0 {
		return frames
	}
	rest = a.rest[:0]
	for i, f := range frames {
		if a.taken>>i&1 == 0 {
			rest = append(rest, f)
		}
	}
	return rest
}

// answerPing makes a ping its reply, if something of its address serves.
func (a *answers) answerPing(i int, p *pinged, frame []byte, now time.Duration) {
	if !a.echoes.takes(a.Pings, now) {
		a.drop(unanswered{p.groups[0], tooManyPings}, frame)
		return
	}
	g, serves := p.serving()
	if !serves {
		a.drop(unanswered{g, engine.NoMember.String()}, frame)
		return
	}
	answerPing(frame)
	a.frames[i] = frame
	a.count(i)
}

func (a *answers) drop(u unanswered, frame []byte) {
	a.unanswered[u] = plus(a.unanswered[u], engine.Traffic{Frames: 1, Bytes: uint64(len(frame))})
}

// putBack makes room among the decisions on the frames that take returned, which
// come first, for those on pings.
func (a *answers) putBack(decisions []engine.Decision) {
	if a.taken == 0 {
		return
	}
	next := len(decisions) - bits.OnesCount64(a.taken)
	for i := len(decisions) - 1; i >= 0; i-- {
		switch {
		case a.taken>>i&1 == 0:
			next--
			decisions[i] = decisions[next]
		case a.frames[i] != nil:
			decisions[i] = engine.Decision{Drop: engine.Answered, Verdict: flowcache.NoMember}
		default:
			decisions[i] = engine.Decision{Drop: engine.NoMember, Verdict: flowcache.NoMember}
		}
	}
}

// place returns where frame i of the burst is among those that take returned.
func (a *answers) place(i int) int {
	if a == nil {
		return i
	}
	return i - bits.OnesCount64(a.taken&(1<<i-1))
}

// addTo adds the pings that went nowhere. Those that were answered are no traffic
// of services.
func (a *answers) addTo(c *Counters) {
	if a == nil {
		return
	}
	c.Replies = plus(c.Replies, a.sent)
	for u, t := range a.unanswered {
		c.In = plus(c.In, t)
		c.drop(u.reason, t.Frames)
		if u.group != nil {
			AddDrops(c.ServiceDrops, u.group, u.reason, t.Frames)
		}
	}
}
