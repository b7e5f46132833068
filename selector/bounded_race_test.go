package selector

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWindowLimit: an arrival is in a window if time*unit < now*weight.
func TestWindowLimit(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 3))
	for range 30_000 {
		race := race{unit: 1 << r.IntN(32), now: r.Uint64() >> (1 + r.IntN(62))}
		weight := race.unit + r.Uint64N(1<<32-race.unit)
		limit := race.limit(weight)
		inside := func(time uint64) bool {
			hi, lo := bits.Mul64(time, race.unit)
			hj, lj := bits.Mul64(race.now, weight)
			return hi < hj || hi == hj && lo < lj
		}
		require.True(t, limit == 0 || inside(limit-1), "%+v, %d", race, weight)
		require.True(t, limit == ^uint64(0) || !inside(limit), "%+v, %d", race, weight)
	}
}

// TestWindowEnd: a window ends before the first rank, from where it starts on,
// whose time is not before the limit.
func TestWindowEnd(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 4))
	for range 10_000 {
		slots := uint32(1) << (6 + r.IntN(5))
		race := race{raceOrder: raceOrder{mask: slots - 1}}
		if r.IntN(2) == 0 {
			race.clock = raceClock(bits.Len32(slots - 1))
		}
		start := r.Uint32N(slots + 1)
		limit := r.Uint64N(4 + race.time(min(start+r.Uint32N(40), slots-1)))
		end := start
		for end < slots && race.time(end) < limit {
			end++
		}
		require.Equal(t, end, race.firstFrom(start, limit), "%d slots, from %d, limit %d", slots, start, limit)
	}
}

// TestPacesWithoutRacersAreDropped: each window costs a step for each pace, and
// there can be as many paces as members.
func TestPacesWithoutRacersAreDropped(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 5))
	for range 300 {
		weights := make([]uint32, 1+r.IntN(60))
		for i := range weights {
			weights[i] = 1 + r.Uint32N(1+r.Uint32N(30))
		}
		n := len(weights)
		race := race{raceOrder: raceOrder{
			permutations: make([]quadratic, n), weights: weights, clock: raceClock(10), mask: 1<<10 - 1,
		}, positions: make([]uint16, n)}
		race.line(slices.Repeat([]uint32{1}, n), nil)
		for len(race.racers) > 0 {
			i := r.IntN(len(race.racers))
			race.racers[i].room = 0
			race.close()
			members := 0
			for _, c := range race.paces {
				require.Positive(t, c.members)
				members += c.members
			}
			require.Len(t, race.racers, members)
			for _, m := range race.racers {
				require.Equal(t, uint64(weights[m.place]), race.paces[m.pace].weight)
				require.Equal(t, m, race.racers[race.positions[m.place]])
			}
		}
		require.Empty(t, race.paces)
	}
}

// TestOffersInAnyOrder computes tables by offers that come in a random order:
// members hold what their bounds allow, the earliest arrivals first, and each
// slot refuses all but its earliest offer. The table does not depend on the
// order, and is the one that windows lead to.
func TestOffersInAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 6))
	short := 0
	for draw := range 60 {
		const slots = 64
		var members []Member
		for i := range 4 + r.IntN(slots-3) {
			members = append(members, Member{ID: fmt.Sprint(draw, i), Weight: 1 + r.Uint32N(1<<r.IntN(4))})
		}
		l, err := newLineup(members, false)
		require.NoError(t, err)
		hashes := newBoundedHashes(0, members, &l)
		order := newRaceOrder(&l, hashes, slots)
		caps := boundedCaps(&l, slots, DefaultSlack, hashes)
		floors := boundedFloors(&l, slots, DefaultSlack, hashes, caps)
		var open []award // that no slot has refused, the earliest first
		for place := range l.index {
			for slot := range uint32(slots) {
				open = append(open, award{order.at(uint32(place), slot), slot})
			}
		}
		slices.SortFunc(open, latestFirst)
		slices.Reverse(open)
		offered := map[award]bool{}
		var held []award
		for {
			reserve, owned := slots, make([]uint32, len(caps))
			for _, f := range floors {
				reserve -= int(f)
			}
			held = held[:0]
			for _, a := range open {
				switch {
				case owned[a.place] == caps[a.place]:
					continue
				case owned[a.place] < floors[a.place]:
				case reserve > 0:
					reserve--
				default:
					short++
					continue
				}
				owned[a.place]++
				held = append(held, a)
			}
			fresh := slices.DeleteFunc(slices.Clone(held), func(a award) bool { return offered[a] })
			if len(fresh) == 0 {
				break
			}
			r.Shuffle(len(fresh), func(i, j int) { fresh[i], fresh[j] = fresh[j], fresh[i] })
			for _, a := range fresh[:1+r.IntN(len(fresh))] {
				offered[a] = true
			}
			best := map[uint32]bool{}
			open = slices.DeleteFunc(open, func(a award) bool {
				if !offered[a] {
					return false
				}
				refused := best[a.slot]
				best[a.slot] = true
				return refused
			})
		}
		require.Len(t, held, slots)
		table := raceTable[uint8](order, l.index, caps, floors)
		for _, a := range held {
			require.Equal(t, l.index[a.place], table.Owner(int(a.slot)), "draw %d, slot %d", draw, a.slot)
		}
	}
	require.Positive(t, short)
}
