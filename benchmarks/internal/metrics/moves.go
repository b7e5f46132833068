package metrics

// Moves says what a change moved, in shares of all hashes.
type Moves struct {
	Moved  float64 // the member changed
	Forced float64 // moved, since the old member left or was drained, or the new one joined

	// Collateral is moved without need: Moved - Forced. Where only weights
	// changed and the hashes are a sample, Moved may come out a little below
	// Forced; Collateral is then 0.
	Collateral float64
}

// Ratio returns the disruption ratio Moved/Forced. 1 is perfect, and the answer
// when both are 0.
func (m Moves) Ratio() float64 {
	if m.Moved == m.Forced {
		return 1
	}
	return m.Moved / m.Forced
}

// Compare returns what moved between two placements of the same hashes. Members
// are told by ID. A hash is forced to move if its old member left, was drained
// or lost weight, or its new member joined or gained weight. Where nothing but
// weights changed, and nobody was drained or came back, Forced is the change of
// due share instead: the least that has to move.
func Compare(before, after Placement) Moves {
	was, is := before.dues(), after.dues()
	now, lost, won := fates(before, after)
	weightsOnly, change := true, 0.0
	kept := 0
	for i, j := range now {
		if j < 0 {
			weightsOnly = weightsOnly && was[i] == 0
			continue
		}
		kept++
		weightsOnly = weightsOnly && (was[i] == 0) == (is[j] == 0)
		change += max(0, is[j]-was[i])
	}
	weightsOnly = weightsOnly && kept == len(after.Members)

	moved, forced := 0, 0
	for i, owner := range before.Owners {
		heir := after.Owners[i]
		if now[owner] == heir {
			continue
		}
		moved++
		if lost[owner] || won[heir] {
			forced++
		}
	}
	n := float64(len(before.Owners))
	m := Moves{Moved: float64(moved) / n, Forced: float64(forced) / n}
	if weightsOnly {
		m.Forced = change
	}
	m.Collateral = max(0, m.Moved-m.Forced)
	return m
}

// fates returns the index after the change of each old member, -1 if it left,
// which old members left or lost weight, and which new ones joined or gained
// weight.
func fates(before, after Placement) (now []int32, lost, won []bool) {
	index := make(map[string]int, len(before.Members))
	for i, m := range before.Members {
		index[m.ID] = i
	}
	now, lost, won = make([]int32, len(before.Members)), make([]bool, len(before.Members)),
		make([]bool, len(after.Members))
	for i := range now {
		now[i], lost[i] = -1, true
	}
	for j, m := range after.Members {
		i, stayed := index[m.ID]
		if !stayed {
			won[j] = true
			continue
		}
		now[i] = int32(j)
		lost[i] = m.Weight < before.Members[i].Weight
		won[j] = m.Weight > before.Members[i].Weight
	}
	return now, lost, won
}
