package xdp

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/slots"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/ecmp-go/ecmp/symmetric"
)

// established gives the router's first group three members and some established
// flows, and returns those and where they are.
func established(r *fixture) (flows []conversation, at []uint16) {
	r.update(0, hopsFor(1, 2, 3)...)
	flows = conversations(200, 1)
	for _, c := range flows {
		r.member(c.frame(hash.SYN, 64, 0))
	}
	r.advance(2 * time.Second)
	for _, c := range flows {
		at = append(at, r.member(c.frame(hash.ACK, 64, 0)))
	}
	return flows, at
}

// A restarted router keeps the flows of the one before, though its slots and
// its clock are others and a member is not there yet; ages go on. Flows of that
// one go elsewhere meanwhile, and are moved if it does not join in time.
func TestRestart(t *testing.T) {
	before := newFixture(t, 4096, selector.Bounded{})
	flows, at := established(before)
	before.advance(20 * time.Second)
	var saved bytes.Buffer
	require.NoError(t, before.Flows().Save(&saved))

	for _, late := range []time.Duration{5 * time.Second, 20 * time.Second} {
		r := newFixture(t, 4096, selector.Bounded{})
		r.time = time.Minute // as after a boot
		r.update(0, hopsFor(9)...)
		r.update(0, hopsFor(2, 3, 4, 5)...)
		require.NoError(t, r.Flows().Restore(bytes.NewReader(saved.Bytes()), r.groups...))
		assert.Equal(t, len(flows), r.Flows().Stats().Flows)
		r.advance(late)
		away := uint64(0)
		route := func() {
			away = 0
			for i, c := range flows {
				got := r.member(c.frame(hash.ACK, 64, 0))
				expired := c.proto == hash.UDP && late == 20*time.Second
				switch {
				case at[i] == 1 && !expired && got != 1:
					away++
				case !expired:
					require.Equal(t, at[i], got)
				}
			}
		}
		route()
		assert.NotZero(t, away)
		assert.Zero(t, r.Flows().Stats().Moved)
		require.False(t, r.flows.overdue())
		if late == 5*time.Second {
			r.update(0, hopsFor(1, 2, 3, 4, 5)...)
			route()
			assert.Zero(t, away, "its member has joined in time")
			continue
		}
		waiting := away
		r.advance(r.flows.timeouts.restoreGrace - late)
		require.True(t, r.flows.overdue())
		require.NoError(t, r.refill())
		require.False(t, r.flows.overdue())
		route()
		assert.Equal(t, waiting, r.Flows().Stats().Moved)
	}
}

// The slow path waits for members as the program does.
func TestSlowPathAwaits(t *testing.T) {
	before := newFixture(t, 4096, selector.Bounded{})
	flows, at := established(before)
	var saved bytes.Buffer
	require.NoError(t, before.Flows().Save(&saved))
	r := newFixture(t, 4096, selector.Bounded{})
	r.update(0, hopsFor(2, 3)...)
	require.NoError(t, r.Flows().Restore(&saved, r.groups...))
	route := func(c conversation) flowcache.Verdict {
		var h hash.Headers
		require.NoError(t, hash.Parse(c.frame(hash.ACK, 64, 0), &h))
		v := r.groups[0].Load().View()
		p := flowcache.Packet{Digest: symmetric.Hasher{Base: hash.XX{Seed: testSeed}}.Hash(h.Outer) ^ v.Salt(),
			Flags: hash.ACK, Class: flowcache.ClassTCP}
		var routes [1]flowcache.Route
		r.flows.RouteBatch(routes[:], []flowcache.Packet{p}, []*selector.View{v}, 0)
		return routes[0].Verdict
	}
	for i, c := range flows {
		want := flowcache.Pinned
		if at[i] == 1 {
			want = flowcache.Detoured
		}
		require.Equal(t, want, route(c))
	}
	r.advance(r.flows.timeouts.restoreGrace)
	for i, c := range flows {
		if at[i] == 1 && c.proto == hash.TCP {
			require.Equal(t, flowcache.Moved, route(c))
		}
	}
}

// A Sync or a refill that fails after the time of the awaited members is over
// forgets nothing: the next one that succeeds gives them up.
func TestAwaitedAreGivenUpInTheEnd(t *testing.T) {
	before := newFixture(t, 4096, selector.Bounded{})
	flows, at := established(before)
	var saved bytes.Buffer
	require.NoError(t, before.Flows().Save(&saved))
	r := newFixture(t, 4096, selector.Bounded{})
	r.update(0, hopsFor(2, 3)...)
	require.NoError(t, r.Flows().Restore(&saved, r.groups...))
	r.advance(r.flows.timeouts.restoreGrace)
	require.True(t, r.flows.overdue())

	_, err := r.groups[0].SetStrategy(selector.Bounded{Slots: 2 * MaxSlots})
	require.NoError(t, err)
	require.ErrorIs(t, r.refill(), ErrTableSize)
	require.ErrorIs(t, r.Sync(r.list), ErrTableSize)
	require.True(t, r.flows.overdue())

	_, err = r.groups[0].SetStrategy(selector.Bounded{})
	require.NoError(t, err)
	require.NoError(t, r.refill())
	require.False(t, r.flows.overdue())
	for i, c := range flows {
		if at[i] == 1 && c.proto == hash.TCP {
			r.member(c.frame(hash.ACK, 64, 0))
		}
	}
	assert.NotZero(t, r.Flows().Stats().Moved)
}

// Outputs may change while the upkeep refills tables.
func TestOutputsChangeWhileTablesAreRefilled(t *testing.T) {
	r := newFixture(t, 4096, selector.Bounded{})
	outputs := make(map[uint16]string)
	for i := range uint16(16) {
		outputs[i] = "lo"
	}
	done := make(chan error, 1)
	go func() {
		for range 50 {
			if err := r.refill(); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range 50 {
		require.NoError(t, setOutputs(r, outputs))
	}
	require.NoError(t, <-done)
}

// Flows that have a pin already keep it.
func TestRestoreKeepsPins(t *testing.T) {
	r := newFixture(t, 4096, selector.Bounded{})
	flows, at := established(r)
	var saved bytes.Buffer
	require.NoError(t, r.Flows().Save(&saved))
	r.update(0, hopsFor(4, 5)...)
	for i, c := range flows {
		at[i] = r.member(c.frame(hash.ACK, 64, 0))
	}
	r.update(0, hopsFor(1, 2, 3, 4, 5)...)
	require.NoError(t, r.Flows().Restore(&saved, r.groups...))
	for i, c := range flows {
		require.Equal(t, at[i], r.member(c.frame(hash.ACK, 64, 0)))
	}
}

// A stream with any byte changed, or cut anywhere, is refused as a whole.
func TestDamagedSave(t *testing.T) {
	r := newFixture(t, 4096, selector.Bounded{})
	established(r)
	var saved bytes.Buffer
	require.NoError(t, r.Flows().Save(&saved))
	empty := newFixture(t, 4096, selector.Bounded{})
	refuse := func(data []byte, what ...any) {
		t.Helper()
		var e *flowcache.RestoreError
		require.ErrorAs(t, empty.Flows().Restore(bytes.NewReader(data)), &e, what...)
	}
	for i := range saved.Len() {
		refuse(saved.Bytes()[:i], i)
		changed := bytes.Clone(saved.Bytes())
		changed[i] ^= 1 << (i % 8)
		refuse(changed, i)
	}
	refuse(append(bytes.Clone(saved.Bytes()), 0))
	assert.Zero(t, empty.Flows().Stats().Flows)

	empty.flows.seed++
	require.ErrorIs(t, empty.Flows().Restore(bytes.NewReader(saved.Bytes())), flowcache.ErrCheck)
	require.ErrorIs(t, empty.Flows().Restore(bytes.NewReader([]byte("something else"))), flowcache.ErrForeign)
}

// What a sound sum covers may still be wrong inside.
func FuzzParseSaved(f *testing.F) {
	sample := binary.LittleEndian.AppendUint32([]byte(saveMagic), saveVersion)
	sample = append(sample, 1, 0, 0, 0)                            // owners
	sample = append(append(sample, make([]byte, 8)...), 1)         // seed, pins
	sample = append(append(sample, make([]byte, 7+pinSize)...), 7) // slot
	sample = append(append(sample, 0), make([]byte, 8)...)         // incarnation
	sample = append(sample, 1, 0, 0, 0, 'm')
	summed := func(data []byte) []byte {
		return binary.LittleEndian.AppendUint32(bytes.Clone(data), crc32.Checksum(data, castagnoli()))
	}
	_, owners, err := parseSaved(summed(sample), 0)
	require.NoError(f, err)
	require.Equal(f, map[uint16]slots.Key{7: {ID: "m"}}, owners)
	f.Add(sample)
	f.Add(sample[:len(sample)-1])
	unknown := bytes.Clone(sample)
	unknown[headerSize+8] = pinStates - 1 // a state
	f.Add(unknown)
	f.Fuzz(func(t *testing.T, data []byte) {
		pins, _, err := parseSaved(summed(data), 0)
		if err == nil {
			require.Zero(t, len(pins)%pinSize)
			for ; len(pins) > 0; pins = pins[pinSize:] {
				require.Less(t, int(pin(binary.LittleEndian.Uint64(pins[8:])).state()), states)
			}
		}
	})
}
