package cluster

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// carry takes what one gateway sent to the other.
func (s *sharing) carry(from, to *carried) {
	s.t.Helper()
	sent := from.sent
	from.sent = nil
	for _, m := range sent {
		_, _, _, receiver, _ := from.sharer.names.parties(m.subject)
		if receiver == "" || receiver == to.sharer.names.gateway {
			require.NoError(s.t, to.receive(m))
		}
	}
}

// settle has both gateways do and send what there is for a while.
func (s *sharing) settle() {
	s.t.Helper()
	for range 20 {
		s.from.work()
		s.to.work()
		s.now += 2 * askAfter
		s.carry(s.from, s.to)
		s.carry(s.to, s.from)
	}
}

// TestAnnouncedPinsAreThereFirst is the first race: a flow's next packet enters
// at another gateway right after a change. If the change was planned, its pin
// is there before the change is.
func TestAnnouncedPinsAreThereFirst(t *testing.T) {
	s := newSharing(t)
	members := make(map[uint64]string)
	for f := range uint64(1000) {
		members[f], _ = s.from.packet(f, hash.SYN)
		_, _ = s.from.packet(f, hash.ACK)
	}
	s.settle() // they know of each other
	plan := func(g *carried) *bool {
		g.sharer.expected = func(string) []string {
			return []string{map[string]string{"from": "to", "to": "from"}[g.sharer.names.gateway]}
		}
		var hops []selector.Hop[int]
		for _, id := range []string{"a", "b", "c", "d"} {
			hops = append(hops, selector.Hop[int]{ID: id, Weight: 1, Incarnation: 1})
		}
		planned, err := g.group.Plan(nil, hops)
		require.NoError(t, err)
		done := new(bool)
		g.sharer.prepare(g.shared, 5, planned.View(), g.instant())
		g.sharer.waiting = append(g.sharer.waiting, preparation{g.shared, 5, func() { *done = true }})
		return done
	}
	first := plan(s.from)
	s.from.work()
	assert.False(t, *first, "the pins of the other gateway are not here")
	second := plan(s.to)
	s.settle()
	require.True(t, *first)
	require.True(t, *second)

	old, view := s.to.put(5, "a", "b", "c", "d")
	moved := 0
	for f, m := range members {
		got, _ := s.to.packet(f, hash.ACK)
		require.Equal(t, m, got, "flow %d", f)
		if i, _ := view.Index(m); view.Unmarked(mixFlow(f)) != i {
			moved++
		}
	}
	assert.Positive(t, moved, "the change would have moved some")
	before := s.from.counters.stats().SentPins
	s.to.sharer.changed(s.to.shared, old, view, s.to.instant())
	s.from.change(5, "a", "b", "c", "d")
	s.settle()
	assert.LessOrEqual(t, s.from.counters.stats().SentPins-before, before, "of those the young ones are sent again")
}

// TestChangesSoonAfterEachOther makes a change while scans for flows that are
// promoted after the one before are still to come: those that the second one
// shares are not sent once more, and none that is promoted later is missed.
func TestChangesSoonAfterEachOther(t *testing.T) {
	s := newSharing(t)
	short := func(name string) *carried { // so that what is a little old is old
		table, err := flowcache.NewTable(flowcache.Config{
			Domain: selector.NewDomain(), Flows: 10_000, Tick: 100 * time.Millisecond,
			EstablishedTCP: time.Minute, Established: time.Minute,
		})
		require.NoError(t, err)
		return s.gateway(name, PinsConfig{Table: table})
	}
	s.from, s.to = short("from"), short("to")
	began := s.now
	until := func(at time.Duration) {
		for ; s.now < began+at; s.now += 10 * time.Millisecond {
			s.from.work()
			s.to.work()
			s.carry(s.from, s.to)
			s.carry(s.to, s.from)
		}
	}
	change := func(version uint64, ids ...string) {
		for _, g := range []*carried{s.from, s.to} {
			g.change(version, ids...)
			g.group.Settle(version)
			g.sharer.settled(g.shared, version, g.instant())
		}
	}
	v := func() *selector.View { return s.from.group.Load().View() }
	udp := func(from, to uint64) {
		for f := from; f < to; f++ {
			p := flowcache.NewPacket(&hash.Flow{Hash: mixFlow(f), Proto: hash.UDP}, v().Salt(), 0)
			s.from.worker.Route(p, v(), s.now)
		}
	}
	const tcp, all = 3000, 3200
	until(2 * time.Second)
	change(2, "a", "b", "c", "d")
	until(2500 * time.Millisecond)
	for f := range uint64(tcp) {
		_, _ = s.from.packet(f, hash.SYN)
		_, _ = s.from.packet(f, hash.ACK)
	}
	udp(tcp, all)
	until(3 * time.Second)
	change(3, "a", "b", "c", "d", "e")
	until(5 * time.Second)
	udp(tcp, tcp+100)
	until(9 * time.Second)
	udp(tcp+100, all)
	until(13 * time.Second)

	want := s.from.deviating()
	here := make(map[flowcache.Key]flowcache.Pin)
	for _, p := range s.to.deviating() {
		here[p.Key] = p
	}
	promoted := 0
	for _, p := range want {
		i, _ := v().BySlot(p.Slot)
		there := here[p.Key]
		require.Equal(t, p.State, there.State)
		to := s.to.group.Load().View()
		j, _ := to.BySlot(there.Slot)
		require.Equal(t, v().Member(i).ID, to.Member(j).ID)
		if p.State == flowcache.Established {
			promoted++
		}
	}
	assert.Greater(t, promoted, 20)
	sent := s.from.counters.stats().SentPins
	assert.LessOrEqual(t, sent, uint64(len(want))*6/5)
	t.Logf("%d pins deviate, %d of them promoted late; sent %.3f times", len(want), promoted,
		float64(sent)/float64(len(want)))
}

// TestPlansWaitForThoseWhoShare has another gateway in the group that shares no
// pins: it is waited for while it may be about to begin, and no longer; one that
// shares is waited for however late its pins are.
func TestPlansWaitForThoseWhoShare(t *testing.T) {
	s := newSharing(t)
	there := []string{"mute"}
	s.from.sharer.expected = func(string) []string { return there }
	plan := uint64(5)
	prepare := func() (done *bool) {
		plan++
		done = new(bool)
		s.from.sharer.prepare(s.from.shared, plan, s.from.group.Load().View(), s.from.instant())
		s.from.sharer.waiting = append(s.from.sharer.waiting,
			preparation{s.from.shared, plan, func() { *done = true }})
		return done
	}
	work := func(d time.Duration) {
		for end := s.now + d; s.now < end; s.now += longBeat / 2 {
			s.from.work()
			s.to.work()
			s.carry(s.from, s.to)
			s.carry(s.to, s.from)
		}
	}
	done := prepare()
	s.from.work()
	assert.False(t, *done, "it may have joined just now")
	work(silentAfter + longBeat)
	assert.True(t, *done)
	done = prepare()
	s.from.work()
	assert.True(t, *done, "it is known to share nothing")

	there = []string{"mute", "to"}
	work(2 * silentAfter)
	done = prepare()
	work(2 * silentAfter)
	assert.False(t, *done, "that one shares")
	s.to.sharer.prepare(s.to.shared, plan, s.to.group.Load().View(), s.to.instant())
	work(2 * silentAfter)
	assert.True(t, *done)

	// A beat is enough, however long ago it joined.
	s.to = s.gateway("late", PinsConfig{})
	there = []string{"mute", "to", "late"}
	work(0)
	s.from.work()
	s.now += 2 * silentAfter
	s.to.work()
	s.carry(s.to, s.from)
	done = prepare()
	s.from.work()
	assert.False(t, *done)
	s.now += silentAfter + 1
	s.from.work()
	assert.True(t, *done, "nothing comes from it any more")

	there = []string{"mute"}
	s.now += longBeat
	s.from.work()
	there = []string{"mute", "to"}
	done = prepare()
	s.from.work()
	assert.False(t, *done, "it is new again")
}

// TestDroppedPlansLeaveNothing drops one of two plans, and then the other.
func TestDroppedPlansLeaveNothing(t *testing.T) {
	s := newSharing(t)
	s.from.sharer.expected = func(string) []string { return []string{"to"} }
	for plan := range uint64(2) {
		s.from.sharer.prepare(s.from.shared, 5+plan, s.from.group.Load().View(), s.from.instant())
		s.from.sharer.waiting = append(s.from.sharer.waiting, preparation{s.from.shared, 5 + plan, func() {}})
	}
	s.from.work()
	s.from.sharer.dropPlan(s.from.shared, 5)
	require.Len(t, s.from.sharer.waiting, 1)
	assert.EqualValues(t, 6, s.from.sharer.waiting[0].plan)
	assert.True(t, s.from.pins.open.Load(), "the newer plan is still to come")
	s.from.sharer.dropPlan(s.from.shared, 6)
	assert.Empty(t, s.from.sharer.waiting)
	assert.False(t, s.from.pins.open.Load(), "nobody wants to know any more")
}

// TestLatePinsMoveNoFlow is the second race: a pin comes when the flow's
// packets are at this gateway already, and have another member here.
func TestLatePinsMoveNoFlow(t *testing.T) {
	s := newSharing(t)
	members := s.pinned(1000)
	s.from.work()
	s.now += 20 * time.Second
	for f, m := range members {
		got, verdict := s.to.packet(f, hash.ACK)
		require.Equal(t, flowcache.Placed, verdict)
		require.NotEqual(t, m, got, "it is late")
		members[f] = got
	}
	s.carry(s.from, s.to)
	assert.EqualValues(t, len(members), s.to.counters.stats().Kept)
	for f, m := range members {
		got, verdict := s.to.packet(f, hash.ACK)
		require.Equal(t, flowcache.Pinned, verdict)
		require.Equal(t, m, got)
	}
}

// TestConnectionsThatBeginAnew ends connections whose pins all gateways have,
// and begins others with the same five-tuples, which are placed anew: another
// gateway sends them where they are, and not where the ones before were.
func TestConnectionsThatBeginAnew(t *testing.T) {
	s := newSharing(t)
	members := s.pinned(1000)
	s.settle()
	s.from.group.Settle(2)
	for _, g := range []*carried{s.from, s.to} {
		g.sharer.settled(g.shared, 2, g.instant())
	}
	s.now += 20 * time.Second
	s.settle()
	require.False(t, s.from.pins.open.Load())
	sent := s.from.counters.stats().SentPins
	for f, m := range members {
		_, _ = s.from.packet(f, hash.FIN|hash.ACK)
		got, verdict := s.from.packet(f, hash.SYN)
		require.Equal(t, flowcache.Placed, verdict)
		require.NotEqual(t, m, got)
		members[f] = got
		_, _ = s.from.packet(f, hash.ACK)
		_, _ = s.from.packet(1<<20+f, hash.SYN) // nobody has a pin of this one
	}
	s.now += time.Second
	s.settle()
	assert.EqualValues(t, len(members), s.from.counters.stats().SentPins-sent)
	for f, m := range members {
		got, _ := s.to.packet(f, hash.ACK)
		require.Equal(t, m, got)
	}
}

// TestFlowsPlacedInTransition: a flow that a gateway with the change places is
// known at one without it, before any scan.
func TestFlowsPlacedInTransition(t *testing.T) {
	s := newSharing(t)
	s.from.change(2, "a", "b", "c", "d")
	s.settle()
	members := make(map[uint64]string)
	for f := range uint64(500) {
		members[f], _ = s.from.packet(f, hash.SYN)
	}
	s.now += collectEvery
	s.from.work()
	s.from.sent = slices.DeleteFunc(s.from.sent, func(m carriedMessage) bool {
		return messageKind(m.data[len(pinsMagic)+1]) != kindPlaced
	})
	require.Len(t, s.from.sent, 1)
	s.carry(s.from, s.to)
	held := s.to.counters.stats().Held
	require.Positive(t, held, "the new member is not here yet")
	for f, m := range members {
		if got, _ := s.to.packet(f, hash.ACK); m != "d" {
			require.Equal(t, m, got)
		}
	}
	// A change more: what was placed at the new member deviates now.
	other := s.gateway("other", PinsConfig{})
	other.sharer.meet(&pinsMessage{pinsHeader: pinsHeader{sender: "x", group: "vip"}}, other.instant())
	s.to = other
	s.from.transitionAgain()
	s.carry(s.from, s.to)
	s.to.change(2, "a", "b", "c", "d")
	for f, m := range members {
		got, _ := s.to.packet(f, hash.ACK)
		require.Equal(t, m, got)
	}
	require.Equal(t, held, s.to.counters.stats().Held)

	s.from.sharer.settled(s.from.shared, 2, s.from.instant())
	s.now += graceAfter
	s.from.work()
	_, _ = s.from.packet(1000, hash.SYN)
	_, ok := s.from.pins.next()
	assert.False(t, ok, "nobody wants to know any more")
}

// transitionAgain sends the last message about placed flows again, to the
// gateway "other".
func (g *carried) transitionAgain() {
	t := &g.shared.transition
	g.sharer.sendPlacedTo(g.shared, &t.sent[t.messages%sentPlaced], "other", g.instant())
}

// TestFatesOfMembers applies the first rule: a pin of a member that is not here
// waits if the change is still to come, and one of an older member with the
// same ID is dropped.
func TestFatesOfMembers(t *testing.T) {
	s := newSharing(t)
	put := func(version uint64, incarnation uint64) {
		old := s.to.group.Load().View()
		snapshot, err := s.to.group.UpdateAt(version, []selector.Hop[int]{
			{ID: "a", Weight: 1, Incarnation: 1}, {ID: "b", Weight: 1, Incarnation: incarnation},
		})
		require.NoError(t, err)
		s.to.sharer.changed(s.to.shared, old, snapshot.View(), s.to.instant())
	}
	put(10, 5)
	bring := func(version, incarnation uint64, id string) PinsStats {
		t.Helper()
		before := s.to.counters.stats()
		m := &pinsMessage{pinsHeader: pinsHeader{version: version}, members: []pinsMember{{id, incarnation}}}
		key := s.to.table.KeyOf(mixFlow(version*100 + incarnation))
		m.pins = []flowcache.Pin{{Key: key, State: flowcache.EstablishedTCP}}
		s.to.sharer.apply(s.to.shared, m, s.to.instant())
		after := s.to.counters.stats()
		return PinsStats{Added: after.Added - before.Added, Held: after.Held - before.Held,
			Stale: after.Stale - before.Stale, Unknown: after.Unknown - before.Unknown}
	}
	assert.Equal(t, PinsStats{Added: 1}, bring(3, 5, "b"), "an older version of the group is no reason")
	assert.Equal(t, PinsStats{Stale: 1}, bring(11, 4, "b"))
	assert.Equal(t, PinsStats{Unknown: 1}, bring(10, 6, "b"), "it left before it came")
	assert.Equal(t, PinsStats{Unknown: 1}, bring(9, 1, "c"))
	assert.Equal(t, PinsStats{Held: 1}, bring(11, 6, "b"))
	assert.Equal(t, PinsStats{Held: 1}, bring(12, 1, "c"))
	before := s.to.counters.stats()
	s.now += 3 * time.Second
	put(11, 6)
	after := s.to.counters.stats()
	assert.EqualValues(t, 1, after.Added-before.Added, "its member is here now")
	assert.Len(t, s.to.sharer.held, 1)
	s.now += holdFor
	s.to.work()
	assert.Empty(t, s.to.sharer.held)
	assert.EqualValues(t, 1, s.to.counters.stats().Unknown-after.Unknown, "it waited in vain")
}

// TestHeldPinsAreBounded holds as many pins as there is room for.
func TestHeldPinsAreBounded(t *testing.T) {
	s := newSharing(t)
	s.to = s.gateway("small", PinsConfig{Hold: 10})
	m := &pinsMessage{pinsHeader: pinsHeader{version: 9}, members: []pinsMember{{"z", 1}},
		pins: make([]flowcache.Pin, 25)}
	s.to.sharer.apply(s.to.shared, m, s.to.instant())
	assert.Len(t, s.to.sharer.held, 10)
	assert.EqualValues(t, 15, s.to.counters.stats().DroppedHeld)
}

// TestGroupsOfOneScope: a pin that one group of a scope places is found through
// the others, and a member may be in any of them.
func TestGroupsOfOneScope(t *testing.T) {
	s := newSharing(t)
	d := s.to.table.Config().Domain
	group := func(name string) *selector.Group[int] {
		g, err := selector.NewGroup[int](d, selector.GroupConfig{
			Name: name, Scope: "other", Strategy: selector.Bounded{},
		})
		require.NoError(t, err)
		return g
	}
	first, second := group("first"), group("second")
	_, err := second.UpdateAt(1, []selector.Hop[int]{{ID: "z", Weight: 1, Incarnation: 1}})
	require.NoError(t, err)
	add := func(name string, view func() *selector.View) *shared {
		g := &shared{name: name, scope: "other", view: view}
		s.to.sharer.add(g, s.to.instant(), func(p time.Duration) time.Duration { return p })
		return g
	}
	in := add("first", func() *selector.View { return first.Load().View() })
	add("second", func() *selector.View { return second.Load().View() })
	slot, f := s.to.sharer.find(in, pinsMember{"z", 1})
	assert.Equal(t, fateTaken, f)
	assert.Equal(t, second.Load().Slot(0), slot)
	_, f = s.to.sharer.find(s.to.shared, pinsMember{"z", 1})
	assert.Equal(t, fateAhead, f, "another scope is another name space")
}

func TestScopeTokens(t *testing.T) {
	for scope, want := range map[string]string{"vip": "vip", "a.b*c>": "a=2Eb=2Ac=3E", "é =": "=C3=A9=20=3D"} {
		assert.Equal(t, want, scopeToken(scope))
	}
	n := subjects{"test", "me"}
	for _, subject := range []string{
		"", "ecmp.test", "ecmp.test.pins.a", "ecmp.test.ask.a", "ecmp.other.pins.a.b", "ecmp.test.pins.a.b.c.d",
	} {
		_, _, _, _, ok := n.parties(subject)
		assert.False(t, ok, subject)
	}
	want := []string{"ecmp.test.pins.*.me", "ecmp.test.pins.*.me.*", "ecmp.test.ask.*.me"}
	assert.Equal(t, want, SubjectsOfPins("test", "me").Publish)
	assert.Contains(t, fmt.Sprint(SubjectsOfPins("test", "me").Subscribe), "ecmp.test.ask.me.*")
}

// TestSharedStates shares the states whose timeout is long enough, and no class
// that the table does not have.
func TestSharedStates(t *testing.T) {
	table, err := flowcache.NewTable(flowcache.Config{
		Domain: selector.NewDomain(), Flows: 100, Established: 2 * time.Minute, Closing: 50 * time.Second,
		Classes: []flowcache.ClassConfig{{Name: "short", Idle: 10 * time.Second}, {Name: "long", Idle: time.Hour}},
	})
	require.NoError(t, err)
	shares, err := sharedBy(table, time.Minute)
	require.NoError(t, err)
	var states []string
	for s, is := range shares {
		if is {
			states = append(states, table.StateName(flowcache.State(s)))
		}
	}
	assert.Equal(t, []string{"established", "established TCP", "long"}, states)
}

// TestShortFlowsAreNotShared: of what is not TCP, the default timeout is too
// short to be worth it.
func TestShortFlowsAreNotShared(t *testing.T) {
	s := newSharing(t)
	v := s.from.group.Load().View()
	for f := range uint64(300) {
		for range 2 {
			p := flowcache.NewPacket(&hash.Flow{Hash: mixFlow(f), Proto: hash.UDP}, v.Salt(), 0)
			s.from.worker.Route(p, v, s.now)
			s.now += 10 * time.Millisecond
		}
		s.now -= 20 * time.Millisecond
	}
	s.now += 4 * time.Second
	for f := range uint64(300) {
		p := flowcache.NewPacket(&hash.Flow{Hash: mixFlow(f), Proto: hash.UDP}, v.Salt(), 0)
		s.from.worker.Route(p, v, s.now)
	}
	s.from.change(2, "a", "b", "c", "d")
	require.NotEmpty(t, s.from.deviating())
	s.from.work()
	assert.Zero(t, s.from.counters.stats().SentPins)
}
