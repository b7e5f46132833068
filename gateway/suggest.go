package main

// suggestion asks whether the command that is nearest to a name is meant. It is
// empty if none is near.
func suggestion(name string) string {
	const near = 2 // letters
	best, least := "", near+1
	for _, c := range append(commands(), command{name: "help"}) {
		if d := distance(name, c.name); d < least && d < len(c.name) {
			best, least = c.name, d
		}
	}
	if best == "" {
		return ""
	}
	return ": is \"" + best + "\" meant?"
}

// distance returns how many letters have to be added, left out or replaced to
// make one word of another (Levenshtein, 1965).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
