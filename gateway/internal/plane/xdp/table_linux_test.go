package xdp

import (
	"math/bits"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/selector"
)

// The hashes are the least that read each slot.
func TestHashes(t *testing.T) {
	for _, slots := range []int{1, 2, 3, 5, 64, 101, 2039, 65536, 65537, MaxSlots - 1, MaxSlots} {
		all := newHashes(slots)
		for first := 0; first < slots; first += 100 {
			list := make([]uint64, min(100, slots-first))
			all.fill(list)
			for i, h := range list {
				slot := uint64(first + i)
				reads, _ := bits.Mul64(h, uint64(slots))
				require.Equal(t, slot, reads, "%d of %d", slot, slots)
				if slot > 0 {
					before, _ := bits.Mul64(h-1, uint64(slots))
					require.Equal(t, slot-1, before, "before %d of %d", slot, slots)
				}
			}
		}
	}
}

// A group gets another table where its members are placed in another way, and
// keeps the one that it has where they are only sent to in another way.
func TestTableFollows(t *testing.T) {
	r := newFixture(t, 0, selector.Bounded{})
	r.update(0, hopsFor(1, 2, 3)...)
	flows := conversations(200, 1)
	table := r.state.services[0].table
	follows := func(what string, anew bool) {
		t.Helper()
		require.NoError(t, r.Sync(r.list))
		for _, c := range flows {
			frame := c.frame(0, 64, 0)
			require.Equal(t, r.engineMember(frame), r.member(frame), what)
		}
		now := r.state.services[0].table
		assert.Equal(t, anew, now != table, what)
		table = now
	}
	r.update(0, hopOf(1, 1), hopOf(2, 3), hopOf(3, 1))
	follows("a weight", true)
	for what, s := range map[string]selector.Strategy{
		"a seed": selector.Bounded{Seed: 1}, "a strategy": selector.Maglev{}, "a size": selector.Bounded{Slots: 1024},
	} {
		_, err := r.groups[0].SetStrategy(s)
		require.NoError(t, err)
		follows(what, true)
	}
	_, err := r.groups[0].SetValues(func(_ string, a engine.Adjacency) engine.Adjacency {
		a.Header = engine.NewEthernet(a.Header.Dst(), engine.MAC{2, 9})
		return a
	})
	require.NoError(t, err)
	follows("a MAC address", false)
	r.groups[0].Mark(hopOf(2, 1).ID).SetDown(true)
	follows("a member is down", true)
	r.domain.Mark("nobody").SetDown(true)
	follows("nobody is down", false)
}
