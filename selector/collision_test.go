package selector_test

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/golden/place"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

// collidingIDs returns two IDs of 64 bytes with the same XXH64 under a seed.
// Each step of one of its lanes, of which a step takes every 32nd byte on, can
// be undone: so a difference in one step is made up for in the next.
func collidingIDs(r *rand.Rand, seed uint64) (a, b string) {
	prime1, prime2 := uint64(0x9e3779b185ebca87), uint64(0xc2b2ae3d27d4eb4f)
	id := make([]byte, 64)
	for i := range id {
		id[i] = byte(r.Uint32())
	}
	a = string(id)
	step := func(input uint64) uint64 { // from the start of the first lane
		return bits.RotateLeft64(seed+prime1+prime2+input*prime2, 31) * prime1
	}
	first, second := binary.LittleEndian.Uint64(id), binary.LittleEndian.Uint64(id[32:])
	other := r.Uint64()
	inverse := uint64(1) // of prime2, by Newton's method
	for range 6 {
		inverse *= 2 - prime2*inverse
	}
	binary.LittleEndian.PutUint64(id, other)
	binary.LittleEndian.PutUint64(id[32:], second+(step(first)-step(other))*inverse)
	return a, string(id)
}

// TestMembersOfEqualHash: members that no hash tells apart are told by ID, so
// that placement is one and the same for any order of the list.
func TestMembersOfEqualHash(t *testing.T) {
	racecheck.OneGoroutine(t)
	r := rand.New(rand.NewPCG(9, 1))
	for range 60 {
		seed := r.Uint64N(2) * r.Uint64()
		group := randomGroup(r, 2+r.IntN(12))
		a, b := collidingIDs(r, seed)
		digest := xxhash.NewWithSeed(seed)
		_, _ = digest.WriteString(a)
		hash := digest.Sum64()
		digest.ResetWithSeed(seed)
		_, _ = digest.WriteString(b)
		require.Equal(t, hash, digest.Sum64())
		require.NotEqual(t, a, b)
		group[0].ID, group[1].ID = a, b
		group[0].Weight = max(group[0].Weight, 1)
		group[1].Weight = group[0].Weight
		model := modelled(group)
		for _, s := range slacks {
			built := build(t, selector.Bounded{Slots: 256, Slack: s.slack, Seed: seed}, group)
			want := place.Bounded(model, 256, s.model, seed)
			require.Equal(t, want, owners(built), "slack %v, %q", s.slack, group)
			slot := r.IntN(256)
			require.Equal(t, place.BoundedOrder(model, 256, seed, want[slot], slot), order(built, uint64(slot)<<56))
		}
		rendezvous := build(t, selector.Rendezvous{Seed: seed}, group)
		for _, h := range probes(r, 2) {
			require.Equal(t, place.Rendezvous(model, seed, h), order(rendezvous, h), "%q, %#x", group, h)
		}
	}
}
