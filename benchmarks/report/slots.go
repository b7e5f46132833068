package main

import (
	"fmt"
	"math"
	"strconv"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

// slotsRule says how many slots a member are enough, of the groups that were
// measured, small ones and all: the least number from which on none is worse.
func slotsRule(r *results.Run) (string, error) {
	type group struct {
		n           int
		perMember   float64
		least, move results.Figure
	}
	var groups []group
	for _, c := range r.Of("Slack/strategy=bounded") {
		slack, weights := results.Value(c.Name, "slack"), results.Value(c.Name, "weights")
		slots, err := strconv.ParseFloat(results.Value(c.Name, "slots"), 64)
		n, err2 := strconv.ParseFloat(results.Value(c.Name, "n"), 64)
		if err != nil || err2 != nil || slack != "50" || weights != "equal" || n < 10 ||
			results.Value(c.Name, "sets") != "" {
			continue
		}
		name := fmt.Sprintf("Slack/strategy=bounded/slots=%.0f/slack=50/n=%.0f/event=remove", slots, n)
		move, err := r.Figure(name, "disruption-ratio")
		if err != nil {
			return "", err
		}
		groups = append(groups, group{int(n), slots / n, c.Figures["low-to-mean"], move})
	}
	// enough returns the fewest slots a member from which on no group of so many
	// members at most has a lesser share or moves more.
	enough := func(most int, least, move float64) float64 {
		worst, fewest := 0., math.Inf(1)
		for _, g := range groups {
			if g.n <= most && (g.least.Value-g.least.Interval < least || g.move.Value+g.move.Interval > move) {
				worst = max(worst, g.perMember)
			}
		}
		for _, g := range groups {
			if g.n <= most && g.perMember > worst {
				fewest = min(fewest, g.perMember)
			}
		}
		return fewest
	}
	const small, all = 64, math.MaxInt
	return fmt.Sprintf("Of the groups measured, the least share is .85 of its due or more, and a member that leaves"+
		" moves at most 1.15 times what is forced, from %.0f slots a member on among 10 to %d members, and from "+
		"%.0f among"+
		" more; .9 and 1.05 from %.0f and %.0f; .94 and 1.01 from %.0f and %.0f.",
		enough(small, .85, 1.15), small, enough(all, .85, 1.15), enough(small, .9, 1.05), enough(all, .9, 1.05),
		enough(small, .94, 1.01), enough(all, .94, 1.01)), nil
}
