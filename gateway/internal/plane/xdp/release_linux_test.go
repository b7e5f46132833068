package xdp

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// A drain ends for flows without a connection, and then for all: each goes
// elsewhere with its next packet, by the program and on the slow path. Pins of
// flows that are silent are swept, and saved no more.
func TestDrainEnds(t *testing.T) {
	r := newFixture(t, 4096, selector.Bounded{})
	flows, _ := established(r)
	drained := hopsFor(1, 2, 3)
	drained[0].Weight = 0
	r.update(0, drained...)
	at := make([]uint16, len(flows))
	send := func(c conversation) uint16 {
		t.Helper()
		flags := hash.ACK
		if c.proto != hash.TCP {
			flags = 0
		}
		frame := c.frame(flags, 64, 0)
		found, err := r.Find(frame)
		require.NoError(t, err)
		member := r.member(frame)
		require.Equal(t, r.groups[0].Load().At(found.Route.Member).Output, member, "%v", c)
		return member
	}
	held := make(map[uint8]int)
	for i, c := range flows {
		if at[i] = send(c); at[i] == 1 {
			held[c.proto]++
		}
	}
	require.Positive(t, held[hash.TCP])
	require.Positive(t, held[hash.UDP])
	release := func(which plane.Released) {
		require.NoError(t, r.Flows().Release([]plane.Release{
			{Group: r.groups[0], Member: hopOf(1, 1).ID, Which: which},
		}))
	}
	pinned := func() int {
		v := r.groups[0].Load().View()
		i, _ := v.Index(hopOf(1, 1).ID)
		return r.Flows().Pins()[v.Slot(i)]
	}
	moved := r.Flows().Moved()
	release(plane.Connectionless)
	slow, errors := r.slowWorker(), 0
	for i, c := range flows { // errors go where their flow is, until it moves
		if at[i] == 1 && c.dst.Addr().Is4() {
			errors++
			require.Equal(t, uint16(1), decide(slow, c.tooBig()).Hop.Output, "%v", c)
		}
	}
	require.Positive(t, errors)
	for i, c := range flows {
		switch is := send(c); {
		case at[i] == 1 && c.proto == hash.UDP:
			require.NotEqual(t, uint16(1), is)
		default:
			require.Equal(t, at[i], is)
		}
	}
	assert.EqualValues(t, held[hash.UDP], r.Flows().Moved()-moved)
	assert.Equal(t, held[hash.TCP], pinned())

	// It takes flows again: what was said is forgotten.
	r.update(0, hopsFor(1, 2, 3)...)
	r.update(0, drained...)
	assert.Empty(t, r.flows.releasedNow())

	release(plane.Everything)
	first := true
	for i, c := range flows {
		if at[i] == 1 && c.proto == hash.TCP && first {
			first = false
			require.NotEqual(t, uint16(1), send(c))
		}
	}
	assert.Zero(t, pinned(), "the others are as good as gone")
	var saved bytes.Buffer
	require.NoError(t, r.Flows().Save(&saved))
	pins, _, err := parseSaved(saved.Bytes(), testSeed)
	require.NoError(t, err)
	assert.Len(t, pins, pinSize*(len(flows)-held[hash.TCP]+1))
	require.NoError(t, r.flows.sweep())
	r.advance(time.Millisecond)
	left := 0
	require.NoError(t, each(r.maps.established, func(uint64, pin) bool { left++; return true }))
	assert.Equal(t, len(flows)-held[hash.TCP]+1, left)
}

// newScope returns a fixture whose group 0 has a second one beside it, of the
// same members and the same scope, for 10.1.0.0/16 and fd00:1::/32.
func newScope(t *testing.T) *fixture {
	t.Helper()
	r := newFixture(t, 4096)
	for i := range 2 {
		g, err := selector.NewGroup[engine.Adjacency](r.domain, selector.GroupConfig{Name: fmt.Sprint("group ", i),
			Strategy: selector.Bounded{}, Scope: "both"})
		require.NoError(t, err)
		r.groups = append(r.groups, g)
		r.list = append(r.list, plane.Service{Group: g, Prefixes: []netip.Prefix{
			netip.MustParsePrefix(fmt.Sprintf("10.%d.0.0/16", i)),
			netip.MustParsePrefix(fmt.Sprintf("fd00:%d::/32", i)),
		}})
		r.update(i, hopsFor(1, 2, 3)...)
	}
	return r
}

// The drain of a member ends in one of two groups that share flows: in the
// other one it keeps its flows, drained or not, whatever becomes of the first.
func TestDrainEndsInOneGroup(t *testing.T) {
	r := newScope(t)
	flows := conversations(400, 2)
	send := func(c conversation) uint16 {
		flags := hash.ACK
		if c.proto != hash.TCP {
			flags = 0
		}
		return r.member(c.frame(flags, 64, 0))
	}
	var at []uint16
	for range 2 {
		at = at[:0]
		for _, c := range flows {
			at = append(at, send(c))
		}
		r.advance(2 * time.Second)
	}
	drained := hopsFor(1, 2, 3)
	drained[0].Weight = 0
	r.update(0, drained...)
	r.update(1, drained...)
	expect := func(stay ...bool) {
		t.Helper()
		held := [2]int{}
		for i, c := range flows {
			is := send(c)
			if at[i] != 1 || stay[c.group()] {
				require.Equal(t, at[i], is, "%v", c)
			} else {
				require.NotEqual(t, uint16(1), is, "%v", c)
			}
			if at[i] == 1 {
				held[c.group()]++
			}
		}
		require.Positive(t, held[0])
		require.Positive(t, held[1])
	}
	of := func(i int, which plane.Released) plane.Release {
		return plane.Release{Group: r.groups[i], Member: hopOf(1, 1).ID, Which: which}
	}
	require.NoError(t, r.Flows().Release([]plane.Release{of(0, plane.Everything), of(1, plane.Kept)}))
	expect(false, true)
	require.NoError(t, r.flows.sweep())
	expect(false, true)

	// The member leaves the first group: it is in one group, which keeps it.
	_, err := r.groups[0].Update(hopsFor(2, 3))
	require.NoError(t, err)
	require.NoError(t, r.flows.sweep())
	assert.Positive(t, r.Flows().Pins()[r.groups[1].Load().View().Slot(0)])
	expect(false, true)
	r.update(0, drained...)
	assert.NotEmpty(t, r.flows.releasedNow())
	r.update(0, hopsFor(2, 3)...)
	assert.Empty(t, r.flows.releasedNow(), "though the other group has the member")
}

// What the program can't be told is not in force, and is told later.
func TestDrainDoesNotEnd(t *testing.T) {
	r := newScope(t)
	drained := hopsFor(1, 2, 3)
	drained[0].Weight = 0
	r.update(0, drained...)
	list := []plane.Release{{Group: r.groups[0], Member: hopOf(1, 1).ID, Which: plane.Everything}}
	tell := r.flows.changed
	r.flows.changed = func() error { return assert.AnError }
	require.ErrorIs(t, r.Flows().Release(list), assert.AnError)
	assert.Empty(t, r.flows.releasedNow())
	r.flows.changed = tell
	require.NoError(t, r.Flows().Release(list))
	assert.Len(t, r.flows.releasedNow(), 1)
}
