package metrics

import "math"

// Moves says what a change moved, in shares of all hashes. Its terms are those
// of [selector.Diff].
type Moves struct {
	Moved      float64 // the member changed
	Forced     float64 // moved, since a member left, joined, was drained, or gained weight on the old one
	Collateral float64 // moved without need: Moved - Forced
	Due        float64 // the least that any placement must move: what members are due less than before
}

// Ratio returns the disruption ratio Moved/Forced. 1 is perfect, and the answer
// when both are 0.
func (m Moves) Ratio() float64 { return over(m.Moved, m.Forced) }

// OverDue returns Moved/Due, beside which strategies can be compared whatever
// was forced. Where hashes are a sample, it may come out a little below 1, and
// it does where shares are not what members are due.
func (m Moves) OverDue() float64 { return over(m.Moved, m.Due) }

func over(moved, must float64) float64 {
	if moved == must {
		return 1
	}
	return moved / must
}

// Compare returns what moved between two placements of the same hashes. Members
// are told by ID.
func Compare(before, after Placement) Moves {
	now, was := match(before, after)
	moved, forced := 0, 0
	for i, a := range before.Owners {
		b := after.Owners[i]
		if now[a] == b {
			continue
		}
		moved++
		if now[a] < 0 || was[b] < 0 || gained(before, after, now[a], a, b, was[b]) {
			forced++
		}
	}
	n := float64(len(before.Owners))
	m := Moves{Moved: float64(moved) / n, Forced: float64(forced) / n}
	m.Collateral = float64(moved-forced) / n
	is := after.dues()
	for a, due := range before.dues() {
		if b := now[a]; b >= 0 {
			due -= is[b]
		}
		m.Due += max(0, due)
	}
	m.Due = math.Min(m.Due, 1)
	return m
}

// gained reports whether the weight of the member that got a hash grew beside
// that of the one that lost it.
func gained(before, after Placement, nowA, a, b, wasB int32) bool {
	return uint64(after.Members[b].Weight)*uint64(before.Members[a].Weight) >
		uint64(before.Members[wasB].Weight)*uint64(after.Members[nowA].Weight)
}

// match returns the index after the change of each old member, -1 if it left,
// and the index before it of each new one, -1 if it joined.
func match(before, after Placement) (now, was []int32) {
	now, was = make([]int32, len(before.Members)), make([]int32, len(after.Members))
	index := make(map[string]int32, len(before.Members))
	for i, m := range before.Members {
		index[m.ID], now[i] = int32(i), -1
	}
	for j, m := range after.Members {
		was[j] = -1
		if i, stayed := index[m.ID]; stayed {
			was[j], now[i] = i, int32(j)
		}
	}
	return now, was
}
