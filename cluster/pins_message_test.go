package cluster

import (
	"encoding/binary"
	"errors"
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

// A sharing is two gateways whose messages the test carries by hand.
type sharing struct {
	t        testing.TB
	now      time.Duration
	from, to *carried
}

// A carried gateway leaves what it sends to the test.
type carried struct {
	*sharing
	group    *selector.Group[int]
	table    *flowcache.Table
	worker   *flowcache.Sticky
	pins     *PinsWorker
	sharer   *sharer
	shared   *shared
	counters pinsCounters
	sent     []carriedMessage
}

type carriedMessage struct {
	subject string
	data    []byte
}

func newSharing(t testing.TB) *sharing {
	s := &sharing{t: t, now: began}
	s.from, s.to = s.gateway("from", PinsConfig{}), s.gateway("to", PinsConfig{})
	return s
}

func (s *sharing) gateway(name string, c PinsConfig) *carried {
	d := selector.NewDomain()
	if c.Table == nil {
		table, err := flowcache.NewTable(flowcache.Config{Domain: d, Flows: 10_000})
		require.NoError(s.t, err)
		c.Table = table
	}
	c.Now = func() time.Duration { return s.now }
	g := &carried{sharing: s, table: c.Table, pins: new(PinsWorker)}
	d = c.Table.Config().Domain
	var err error
	g.group, err = selector.NewGroup[int](d, selector.GroupConfig{Name: "vip", Strategy: selector.Bounded{}})
	require.NoError(s.t, err)
	c, err = c.complete()
	require.NoError(s.t, err)
	g.sharer, err = newSharer("test", name, []byte("the seed of the cluster"), 7, &c, g.instant().wall, &g.counters)
	require.NoError(s.t, err)
	g.worker = flowcache.NewSticky(g.table)
	g.pins.roll = g.sharer.memory.roll
	g.sharer.workers = func() []*PinsWorker { return []*PinsWorker{g.pins} }
	g.sharer.expected = func(string) []string { return nil }
	g.sharer.send = func(subject string, data []byte) {
		g.sent = append(g.sent, carriedMessage{subject, slices.Clone(data)})
	}
	g.shared = &shared{name: "vip", scope: "vip", view: func() *selector.View { return g.group.Load().View() }}
	g.set(1, "a", "b", "c")
	g.sharer.add(g.shared, g.instant(), func(d time.Duration) time.Duration { return d })
	return g
}

func (g *carried) instant() instant { return instant{g.now, int64(time.Hour + g.now)} }

// set puts members in force, and settles that.
func (g *carried) set(version uint64, ids ...string) {
	g.t.Helper()
	g.put(version, ids...)
	g.group.Settle(version)
}

func (g *carried) put(version uint64, ids ...string) (old, view *selector.View) {
	g.t.Helper()
	var hops []selector.Hop[int]
	for _, m := range selector.Equal(ids...) {
		hops = append(hops, selector.Hop[int]{ID: m.ID, Weight: m.Weight, Incarnation: 1})
	}
	old = g.group.Load().View()
	snapshot, err := g.group.UpdateAt(version, hops)
	require.NoError(g.t, err)
	return old, snapshot.View()
}

// change puts members in force and has the pins shared that deviate.
func (g *carried) change(version uint64, ids ...string) {
	g.t.Helper()
	old, view := g.put(version, ids...)
	g.sharer.changed(g.shared, old, view, g.instant())
}

// work does what is due, until nothing is for now.
func (g *carried) work() {
	for range 1000 {
		if g.sharer.step(g.instant()) > g.now {
			return
		}
	}
	g.t.Fatal("there is no end of work")
}

// packet routes a TCP packet of a flow and returns its member.
func (g *carried) packet(flow uint64, flags hash.TCPFlags) (string, flowcache.Verdict) {
	v := g.group.Load().View()
	p := flowcache.NewPacket(&hash.Flow{Hash: mixFlow(flow), Proto: hash.TCP, Flags: flags}, v.Salt(), 0)
	routes := make([]flowcache.Route, 1)
	g.worker.RouteBatch(routes, []flowcache.Packet{p}, []*selector.View{v}, g.now)
	g.pins.Routed(routes, []flowcache.Packet{p}, []*selector.View{v})
	return v.Member(routes[0].Member).ID, routes[0].Verdict
}

func mixFlow(flow uint64) uint64 {
	x := (flow + 1) * 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// deviating returns the pins that the group would get wrong.
func (g *carried) deviating() []flowcache.Pin {
	return slices.Collect(g.table.Deviating(flowcache.Scan{View: g.group.Load().View()}, g.now))
}

// pinned establishes flows and makes a change, and returns the members of those
// that deviate.
func (s *sharing) pinned(flows uint64) map[uint64]string {
	s.t.Helper()
	members := make(map[uint64]string)
	for f := range flows {
		m, _ := s.from.packet(f, hash.SYN)
		_, _ = s.from.packet(f, hash.ACK)
		members[f] = m
	}
	s.from.change(2, "a", "b", "c", "d")
	s.to.change(2, "a", "b", "c", "d")
	s.to.group.Settle(2)
	v := s.to.group.Load().View()
	for f, m := range members {
		if i, _ := v.Index(m); v.Unmarked(mixFlow(f)) == i {
			delete(members, f)
		}
	}
	require.NotEmpty(s.t, members)
	return members
}

// messages returns what a gateway sent of a kind, and forgets the rest.
func (g *carried) messages(kind messageKind) (list []carriedMessage) {
	for _, m := range g.sent {
		if messageKind(m.data[len(pinsMagic)+1]) == kind {
			list = append(list, m)
		}
	}
	g.sent = nil
	return list
}

func (g *carried) receive(m carriedMessage) error {
	return g.sharer.receive(m.subject, m.data, g.instant())
}

// everything is all of a gateway that a message may change.
func (g *carried) everything() string {
	var pins []flowcache.Pin
	for p := range g.table.All(g.now) {
		pins = append(pins, p)
	}
	peers := ""
	for _, p := range g.sharer.order {
		peers += fmt.Sprint(p.name, p.started, p.heard, *p.groups["vip"])
	}
	return fmt.Sprint(pins, peers, len(g.sharer.held), len(g.shared.answers), g.counters.stats().ReceivedPins)
}

func TestPinsComeOver(t *testing.T) {
	s := newSharing(t)
	members := s.pinned(1000)
	s.from.work()
	for _, m := range s.from.messages(kindPins) {
		require.NoError(t, s.to.receive(m))
	}
	assert.Len(t, s.to.deviating(), len(members))
	for f, want := range members {
		got, verdict := s.to.packet(f, hash.ACK)
		require.Equal(t, want, got)
		require.Equal(t, flowcache.Pinned, verdict)
	}
	stats := s.to.counters.stats()
	assert.EqualValues(t, len(members), stats.Added)
	assert.EqualValues(t, len(members), s.from.counters.stats().SentPins)
}

// TestAgesAreRoundedUp sends a pin from gateway to gateway: it gets older each
// time, and dies in time.
func TestAgesAreRoundedUp(t *testing.T) {
	s := newSharing(t)
	s.pinned(100)
	s.now += 120 * time.Second
	b := newBatch(s.from.table)
	v := s.from.group.Load().View()
	for _, p := range s.from.deviating() {
		require.True(t, b.add(p, v))
	}
	all := span{firstScan, 0, uint32(s.from.table.Buckets())}
	m := s.from.sharer.begin(s.from.shared, kindPins, "", all, 0, s.from.instant())
	s.from.sharer.finish(s.from.sharer.names.toAll("vip"), b.appendTo(m))
	require.NoError(t, s.to.receive(s.from.messages(kindPins)[0]))
	for _, p := range s.to.deviating() {
		assert.Equal(t, 121*time.Second, p.Age)
	}
	assert.NotEmpty(t, s.to.deviating())
}

// TestRefusedMessages alters a good message in every way: none of them changes
// anything, and each is counted.
func TestRefusedMessages(t *testing.T) {
	s := newSharing(t)
	s.pinned(200)
	s.from.work()
	good := s.from.messages(kindPins)[0]
	other := s.gateway("from", PinsConfig{})
	other.sharer.signer = newSigner([]byte("another seed of a cluster"), "test")
	sign := func(data []byte) []byte {
		return append(data[:len(data)-macSize], s.from.sharer.signer.code(data[:len(data)-macSize])...)
	}
	at := func(offset int, b ...byte) func(m *carriedMessage) {
		return func(m *carriedMessage) { copy(m.data[offset:], b); m.data = sign(m.data) }
	}
	count := func(stats func(PinsStats) uint64) func() uint64 {
		return func() uint64 { return stats(s.to.counters.stats()) }
	}
	malformed := count(func(s PinsStats) uint64 { return s.Malformed })
	forged := count(func(s PinsStats) uint64 { return s.Forged })
	stale := count(func(s PinsStats) uint64 { return s.StaleSent })
	differing := count(func(s PinsStats) uint64 { return s.Differing })
	replayed := count(func(s PinsStats) uint64 { return s.Replayed })
	sentOn := func(subject string) func(m *carriedMessage) {
		return func(m *carriedMessage) { m.subject = subject }
	}
	const records = 110 + 5 + 1 + 4 + 4 // behind the names "from", "", "vip" and "vip"
	for name, tt := range map[string]struct {
		change func(m *carriedMessage)
		err    error
		count  func() uint64
	}{
		"empty":           {func(m *carriedMessage) { m.data = nil }, ErrMalformed, malformed},
		"cut short":       {func(m *carriedMessage) { m.data = m.data[:100] }, ErrMalformed, malformed},
		"another magic":   {at(0, 'x'), ErrMalformed, malformed},
		"another version": {at(4, 9), ErrMalformed, malformed},
		"another kind":    {at(5, 99), ErrMalformed, malformed},
		"no range":        {at(78, 255, 255, 255, 0), ErrMalformed, malformed},
		"cut records":     {func(m *carriedMessage) { m.data = sign(m.data[:len(m.data)-3]) }, ErrMalformed, malformed},
		"more records":    {func(m *carriedMessage) { m.data = sign(append(m.data, 0)) }, ErrMalformed, malformed},
		"no members":      {at(records, 0, 0), ErrMalformed, malformed},
		"no sequence":     {at(22, 0, 0, 0, 0, 0, 0, 0, 0), ErrReplayed, replayed},
		"another byte":    {func(m *carriedMessage) { m.data[len(m.data)-20]++ }, ErrForged, forged},
		"another code":    {func(m *carriedMessage) { m.data[len(m.data)-1]++ }, ErrForged, forged},
		"another sender":  {sentOn("ecmp.test.pins.vip.mallory"), ErrForged, forged},
		"another scope":   {sentOn("ecmp.test.pins.vap.from"), ErrForged, forged},
		"another cluster": {sentOn("ecmp.toast.pins.vip.from"), ErrForged, forged},
		"as an ask":       {sentOn("ecmp.test.ask.to.from"), ErrForged, forged},
		"another seed": {func(m *carriedMessage) {
			m.data = append(m.data[:len(m.data)-macSize], other.sharer.signer.code(m.data[:len(m.data)-macSize])...)
		}, ErrForged, forged},
		"sent long ago":  {at(14, binary.LittleEndian.AppendUint64(nil, uint64(time.Minute))...), ErrStale, stale},
		"sent tomorrow":  {at(14, binary.LittleEndian.AppendUint64(nil, uint64(24*time.Hour))...), ErrStale, stale},
		"another policy": {at(30, 1, 2, 3), &RefusedError{Gateway: "from", Field: "policy"}, differing},
		"other classes":  {at(38, 1, 2, 3), &RefusedError{Gateway: "from", Field: "classes or timeouts"}, differing},
		"another tick": {at(46, binary.LittleEndian.AppendUint64(nil, uint64(time.Minute))...),
			&RefusedError{Gateway: "from", Field: "tick", Here: "1s", There: "1m0s"}, differing},
		"other buckets": {at(54, 0, 0, 1, 0),
			&RefusedError{Gateway: "from", Field: "buckets", Here: "1667", There: "65536"}, differing},
		"another form": {at(58, 9), &RefusedError{Gateway: "from", Field: "form", Here: "3", There: "9"}, differing},
	} {
		t.Run(name, func(t *testing.T) {
			m := carriedMessage{good.subject, slices.Clone(good.data)}
			tt.change(&m)
			before, counted := s.to.everything(), tt.count()
			err := s.to.receive(m)
			var typed *PinsError
			require.ErrorAs(t, err, &typed)
			if refused := new(RefusedError); errors.As(tt.err, &refused) {
				got := new(RefusedError)
				require.ErrorAs(t, err, &got)
				assert.Equal(t, refused, got)
			} else {
				require.ErrorIs(t, err, tt.err)
			}
			assert.Equal(t, before, s.to.everything())
			assert.Equal(t, counted+1, tt.count())
		})
	}
	require.NoError(t, s.to.receive(good))
	before := s.to.everything()
	require.ErrorIs(t, s.to.receive(good), ErrReplayed)
	assert.Equal(t, before, s.to.everything())

	// A gateway that was restarted begins anew, and what it sent before is stale.
	s.now += time.Second
	again := s.gateway("from", PinsConfig{})
	again.work()
	require.NoError(t, s.to.receive(again.messages(kindBeat)[0]))
	old := good.data
	binary.LittleEndian.PutUint64(old[22:], 99)
	require.ErrorIs(t, s.to.receive(carriedMessage{good.subject, sign(old)}), ErrStale)
}

// TestEveryByteOfAMessageCounts alters each byte of a message, and leaves out
// each number of bytes at its end.
func TestEveryByteOfAMessageCounts(t *testing.T) {
	s := newSharing(t)
	s.pinned(50)
	s.from.work()
	good := s.from.messages(kindPins)[0]
	before := s.to.everything()
	for i := range good.data {
		altered := slices.Clone(good.data)
		altered[i] ^= 0x41
		require.Error(t, s.to.receive(carriedMessage{good.subject, altered}), "byte %d", i)
		require.Error(t, s.to.receive(carriedMessage{good.subject, good.data[:i]}), "%d bytes", i)
	}
	assert.Equal(t, before, s.to.everything())
	require.NoError(t, s.to.receive(good))
}

func TestReplayWindow(t *testing.T) {
	var w window
	assert.False(t, w.fresh(0))
	seen := make(map[uint64]bool)
	top := uint64(0)
	for _, n := range []uint64{1, 3, 2, 70, 5, 1100, 1099, 77, 5000, 4000, 3976, 3977, 1 << 40, 1<<40 - 1023} {
		want := !seen[n] && (n > top || top-n < windowSize)
		require.Equal(t, want, w.fresh(n), n)
		if want {
			w.mark(n)
			seen[n] = true
			top = max(top, n)
		}
		require.False(t, w.fresh(n), n)
	}
	for n := range uint64(3 * windowSize) {
		require.True(t, w.fresh(1<<41+2*n))
		w.mark(1<<41 + 2*n)
		require.True(t, w.fresh(1<<41+2*n-1), "the numbers between are fresh")
	}
}

// FuzzPinsMessage decodes what was signed with the seed, so that nothing is
// refused for its code.
func FuzzPinsMessage(f *testing.F) {
	s := newSharing(f)
	s.pinned(40)
	s.from.sharer.workers = func() []*PinsWorker { return nil }
	s.from.work()
	for _, m := range s.from.sent {
		f.Add(m.data[:len(m.data)-macSize])
	}
	ask := s.from.sharer.begin(s.from.shared, kindAsk, "to", span{}, 0, s.from.instant())
	f.Add(appendAsk(ask, []span{{3, 1, 2}, {0, 0, 1667}}, []uint64{4, 5}))
	f.Fuzz(func(t *testing.T, data []byte) {
		data = append(slices.Clone(data), s.to.sharer.signer.code(data)...)
		var m pinsMessage
		body, err := m.open(data, s.to.sharer.signer)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		if err := m.parse(body, s.to.table); err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		for _, p := range m.pins {
			require.Less(t, int(p.Slot), len(m.members))
			require.Less(t, p.Key.Bucket(), m.agreed.layout.Buckets)
			require.GreaterOrEqual(t, p.Age, time.Duration(0))
		}
		for _, c := range m.spans {
			require.LessOrEqual(t, c.from, c.to)
			require.LessOrEqual(t, int64(c.to), int64(m.agreed.layout.Buckets))
		}
		require.LessOrEqual(t, len(m.pins)*recordSize+len(m.spans)*spanSize+len(m.lost)*8, len(data))
		// All of it comes back, but for varints that are longer than they need be.
		if m.kind == kindAsk {
			again := appendAsk(appendHeader(nil, &m.pinsHeader), m.spans, m.lost)
			require.Equal(t, data[:len(data)-macSize], again)
		}
		// Whoever has the seed may say anything, and nothing panics.
		subject := s.to.sharer.names.prefix() + "pins." + scopeToken(m.scope) + "." + m.sender
		_ = s.to.sharer.receive(subject, data, s.to.instant())
	})
}
