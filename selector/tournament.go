package selector

// A tournament finds the best of n contenders after each change of one, in
// O(log n) time. Of equals, the first is best.
type tournament struct {
	better func(a, b int32) bool
	winner []int32 // of match i, which the winners of matches 2i and 2i+1 play; -1 for nobody
}

// newTournament plays among those of n contenders that take part.
func newTournament(n int, takesPart func(int) bool, better func(a, b int32) bool) *tournament {
	t := &tournament{better, make([]int32, 2*n)}
	for i := range n {
		t.winner[n+i] = -1
		if takesPart(i) {
			t.winner[n+i] = int32(i)
		}
	}
	for match := n - 1; match > 0; match-- {
		t.play(match)
	}
	return t
}

func (t *tournament) play(match int) {
	a, b := t.winner[2*match], t.winner[2*match+1]
	if a < 0 || b >= 0 && (t.better(b, a) || !t.better(a, b) && b < a) {
		a = b
	}
	t.winner[match] = a
}

// best returns the best contender, -1 if there is none.
func (t *tournament) best() int32 { return t.winner[1] }

// update plays the matches of contender i again.
func (t *tournament) update(i int32) {
	for match := (len(t.winner)/2 + int(i)) / 2; match > 0; match /= 2 {
		t.play(match)
	}
}
