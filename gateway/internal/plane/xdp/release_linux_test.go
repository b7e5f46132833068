package xdp

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
		v := r.groups[0].Load().View()
		i, ok := v.Index(hopOf(1, 1).ID)
		require.True(t, ok)
		r.Flows().Release(v, i, which)
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
