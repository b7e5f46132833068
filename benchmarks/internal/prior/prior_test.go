package prior

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func rules() map[string]Rule {
	return map[string]Rule{"serial": Serial, "greedy": Greedy, "ring": Ring, "walks": Walks}
}

// pool has n candidates of the weights, which they have in turn.
func pool(n, slots int, weights ...uint32) (p *Pool, all []int32) {
	var list []Candidate
	for i := range n {
		list = append(list, Candidate{fmt.Sprintf("10.0.%d.%d", i/200, i%200), weights[i%len(weights)]})
		all = append(all, int32(i))
	}
	return NewPool(list, slots), all
}

// TestCaps wants each slot owned, and no cap exceeded.
func TestCaps(t *testing.T) {
	for name, rule := range rules() {
		for _, n := range []int{1, 2, 7, 60} {
			p, members := pool(n, 512, Base, Base, 2*Base)
			for _, slack := range []int{0, 20, 250} {
				for _, caps := range [][]int{p.Roof(members, slack), p.Exact(members, slack)} {
					loads := make([]int, n)
					for _, owner := range rule(p, members, caps) {
						loads[owner]++
					}
					for i := range loads {
						if name != "walks" { // they have no caps
							assert.LessOrEqual(t, loads[i], caps[i], "%s, %d members", name, n)
						}
					}
				}
			}
		}
	}
}

func TestCapsAddUp(t *testing.T) {
	for _, n := range []int{1, 7, 60, 511} {
		p, members := pool(n, 512, Base)
		sum := 0
		for _, c := range p.Exact(members, 20) {
			sum += c
		}
		assert.Equal(t, 523, sum, "ceil(512*1.02) of %d", n)
		assert.GreaterOrEqual(t, n*p.Roof(members, 20)[0], 523)
		assert.Less(t, n*(p.Roof(members, 20)[0]-1), 523)
	}
	p, members := pool(3, 512, 100, 101, 200)
	assert.Equal(t, []int{128, 129, 256}, p.Roof(members, 0), "512*100/401 = 127.7, rounded up, and so on")
	assert.Equal(t, 512, p.Exact(members, 0)[0]+p.Exact(members, 0)[1]+p.Exact(members, 0)[2])
}

// TestGreedy goes through all pairs in order, as the rule says it.
func TestGreedy(t *testing.T) {
	for _, n := range []int{1, 3, 20, 70} {
		p, members := pool(n, 256, Base, 3*Base)
		for _, caps := range [][]int{p.Roof(members, 0), p.Roof(members, 50), p.Exact(members, 0)} {
			type pair struct {
				bid
				slot int
			}
			var pairs []pair
			for _, who := range members {
				for slot := range 256 {
					pairs = append(pairs, pair{bid{p.score(who, slot), who}, slot})
				}
			}
			slices.SortFunc(pairs, func(a, b pair) int {
				if a.score > b.score {
					return -1
				}
				return 1
			})
			want, room := slices.Repeat([]int32{-1}, 256), slices.Clone(caps)
			for _, p := range pairs {
				if want[p.slot] < 0 && room[p.who] > 0 {
					want[p.slot] = p.who
					room[p.who]--
				}
			}
			assert.Equal(t, want, Greedy(p, members, caps), "%d members", n)
		}
	}
}

// TestSerial asks every member for every slot.
func TestSerial(t *testing.T) {
	p, members := pool(70, 512, Base)
	members = members[20:]
	room := p.rooms(members, p.Roof(members, 0))
	for slot, owner := range Serial(p, members, p.Roof(members, 0)) {
		require.Equal(t, p.choose(members, room, slot, math.MaxUint64).who, owner)
		room[owner]--
	}
}

// TestWalks makes all visits of all members.
func TestWalks(t *testing.T) {
	p, members := pool(9, 256, Base, 50, 3*Base)
	owners, times := make([]int32, 256), slices.Repeat([]float64{math.Inf(1)}, 256)
	for _, who := range members {
		seen := make([]bool, 256)
		for rank := range 256 {
			v := p.visit(who, rank)
			require.False(t, seen[v.slot], "a walk is a permutation")
			seen[v.slot] = true
			if time := v.time * Base / float64(p.candidates[who].Weight); time < times[v.slot] {
				owners[v.slot], times[v.slot] = who, time
			}
		}
	}
	assert.Equal(t, owners, Walks(p, members, nil))
}

// TestMinimal removes a member where no cap binds, and doubles the weight of
// another: nothing moves but what the one has and the other gets.
func TestMinimal(t *testing.T) {
	const n = 20
	p, all := pool(n, 1024, Base)
	p = NewPool(append(p.candidates, Candidate{p.candidates[7].ID, 2 * Base}), 1024)
	caps := slices.Repeat([]int{1024}, n)
	d := &DxHash{}
	was, is := d.Place(p, all), d.Place(p, all[1:])
	for name, rule := range rules() {
		before, after := rule(p, all, caps), rule(p, all[1:], caps[1:])
		heavier := slices.Concat(all[:7], all[8:], []int32{n})
		doubled, gained := rule(p, heavier, caps), 0
		for slot, owner := range before {
			if owner != 0 {
				require.Equal(t, owner, after[slot], "%s, slot %d", name, slot)
			}
			if was[slot] != 0 {
				require.Equal(t, was[slot], is[slot], "DxHash, slot %d", slot)
			}
			if doubled[slot] != n {
				require.Equal(t, owner, doubled[slot], "%s, slot %d", name, slot)
			} else if owner != 7 {
				gained++
			}
		}
		if name != "ring" { // it has no weights
			assert.InDelta(t, 1024./21-1024./20+1024./21, gained, 30, name)
		}
	}
}

// TestUncapped wants one table of serial and greedy, that of rendezvous, where
// no cap binds.
func TestUncapped(t *testing.T) {
	p, members := pool(30, 512, Base)
	caps := slices.Repeat([]int{512}, 30)
	assert.Equal(t, Serial(p, members, caps), Greedy(p, members, caps))
}

// TestDxHash lets a member join in the place that another left.
func TestDxHash(t *testing.T) {
	p, all := pool(9, 4096, Base)
	d := &DxHash{}
	before := d.Place(p, all[:8])
	require.Len(t, d.places, 8)
	after := d.Place(p, slices.Concat(all[:3], all[4:]))
	for slot, owner := range before {
		if owner == 3 {
			owner = 8
		}
		require.Equal(t, owner, after[slot])
	}
	d.Place(p, all)
	assert.Len(t, d.places, 16, "it doubled")
}
