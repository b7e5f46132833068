package plane

import (
	"maps"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
)

// Counters are those of all the workers of a plane.
type Counters struct {
	In      engine.Traffic            // for services, without pings that were answered
	Members map[uint16]engine.Traffic // by Adjacency.Output
	Replies engine.Traffic            // sent back to where they came from
	Slow    engine.Traffic            // of In, what a plane with two paths did by the slow one
	// What came in for no service, and is left to the kernel: neither in In nor
	// in Dropped. A plane that lets the kernel keep such frames without a look
	// at them counts none.
	NotForService engine.Traffic
	Fragments     Fragments

	// Frames that came in and went nowhere, by reason, those that the kernel
	// dropped before the plane saw them included.
	Dropped Drops

	// Of Dropped, what was decided for a member and not sent, by
	// Adjacency.Output, and what was for a service in force and had no member to
	// go to. The others are for nobody that is known.
	MemberDrops  map[uint16]Drops
	ServiceDrops map[*engine.Group]Drops `json:"-"` // for want of a name
}

// Drops count frames by why they were dropped.
type Drops map[string]uint64

// Since returns the drops since an earlier time: nil if there are none.
func (d Drops) Since(before Drops) Drops {
	var since Drops
	for reason, n := range d {
		if n > before[reason] {
			if since == nil {
				since = make(Drops)
			}
			since[reason] = n - before[reason]
		}
	}
	return since
}

// Fragments count those that came before the first one of their datagram.
type Fragments struct {
	Held    uint64 // so far, to wait for the first one
	Waiting uint64 // now; they came in, and have gone nowhere yet
	Strays  uint64 // sent by their addresses, since the first one did not come in time
}

func newCounters() Counters {
	return Counters{
		Members: make(map[uint16]engine.Traffic), Dropped: make(Drops),
		MemberDrops: make(map[uint16]Drops), ServiceDrops: make(map[*engine.Group]Drops),
	}
}

// plus adds up what two planes saw, one after the other.
func (c Counters) plus(o Counters) Counters {
	sum := c.Clone()
	sum.In, sum.Replies, sum.Slow = plus(c.In, o.In), plus(c.Replies, o.Replies), plus(c.Slow, o.Slow)
	sum.NotForService = plus(c.NotForService, o.NotForService)
	sum.Fragments = Fragments{
		Held: c.Fragments.Held + o.Fragments.Held, Waiting: o.Fragments.Waiting,
		Strays: c.Fragments.Strays + o.Fragments.Strays,
	}
	for output, t := range o.Members {
		sum.Members[output] = plus(sum.Members[output], t)
	}
	for reason, n := range o.Dropped {
		sum.Dropped[reason] += n
	}
	addEach(sum.MemberDrops, o.MemberDrops)
	addEach(sum.ServiceDrops, o.ServiceDrops)
	return sum
}

// Clone returns a copy that shares nothing with c.
func (c Counters) Clone() Counters {
	own := newCounters()
	maps.Copy(own.Members, c.Members)
	maps.Copy(own.Dropped, c.Dropped)
	addEach(own.MemberDrops, c.MemberDrops)
	addEach(own.ServiceDrops, c.ServiceDrops)
	c.Members, c.Dropped, c.MemberDrops, c.ServiceDrops = own.Members, own.Dropped, own.MemberDrops, own.ServiceDrops
	return c
}

func addEach[K comparable](to, from map[K]Drops) {
	for k, drops := range from {
		for reason, n := range drops {
			AddDrops(to, k, reason, n)
		}
	}
}

// AddDrops adds frames that were dropped for a reason to the drops of k.
func AddDrops[K comparable](to map[K]Drops, k K, reason string, n uint64) {
	if n == 0 {
		return
	}
	if to[k] == nil {
		to[k] = make(Drops)
	}
	to[k][reason] += n
}

// forget forgets the drops of groups.
func (c *Counters) forget(gone func(*engine.Group) bool) {
	maps.DeleteFunc(c.ServiceDrops, func(g *engine.Group, _ Drops) bool { return gone(g) })
}

// groupsBut returns which groups are not those of services.
func groupsBut(services []Service) (gone func(*engine.Group) bool) {
	stay := make(map[*engine.Group]bool, len(services))
	for _, s := range services {
		stay[s.Group] = true
	}
	return func(g *engine.Group) bool { return !stay[g] }
}

func plus(a, b engine.Traffic) engine.Traffic {
	return engine.Traffic{Frames: a.Frames + b.Frames, Bytes: a.Bytes + b.Bytes}
}

func minus(a, b engine.Traffic) engine.Traffic {
	return engine.Traffic{Frames: a.Frames - b.Frames, Bytes: a.Bytes - b.Bytes}
}

func (c *Counters) drop(reason string, n uint64) {
	if n > 0 {
		c.Dropped[reason] += n
	}
}
