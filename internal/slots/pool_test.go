package slots_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/slots"
)

func key(i int) slots.Key { return slots.Key{ID: fmt.Sprint(i / 2), Incarnation: uint64(i % 2)} }

func quarantined(p *slots.Pool) int {
	_, n, _, _ := p.Stats()
	return n
}

func TestQuarantineHoldsSlots(t *testing.T) {
	p := new(slots.Pool)
	p.Put(p.Take(key(0)))
	assert.Zero(t, quarantined(p), "there is no table")

	one, two := p.NewTable(), p.NewTable()
	a := p.Take(key(1))
	p.Put(a)
	require.Equal(t, 1, quarantined(p))
	first := one.Epoch()
	b := p.Take(key(2))
	p.Put(b)
	require.Equal(t, 2, quarantined(p))
	one.Aged(first)
	require.Equal(t, 2, quarantined(p), "two has not said so")
	two.Aged(first)
	require.Equal(t, 1, quarantined(p), "b left after the epoch began")
	assert.False(t, p.Held(a))
	assert.True(t, p.Held(b))
	two.Aged(two.Epoch())
	one.Aged(1 << 60) // an epoch that has not begun counts as the present one
	require.Zero(t, quarantined(p))
	assert.NotEqual(t, a, p.Take(key(1)), "leaving")
	assert.NotEqual(t, b, p.Take(key(3)), "leaving")

	one.Swept(one.Epoch())
	_, _, leaving, _ := p.Stats()
	assert.Equal(t, 2, leaving)
	two.Swept(first)
	_, _, leaving, _ = p.Stats()
	assert.Equal(t, 2, leaving, "they left after that epoch began")
	two.Swept(two.Epoch())
	assert.Equal(t, a, p.Take(key(5)), "the least that is free")

	c := p.Take(key(7))
	p.Put(c)
	runtime.KeepAlive(one)
	runtime.KeepAlive(two)
	for range 10 {
		runtime.GC()
	}
	assert.Zero(t, quarantined(p), "a table that is gone holds nothing")
}

func TestFlappingLosesNoSlot(t *testing.T) {
	p := new(slots.Pool)
	table := p.NewTable()
	slot := p.Take(key(0))
	for range 3600 {
		p.Put(slot)
		require.True(t, p.Held(slot))
		require.False(t, p.InUse(slot))
		require.Equal(t, slot, p.Take(key(0)))
		require.True(t, p.InUse(slot))
		table.Epoch()
	}
	inUse, held, leaving, refused := p.Stats()
	assert.Equal(t, []int{1, 0, 0, 0}, []int{inUse, held, leaving, int(refused)})
}

func TestReservedSlotWaitsForItsMember(t *testing.T) {
	p := new(slots.Pool)
	table := p.NewTable()
	slot := p.Reserve(key(0))
	assert.True(t, p.Held(slot))
	assert.False(t, p.InUse(slot))
	k, ok := p.Owner(slot)
	assert.True(t, ok)
	assert.Equal(t, key(0), k)
	assert.Equal(t, slot, p.Take(key(0)))
	assert.Equal(t, slot, p.Reserve(key(0)))
	assert.True(t, p.InUse(slot))
	p.Put(slot)
	early := table.Epoch()
	p.Reserve(key(0))
	table.Aged(early)
	assert.Equal(t, 1, quarantined(p), "it waits anew")
}

// A model of a pool: what each slot may be.
type model struct {
	groups map[slots.Key]int
	slot   map[slots.Key]uint16
	epoch  map[uint16]uint64 // since when a slot is quarantined
	left   map[uint16]uint64 // since when it is leaving
}

// TestPoolIsAsItsModelSays draws histories of members and tables.
func TestPoolIsAsItsModelSays(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		p := new(slots.Pool)
		m := model{map[slots.Key]int{}, map[slots.Key]uint16{}, map[uint16]uint64{}, map[uint16]uint64{}}
		tables := []*slots.Table{p.NewTable(), p.NewTable()}
		aged, swept := make([]uint64, 2), make([]uint64, 2)
		now := uint64(2)
		for range 300 {
			k, n := key(rng.IntN(12)), rng.IntN(2)
			switch rng.IntN(5) {
			case 0:
				slot := p.Take(k)
				require.NotZero(t, slot)
				if old, ok := m.slot[k]; ok {
					require.Equal(t, old, slot)
				} else {
					require.NotContains(t, m.left, slot, "free slots only")
					for other, s := range m.slot {
						require.NotEqual(t, slot, s, "it is that of %v", other)
					}
				}
				m.slot[k] = slot
				m.groups[k]++
				delete(m.epoch, slot)
			case 1:
				if m.groups[k] > 0 {
					p.Put(m.slot[k])
					if m.groups[k]--; m.groups[k] == 0 {
						m.epoch[m.slot[k]] = now
					}
				}
			case 2:
				now = tables[n].Epoch()
			case 3:
				aged[n] = max(aged[n], rng.Uint64N(now+1))
				tables[n].Aged(aged[n])
				for k, slot := range m.slot {
					if e, ok := m.epoch[slot]; ok && e < min(aged[0], aged[1]) {
						delete(m.epoch, slot)
						delete(m.slot, k)
						m.left[slot] = now
					}
				}
			case 4:
				swept[n] = max(swept[n], rng.Uint64N(now+1))
				tables[n].Swept(swept[n])
			}
			for slot, e := range m.left {
				if e < min(swept[0], swept[1]) {
					delete(m.left, slot)
				}
			}
			for k, slot := range m.slot {
				require.Equal(t, m.groups[k] > 0, p.InUse(slot))
				require.Equal(t, m.groups[k], p.Groups(slot))
				require.True(t, p.Held(slot))
			}
			for slot := range m.left {
				require.False(t, p.Held(slot))
				require.Zero(t, p.Groups(slot))
			}
			inUse, held, leaving, _ := p.Stats()
			require.Equal(t, []int{len(m.slot) - len(m.epoch), len(m.epoch), len(m.left)}, []int{inUse, held, leaving})
		}
		runtime.KeepAlive(tables)
	}
}

func TestIndexFindsEachSlot(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{0, 1, 2, 10, 256, 5000} {
		for _, span := range []int{n + 1, 4096, 16 * n, slots.Max} {
			span = min(max(span, n+1), slots.Max)
			list := make([]uint32, n)
			for i, at := range rng.Perm(span)[:n] {
				list[i] = uint32(slots.Max - at)
			}
			if n > 1 {
				list[1] = 0
			}
			x := slots.NewIndex(list)
			want := make(map[uint32]int32)
			for i, s := range list {
				want[s] = int32(i)
			}
			for s := range uint32(slots.Max + 2) {
				i, ok := want[s]
				if !ok || s == 0 {
					i = -1
				}
				require.Equal(t, i, x.Find(s))
			}
			require.EqualValues(t, -1, x.Find(1<<32-1))
		}
	}
	near, far := slots.NewIndex([]uint32{1, 4096}), slots.NewIndex([]uint32{1, 4097})
	assert.Len(t, near.Dense, 4096)
	assert.Empty(t, far.Dense)
}
