package xdp

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// tellApart has each service tell flows apart by a key, in the program and in
// the engine.
func (r *fixture) tellApart(key placement.Key) {
	r.t.Helper()
	for i := range r.list {
		r.list[i].Key = key
	}
	require.NoError(r.t, r.Sync(r.list))
	routing, err := plane.NewRouting(r.list, testSeed)
	require.NoError(r.t, err)
	routing.Apply(r.engine)
}

// By each key that the program has, it forwards as the engine does, and takes
// the member for the hash of that key.
func TestKeysAgree(t *testing.T) {
	r := newFixture(t, 0, tabled()...)
	for i := range r.groups {
		r.update(i, hopOf(1, 1), hopOf(2, 3), hopOf(3, 2), hopOf(4, 1))
	}
	rng := rand.New(rand.NewPCG(8, 8))
	for _, key := range append(Keys(), placement.FiveTuple) { // and back
		r.tellApart(key)
		policy := placement.Placement{Seed: testSeed, Key: key}.Policy()
		for _, c := range conversations(1500, len(r.groups)) {
			if rng.IntN(3) == 0 { // the addresses alone tell which end comes first, or not even they
				c.src = netip.AddrPortFrom(c.dst.Addr(), c.src.Port())
			}
			c.proto = []uint8{hash.TCP, hash.UDP, hash.GRE}[rng.IntN(3)]
			frame := c.frame(hash.ACK, 64, 10)
			require.EqualValues(t, xdpRedirect, r.compare(frame), "%v by %v", c, key)
			var h hash.Headers
			require.NoError(t, hash.Parse(frame, &h))
			group := r.groups[c.group()].Load()
			require.Equal(t, group.At(group.Select(policy.Hash(h.Outer))).Output, r.member(frame), "%v by %v", c, key)
		}
	}
}

// What the program can't do is refused, by the name of the group.
func TestKeysRefused(t *testing.T) {
	r := newFixture(t, 0, selector.Bounded{})
	r.update(0, hopsFor(1)...)
	for _, key := range []placement.Key{placement.Inner, placement.InnerAddresses, placement.InnerClient,
		placement.TEID} {
		list := []plane.Service{r.list[0]}
		list[0].Key = key
		var e *Error
		require.ErrorAs(t, r.Sync(list), &e)
		require.ErrorIs(t, e, ErrKey)
		assert.Equal(t, "group 0", e.Group)
	}
}

// A client has one pin for all of its connections, which none of them ends, and
// which lasts for as long as its class says: in the program, on the slow path
// and in the engine.
func TestClientsStay(t *testing.T) {
	r := newFixtureOf(t, &flowcache.Config{Flows: 4096,
		Classes: []flowcache.ClassConfig{{Name: "affinity", Idle: time.Hour}}}, selector.Bounded{})
	r.update(0, hopsFor(1, 2, 3)...)
	r.tellApart(placement.Client)
	at := make(map[netip.Addr]uint16)
	flows := conversations(60, 1)
	port := uint16(0)
	all := func(what string, flags hash.TCPFlags, check func(c conversation, member uint16)) {
		t.Helper()
		port++
		for _, c := range flows {
			c.src, c.dst = netip.AddrPortFrom(c.src.Addr(), port), netip.AddrPortFrom(c.dst.Addr(), port*7)
			if c.proto = hash.UDP; flags != 0 {
				c.proto = hash.TCP
			}
			frame := c.frame(flags, 64, 0)
			found, err := r.Find(frame)
			require.NoError(t, err)
			member := r.member(frame)
			require.Equal(t, member, r.engineMember(frame), "%s: %v", what, c)
			require.Equal(t, member, r.groups[0].Load().At(found.Route.Member).Output, "%s: %v", what, c)
			check(c, member)
		}
	}
	stays := func(c conversation, member uint16) {
		t.Helper()
		require.Equal(t, at[c.src.Addr()], member, "%v", c)
	}
	all("first", hash.SYN, func(c conversation, member uint16) { at[c.src.Addr()] = member })
	r.advance(2 * time.Second)
	all("promoted", hash.ACK, stays)
	all("ends", hash.FIN|hash.ACK, stays)
	r.update(0, hopsFor(1, 2, 3, 4, 5, 6)...)
	all("others join", hash.SYN, stays)
	drained := hopsFor(1, 2, 3, 4, 5, 6)
	drained[0].Weight = 0
	r.update(0, drained...)
	r.advance(50 * time.Minute)
	all("a drain, and a new connection", hash.SYN, stays)
	r.advance(50 * time.Minute)
	all("of UDP", 0, stays)
	name, timeout := r.Flows().Life(affinity)
	assert.Equal(t, "affinity", name)
	assert.Equal(t, time.Hour, timeout)
	r.advance(2 * time.Hour)
	moved := 0
	all("forgotten", hash.SYN, func(c conversation, member uint16) {
		require.NotEqual(t, uint16(1), member)
		if member != at[c.src.Addr()] {
			moved++
		}
	})
	assert.Positive(t, moved)
}

func TestClassesRefused(t *testing.T) {
	for _, classes := range [][]flowcache.ClassConfig{
		{{Name: "a", Idle: time.Hour}, {Name: "b", Idle: time.Hour}},
		{{Name: "a", Idle: time.Hour, Sure: true}}, {{Name: "a"}},
	} {
		var wrong *flowcache.ConfigError
		_, err := newTimeouts(&flowcache.Config{Classes: classes})
		require.ErrorAs(t, err, &wrong)
		assert.Equal(t, "Classes", wrong.Field)
	}
}

// Pins of clients that Restore brings hold their slots for as long as they live,
// also where no service of the process tells clients apart yet.
func TestRestoredClients(t *testing.T) {
	sticky := &flowcache.Config{Flows: 4096, Classes: []flowcache.ClassConfig{{Name: "affinity", Idle: time.Hour}}}
	r := newFixtureOf(t, sticky, selector.Bounded{})
	r.update(0, hopsFor(1, 2, 3)...)
	r.tellApart(placement.Client)
	frame := conversations(1, 1)[0].frame(hash.SYN, 64, 0)
	r.member(frame)
	r.advance(2 * time.Second)
	r.member(frame)
	var saved bytes.Buffer
	require.NoError(t, r.Flows().Save(&saved))

	next := newFixtureOf(t, sticky, selector.Bounded{})
	next.update(0, hopsFor(1, 2, 3)...)
	short := next.flows.timeouts.longest(next.flows.clients.Load())
	require.Less(t, short, time.Hour)
	require.NoError(t, next.Flows().Restore(&saved, next.groups...))
	assert.GreaterOrEqual(t, next.flows.timeouts.longest(next.flows.clients.Load()), time.Hour)
}
