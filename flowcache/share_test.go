package flowcache_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// TestImportTakesPinsOver sends what deviates to another gateway, which has the
// same members by other slots.
func TestImportTakesPinsOver(t *testing.T) {
	one, two := newRouter(t, flowcache.Config{}, "a", "b", "c"), newRouter(t, flowcache.Config{}, "x", "c", "b", "a")
	two.set(selector.Equal("a", "b", "c", "d")...)
	require.Equal(t, one.table.Layout(), two.table.Layout())
	require.Equal(t, one.table.Layout(), one.table.Config().Layout())
	member := make(map[uint64]string)
	for f := range uint64(flows) {
		member[f] = one.connect(f)
	}
	one.set(selector.Equal("a", "b", "c", "d")...)
	var pins []flowcache.Pin
	for _, p := range one.scan(flowcache.Scan{}) {
		i, _ := one.view().BySlot(p.Slot)
		b, err := p.Key.MarshalBinary()
		require.NoError(t, err)
		var key flowcache.Key
		require.NoError(t, key.UnmarshalBinary(b))
		require.Equal(t, p.Key, key)
		p.Slot = two.view().Slot(i)
		pins = append(pins, p)
	}
	assert.Equal(t, flowcache.Imported{Added: len(pins)}, two.Import(pins, two.now))
	assert.Equal(t, flowcache.Imported{Kept: len(pins)}, two.Import(pins, two.now))
	for f, m := range member {
		got, _ := two.tcp(f, hash.ACK)
		require.Equal(t, m, got)
	}
	p := pins[0]
	p.Slot = selector.NoSlot
	assert.Equal(t, flowcache.Imported{Unknown: 1}, two.Import([]flowcache.Pin{p}, two.now))
}

// TestImportOfUnknownPins imports pins that no table has.
func TestImportOfUnknownPins(t *testing.T) {
	r := newRouter(t, flowcache.Config{Flows: 1}, "a")
	key, slot := r.table.KeyOf(mix(1)), r.view().Slot(0)
	var last flowcache.Key
	require.NoError(t, last.UnmarshalBinary([]byte{1, 8: 255, 9: 255, 10: 255, 11: 255}))
	for name, p := range map[string]flowcache.Pin{
		"no key":         {Slot: slot},
		"no such bucket": {Key: last, Slot: slot},
		"no slot":        {Key: key},
		"a free slot":    {Key: key, Slot: slot + 1},
		"no such slot":   {Key: key, Slot: slot + 1<<16},
	} {
		t.Run(name, func(t *testing.T) {
			p.State = flowcache.EstablishedTCP
			assert.Equal(t, flowcache.Imported{Unknown: 1}, r.Import([]flowcache.Pin{p}, r.now))
			assert.Empty(t, slices.Collect(r.table.All(r.now)))
			var b bytes.Buffer
			require.NoError(t, r.table.Save(&b, 0, r.now))
			_, err := r.table.Restore(&b, 0, r.now)
			assert.NoError(t, err)
		})
	}
}

// TestCanonicalKeys compares both keys that the pin of each flow may have.
func TestCanonicalKeys(t *testing.T) {
	r := newRouter(t, flowcache.Config{Flows: 5000}, "a")
	seen := make(map[flowcache.Key]bool)
	for f := range uint64(5000) {
		keys := flowcache.PinKeys(r.table, mix(f))
		canonical := r.table.Canonical(keys[0])
		require.Equal(t, canonical, r.table.Canonical(keys[1]))
		require.Contains(t, keys, canonical)
		require.False(t, seen[canonical])
		seen[canonical] = true
	}
	var far flowcache.Key
	require.NoError(t, far.UnmarshalBinary([]byte{1, 8: 255, 9: 255, 10: 255, 11: 255}))
	assert.Equal(t, far, r.table.Canonical(far))
	assert.Equal(t, flowcache.Key{}, r.table.Canonical(flowcache.Key{}))
}

func TestKeysOfPins(t *testing.T) {
	var k flowcache.Key
	for _, b := range [][]byte{nil, make([]byte, 12), make([]byte, 13), {7: 1, 11: 0}} {
		require.ErrorIs(t, k.UnmarshalBinary(b), flowcache.ErrKey)
	}
}

// TestRulesOfImport tries each rule with one flow.
func TestRulesOfImport(t *testing.T) {
	type pin struct {
		member string
		state  flowcache.State
		age    time.Duration
	}
	const tcp, probation = flowcache.EstablishedTCP, flowcache.Probation
	for name, tt := range map[string]struct {
		here, comes, want pin
		done              flowcache.Imported
	}{
		"no pin": {pin{}, pin{"a", tcp, 5 * time.Second}, pin{"a", tcp, 95 * time.Second},
			flowcache.Imported{Added: 1}},
		"no pin, and an old one": {pin{}, pin{"a", tcp, 200 * time.Second}, pin{"a", tcp, 200 * time.Second},
			flowcache.Imported{Added: 1}},
		"no pin, and one on probation": {pin{}, pin{"a", probation, 5 * time.Second},
			pin{"a", probation, 5 * time.Second}, flowcache.Imported{Added: 1}},
		"expired": {pin{}, pin{"a", probation, 9 * time.Second}, pin{}, flowcache.Imported{Expired: 1}},
		"the same member, on probation here": {pin{"a", probation, 2 * time.Second}, pin{"a", tcp, 100 * time.Second},
			pin{"a", tcp, 100 * time.Second}, flowcache.Imported{Renewed: 1}},
		"the same member, established here": {pin{"a", tcp, 100 * time.Second}, pin{"a", probation, 0},
			pin{"a", tcp, 100 * time.Second}, flowcache.Imported{Kept: 1}},
		"another member, seen here": {pin{"b", tcp, 90 * time.Second}, pin{"a", tcp, 0},
			pin{"b", tcp, 90 * time.Second}, flowcache.Imported{Kept: 1}},
		"another member, younger": {pin{"b", tcp, 150 * time.Second}, pin{"a", tcp, 100 * time.Second},
			pin{"a", tcp, 100 * time.Second}, flowcache.Imported{Moved: 1}},
		"another member, as old": {pin{"b", tcp, 150 * time.Second}, pin{"a", tcp, 150 * time.Second},
			pin{"b", tcp, 150 * time.Second}, flowcache.Imported{Kept: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRouter(t, flowcache.Config{}, "a", "b")
			key := r.table.KeyOf(mix(1))
			pinOf := func(p pin) flowcache.Pin {
				i := slices.Index([]string{"a", "b"}, p.member)
				return flowcache.Pin{Key: key, Slot: r.view().Slot(int32(i)), State: p.state, Age: p.age}
			}
			if tt.here.member != "" {
				flowcache.PutPin(r.table, pinOf(tt.here), r.now)
			}
			assert.Equal(t, tt.done, r.Import([]flowcache.Pin{pinOf(tt.comes)}, r.now))
			var want []flowcache.Pin
			if tt.want.member != "" {
				want = []flowcache.Pin{pinOf(tt.want)}
			}
			assert.Equal(t, want, slices.Collect(r.table.All(r.now)))
		})
	}
}

// TestImportTakesNoLivePlace imports into a full table.
func TestImportTakesNoLivePlace(t *testing.T) {
	r := newRouter(t, flowcache.Config{Flows: 1}, "a")
	for f := range uint64(8) {
		_, _ = r.tcp(f, hash.SYN)
	}
	p := flowcache.Pin{Key: r.table.KeyOf(mix(100)), Slot: r.view().Slot(0),
		State: flowcache.EstablishedTCP}
	assert.Equal(t, flowcache.Imported{Refused: 1}, r.Import([]flowcache.Pin{p}, r.now))
	assert.Zero(t, r.table.Stats().Evicted)
}

func TestAssignedFlowsStay(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a", "b", "c")
	rng := rand.New(rand.NewPCG(1, 2))
	for f := range uint64(flows) {
		p, member := packet(r.view(), f, hash.TCP, hash.SYN), int32(rng.IntN(3))
		require.Equal(t, flowcache.Route{Member: member, Verdict: flowcache.Placed},
			r.Assign(p.Packet, p.View, member, r.now))
		require.Equal(t, flowcache.Route{Member: member, Verdict: flowcache.Pinned},
			r.Assign(p.Packet, p.View, (member+1)%3, r.now), "it has a live pin")
		r.expect(f, hash.ACK, r.view().Member(member).ID, flowcache.Pinned)
	}
	require.Panics(t, func() { r.Assign(flowcache.Packet{}, r.view(), 3, r.now) })
	_, v := r.tcp(flows, hash.SYN)
	assert.Equal(t, flowcache.Placed, v, "without Assign the selector chooses")
}
