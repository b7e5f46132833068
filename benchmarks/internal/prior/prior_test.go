package prior

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func rules() map[string]Rule {
	return map[string]Rule{"serial": Serial, "greedy": Greedy, "ring": Ring, "walks": Walks}
}

func names(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("10.0.%d.%d", i/200, i%200)
	}
	return list
}

// TestCaps wants each slot owned, and no cap exceeded.
func TestCaps(t *testing.T) {
	for name, rule := range rules() {
		for _, n := range []int{1, 2, 7, 60} {
			for _, slack := range []int{0, 20, 250} {
				for _, caps := range [][]int{Roof(512, n, slack), Exact(names(n), 512, slack)} {
					loads := make([]int, n)
					for _, owner := range rule(names(n), 512, caps) {
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
		sum := 0
		for _, c := range Exact(names(n), 512, 20) {
			sum += c
		}
		assert.Equal(t, 523, sum, "ceil(512*1.02) of %d", n)
		assert.GreaterOrEqual(t, n*Roof(512, n, 20)[0], 523)
		assert.Less(t, n*(Roof(512, n, 20)[0]-1), 523)
	}
}

// TestGreedy goes through all pairs in order, as the rule says it.
func TestGreedy(t *testing.T) {
	for _, n := range []int{1, 3, 20, 70} {
		for _, caps := range [][]int{Roof(256, n, 0), Roof(256, n, 50), Exact(names(n), 256, 0)} {
			type pair struct {
				score  uint64
				member int32
				slot   int
			}
			var pairs []pair
			s := newScores(names(n))
			for i := range s {
				for slot := range 256 {
					pairs = append(pairs, pair{s.of(int32(i), slot), int32(i), slot})
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
				if want[p.slot] < 0 && room[p.member] > 0 {
					want[p.slot] = p.member
					room[p.member]--
				}
			}
			assert.Equal(t, want, Greedy(names(n), 256, caps), "%d members", n)
		}
	}
}

// TestMinimal removes a member where no cap binds: nothing else may move.
func TestMinimal(t *testing.T) {
	const n = 20
	all, caps := names(n), slices.Repeat([]int{1024}, n)
	for name, rule := range rules() {
		before, after := rule(all, 1024, caps), rule(all[1:], 1024, caps[1:])
		for slot, owner := range before {
			if owner != 0 {
				require.Equal(t, owner-1, after[slot], "%s, slot %d", name, slot)
			}
		}
	}
}

// TestUncapped wants one table of serial and greedy, that of rendezvous, where
// no cap binds.
func TestUncapped(t *testing.T) {
	caps := slices.Repeat([]int{512}, 30)
	assert.Equal(t, Serial(names(30), 512, caps), Greedy(names(30), 512, caps))
}

// TestPermutation wants every slot once on a walk.
func TestPermutation(t *testing.T) {
	owners := Walks(names(1), 1000, nil)
	assert.Equal(t, slices.Repeat([]int32{0}, 1000), owners)
}
