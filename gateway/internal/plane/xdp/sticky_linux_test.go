package xdp

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/slots"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/ecmp-go/ecmp/symmetric"
)

// model is what the flow memory should hold: a map that never forgets.
type model struct {
	timeouts timeouts
	pins     map[uint64]modelPin
	awaits   func(selector.Slot) bool
	state    func(v *selector.View, i int32) hopState
	placed   int
	moved    int
	detoured int
}

type modelPin struct {
	pin
	established bool // in that map
}

// packet routes a packet as the program should, and returns the output of the
// member; ok is false if there is none.
func (m *model) packet(g *engine.Group, digest, h uint64, proto uint8, flags hash.TCPFlags,
	now uint64) (output uint16, ok bool) {
	s := g.Load()
	v := s.View()
	has, exists := m.pins[digest]
	verdict, next, member, hop := flowcache.Placed, has.pin, int32(0), hopGone
	if exists {
		i, known := v.BySlot(has.slot())
		switch {
		case known:
			hop = m.state(v, i)
		case m.awaits(has.slot()):
			hop = hopAwaited
		}
		class := flowcache.ClassOther
		if proto == hash.TCP {
			class = flowcache.ClassTCP
		}
		verdict, next = m.timeouts.follow(has.pin, hop, class, flags, now)
		member = i
	}
	if verdict == flowcache.Pinned {
		if next.state() == flowcache.EstablishedTCP || next.state() == flowcache.Established {
			has.established = true
		}
		m.pins[digest] = modelPin{next, has.established}
		return s.At(member).Output, true
	}
	chosen := s.Select(h)
	if chosen < 0 { // a new connection stays at a drained member if nobody else can take it
		stays := verdict == flowcache.Placed && (hop == hopDrained || hop == hopReleasing) &&
			next.age(now) <= m.timeouts.life[next.state()]
		if !stays {
			return 0, false
		}
		return s.At(member).Output, true
	}
	member = chosen
	switch verdict {
	case flowcache.Placed:
		m.placed++
	case flowcache.Moved:
		m.moved++
	case flowcache.Detoured:
		m.detoured++
	}
	if verdict != flowcache.Detoured {
		m.pins[digest] = modelPin{newPin(now, v.Slot(member), firstState(flags)), has.established}
	}
	return s.At(member).Output, true
}

// stored reads a pin from the maps of the program.
func (r *fixture) stored(digest uint64) (modelPin, bool) {
	w, home := r.flows.find(digest)
	return modelPin{w, home == r.maps.established}, home != nil
}

// A random walk over packets of every kind, times, members and marks leads the
// program and its model to the same members and the same pins.
func TestFollowsModel(t *testing.T) {
	r := newFixture(t, 4096, selector.Bounded{}, selector.Maglev{Size: 101})
	to, err := newTimeouts(&flowcache.Config{})
	require.NoError(t, err)
	m := model{timeouts: to, pins: make(map[uint64]modelPin), awaits: r.flows.awaits,
		state: r.flows.stateOf}
	everybody := make(map[uint16]slots.Key)
	for n := range uint16(12) {
		everybody[n] = slots.Key{ID: hopOf(n, 1).ID}
	}
	rng := rand.New(rand.NewPCG(3, 3))
	flows := conversations(60, 2)
	hasher := symmetric.Hasher{Base: hash.XX{Seed: testSeed}}
	steps := []time.Duration{
		0, 0, 0, time.Millisecond, time.Second / 2, time.Second, time.Second + 2*time.Millisecond, 3 * time.Second,
		4 * time.Second,
		8 * time.Second, 10 * time.Second, 30 * time.Second, 44 * time.Second, 100 * time.Second, 360 * time.Second,
	}
	flags := []hash.TCPFlags{0, hash.SYN, hash.SYN | hash.ACK, hash.ACK, hash.ACK, hash.ACK | hash.PSH,
		hash.FIN | hash.ACK, hash.RST, hash.SYN | hash.FIN}
	seen, released := make(map[flowcache.State]int), 0
	for range 30_000 {
		switch rng.IntN(100) {
		case 0:
			g := rng.IntN(2)
			var hops []engine.Hop
			for n := range uint16(6) {
				if rng.IntN(3) > 0 {
					hops = append(hops, hopOf(n+6*uint16(g), uint32(rng.IntN(3))))
					hops[len(hops)-1].Backup = rng.IntN(4) == 0
				}
			}
			r.update(g, hops...)
		case 1:
			number, down := uint16(rng.IntN(12)), rng.IntN(2) == 0
			if rng.IntN(2) == 0 {
				r.groups[number/6].Mark(hopOf(number, 1).ID).SetDown(down)
			}
			r.setDown(number, down)
		case 2, 3, 4, 5, 6, 7, 8, 9, 10, 11:
			r.advance(steps[rng.IntN(len(steps))])
			if r.flows.overdue() {
				require.NoError(t, r.refill())
			}
		case 12: // as Restore does
			if rng.IntN(6) > 0 {
				continue
			}
			r.flows.reserve(everybody)
			require.NoError(t, r.refill())
		case 13: // the end of a drain, of each kind
			var list []plane.Release
			for _, g := range r.groups {
				v := g.Load().View()
				for i, m := range v.All() {
					which := plane.Released(rng.IntN(int(plane.Everything) + 1))
					if list = append(list, plane.Release{Group: g, Member: m.ID, Which: which}); v.Drained(i) {
						released++
					}
				}
			}
			require.NoError(t, r.flows.Release(list))
		default:
			c := flows[rng.IntN(len(flows))]
			f := flags[rng.IntN(len(flags))]
			frame := c.frame(f, 64, 0)
			var h hash.Headers
			require.NoError(t, hash.Parse(frame, &h))
			g := r.groups[c.group()]
			hashed := hasher.Hash(h.Outer)
			digest := hashed ^ g.Load().View().Salt()
			want, ok := m.packet(g, digest, hashed, h.Proto, h.TCPFlags, stamp(int64(r.time)))
			action, out := r.run(frame)
			if !ok {
				require.EqualValues(t, xdpDrop, action)
			} else {
				require.EqualValues(t, xdpRedirect, action)
				require.Equal(t, want, uint16(out[5]))
			}
			pinned, exists := m.pins[digest]
			got, has := r.stored(digest)
			require.Equal(t, exists, has)
			require.Equal(t, pinned, got)
			seen[got.state()]++
		}
	}
	for s := flowcache.Probation; s <= flowcache.EstablishedTCP; s++ {
		assert.Greater(t, seen[s], 100, "%v", s)
	}
	assert.Greater(t, released, 50)
	stats := r.Flows().Stats()
	assert.EqualValues(t, m.placed, stats.Placed)
	assert.EqualValues(t, m.moved, stats.Moved)
	assert.Greater(t, m.moved, 100)
	assert.EqualValues(t, m.detoured, traffic(r.maps.events, uint32(detoured)).Frames)
	assert.Greater(t, m.detoured, 20)
	assert.Zero(t, stats.Refused)
	assert.Equal(t, 4096+1024, stats.Capacity)
}

// membersOf runs a packet of each flow and returns the members; the engine,
// with its flow table, must find the same ones.
func (r *fixture) membersOf(flows []conversation, flags hash.TCPFlags) (members []uint16) {
	r.t.Helper()
	for _, c := range flows {
		frame := c.frame(flags, 64, 0)
		member := r.member(frame)
		require.Equal(r.t, r.engineMember(frame), member)
		members = append(members, member)
	}
	return members
}

// Established flows stay where they are whatever is added or drained, come back
// to a member that was down, and leave one that left, alone.
func TestStickiness(t *testing.T) {
	r := newFixture(t, 4096, selector.Bounded{})
	r.update(0, hopsFor(1, 2, 3)...)
	flows := conversations(400, 1)
	r.membersOf(flows, hash.SYN)
	r.advance(2 * time.Second)
	at := r.membersOf(flows, hash.ACK)
	keep := func(what string) {
		t.Helper()
		r.advance(time.Second)
		require.Equal(t, at, r.membersOf(flows, hash.ACK), what)
	}
	r.update(0, hopsFor(1, 2, 3, 4)...)
	keep("a member was added")
	slot2 := r.groups[0].Load().View().Slot(1)
	r.update(0, hopOf(1, 1), hopOf(2, 0), hopOf(3, 5), hopOf(4, 1))
	keep("a member was drained, and one weighs more")
	on2 := 0
	for _, m := range at {
		if m == 2 {
			on2++
		}
	}
	assert.Equal(t, on2, r.Flows().Pins()[slot2])

	fresh := conversations(300, 1)
	for _, m := range r.membersOf(fresh, hash.SYN) {
		require.NotEqualValues(t, 2, m, "new flows of a drained member")
	}

	r.setDown(3, true)
	detoured := r.membersOf(flows, hash.ACK)
	for i := range flows {
		require.NotEqualValues(t, 3, detoured[i])
		if at[i] != 3 {
			require.Equal(t, at[i], detoured[i])
		}
	}
	r.setDown(3, false)
	keep("a member was down and is up again")

	r.update(0, hopOf(2, 0), hopOf(3, 5), hopOf(4, 1))
	after := r.membersOf(flows, hash.ACK)
	moved := uint64(0)
	for i := range flows {
		if at[i] != 1 {
			require.Equal(t, at[i], after[i], "its member did not leave")
		} else {
			require.NotEqualValues(t, 1, after[i])
			moved++
		}
	}
	assert.Equal(t, moved, r.Flows().Stats().Moved)
	at = after
	r.update(0, hopsFor(1, 2, 3, 4)...)
	keep("a member is back, in a stay of its own")

	r.update(0, hopOf(2, 0))
	for i, m := range at {
		if m == 2 {
			require.EqualValues(t, 2, r.member(flows[i].frame(hash.ACK, 64, 0)), "the last one is drained")
		} else {
			action, _ := r.run(flows[i].frame(hash.ACK, 64, 0))
			require.EqualValues(t, xdpDrop, action)
		}
	}
	assert.NotZero(t, r.Counters().Dropped[engine.NoMember.String()])
}

// A flood of first packets takes nothing from established flows, and what there
// is no room for is counted.
func TestFlood(t *testing.T) {
	const room = 1000
	r := newFixture(t, room, selector.Bounded{})
	r.update(0, hopsFor(1, 2, 3)...)
	all := conversations(2*room+60_000, 1)
	for i := range all {
		all[i].proto = hash.TCP
	}
	flows, late, flood := all[:room], all[room:room+10], all[2*room:]
	at := make([]uint16, room)
	for i, c := range flows {
		r.member(c.frame(hash.SYN, 64, 0))
		at[i] = r.member(c.frame(hash.ACK, 64, 0))
	}
	for _, c := range late {
		r.member(c.frame(hash.SYN, 64, 0))
		r.member(c.frame(hash.ACK, 64, 0))
	}
	assert.EqualValues(t, len(late), r.Flows().Stats().Refused)
	for _, c := range flood {
		r.member(c.frame(hash.SYN, 64, 0))
	}
	r.update(0, hopsFor(1, 2, 3, 4, 5, 6)...)
	for i, c := range flows {
		require.Equal(t, at[i], r.member(c.frame(hash.ACK, 64, 0)))
	}
	s := r.Flows().Stats()
	assert.LessOrEqual(t, s.Flows, s.Capacity)

	// Expired ones make room again.
	r.advance(400 * time.Second)
	require.NoError(t, r.flows.sweep())
	assert.Zero(t, r.Flows().Stats().Flows)
	n := 0
	require.NoError(t, each(r.maps.established, func(uint64, pin) bool { n++; return true }))
	assert.Zero(t, n)
}

// While tables are swapped as fast as can be, every frame goes to a member of
// the one or the other, and after Sync to one of the new.
func TestSwapUnderLoad(t *testing.T) {
	r := newFixture(t, 1<<16, selector.Maglev{})
	sets := [][]engine.Hop{hopsFor(1, 2, 3), hopsFor(3, 4, 5)}
	r.update(0, sets[0]...)
	flows := conversations(5000, 1)
	stop, stopped := make(chan struct{}), make(chan struct{})
	ran := 0
	go func() {
		defer close(stopped)
		out := make([]byte, 100)
		for ; ; ran++ {
			select {
			case <-stop:
				return
			default:
			}
			action, err := r.program().Run(&ebpf.RunOptions{Data: flows[ran%len(flows)].frame(hash.SYN, 64, 0),
				DataOut: out})
			if !assert.NoError(t, err) || !assert.EqualValues(t, xdpRedirect, action) ||
				!assert.Contains(t, []byte{1, 2, 3, 4, 5}, out[5]) {
				return
			}
		}
	}()
	for i := range 20 {
		now := sets[i%2]
		r.update(0, now...)
		r.tables.reclaim(true)
		for _, c := range flows[:100] {
			member := r.member(c.frame(hash.SYN, 64, 0))
			require.True(t, slices.ContainsFunc(now, func(h engine.Hop) bool { return h.Value.Output == member }),
				"%d of %d", member, i%2)
		}
	}
	close(stop)
	<-stopped
	assert.Greater(t, ran, 100)
	assert.LessOrEqual(t, len(r.tables.spare), 1, "tables are used again")
}

// TestManyDown has more and more members down, in the domain and in the group,
// until only backups are up, then nobody: the program, its slow path and the
// engine agree on where new flows go.
func TestManyDown(t *testing.T) {
	r := newFixture(t, 4096, selector.Bounded{}, selector.Maglev{Size: 101})
	hasher := symmetric.Hasher{Base: hash.XX{Seed: testSeed}}
	for g := range r.groups {
		hops := hopsFor(1, 2, 3, 4, 5, 6, 7, 8)
		hops[2].Backup, hops[5].Backup = true, true
		r.update(g, hops...)
	}
	for _, number := range []uint16{7, 2, 1, 4, 8, 5, 3} {
		for _, g := range r.groups {
			g.Mark(hopOf(number, 1).ID).SetDown(number%2 == 0)
		}
		r.setDown(number, number%2 == 1)
		flows := conversations(200, 2)
		at := r.membersOf(flows, hash.SYN)
		for i, c := range flows {
			require.NotEqual(t, number, at[i])
			var h hash.Headers
			require.NoError(t, hash.Parse(c.frame(hash.ACK, 64, 0), &h))
			v := r.groups[c.group()].Load().View()
			p := flowcache.Packet{Digest: hasher.Hash(h.Outer) ^ v.Salt(), Mode: flowcache.LookupOnly}
			var route [1]flowcache.Route
			r.flows.RouteBatch(route[:], []flowcache.Packet{p}, []*selector.View{v}, 0)
			require.EqualValues(t, at[i]-1, route[0].Member)
		}
	}
	r.setDown(6, true)
	for _, c := range conversations(20, 2) {
		action, _ := r.run(c.frame(hash.SYN, 64, 0))
		require.EqualValues(t, xdpDrop, action)
	}
}
