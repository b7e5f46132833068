package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
)

// least is where nothing is drawn on a logarithmic axis of percent.
const least = .02

// inVain is the axis of what moves without need.
func inVain() scale {
	return scale{label: "moved without need, % of what must move (logarithmic; lowest: none)", low: least / 5,
		high: 20_000}
}

// remapBalance places every strategy between what it moves and how even it is.
func remapBalance(r *results.Run, _ looks) (string, error) {
	x := scale{label: "deviation of shares, % (logarithmic; left edge: none seen)", low: .01, high: 100}
	return traded(r, "Disruption against balance, 100 members", x, func(strategy string) (results.Figure, error) {
		f, err := r.Figure("Balance/strategy="+strategy+"/n=100/weights=equal", "rms-error")
		f.Value, f.Interval = 100*f.Value, 100*f.Interval
		return f, err
	})
}

// remapCost places every strategy between what it moves and how long a look-up
// takes.
func remapCost(r *results.Run, _ looks) (string, error) {
	x := scale{label: "time of a look-up, one by one, ns (logarithmic)", low: 1, high: 1000}
	return traded(r, "Disruption against the cost of a look-up, 100 members", x,
		func(strategy string) (results.Figure, error) {
			f, err := r.Figure("Select/strategy="+strategy+"/n=100/impl=ecmp/form=one", results.Time)
			if err != nil {
				f, err = r.Figure("Select/strategy="+strategy+"/n=100/impl=own/form=one", results.Time)
			}
			return f, err
		})
}

// traded draws what strategies move in a thousand random changes against
// another figure of theirs.
func traded(r *results.Run, title string, x scale, other func(strategy string) (results.Figure, error)) (string,
	error,
) {
	var spots []spot
	var named [][]string
	for _, c := range r.Of("Remap") {
		if results.Value(c.Name, "event") != "churn" || results.Value(c.Name, "n") != "100" {
			continue
		}
		strategy := results.Value(c.Name, "strategy")
		f, err := other(strategy)
		if err != nil {
			continue // the run has no such suite
		}
		if f.Value < max(f.Interval, x.low) { // it may be none
			f.Value, f.Interval = x.low, max(0, f.Value+f.Interval-x.low)
		}
		moved := c.Figures["disruption-ratio"]
		moved.Value, moved.Interval = max(least, 100*(moved.Value-1)), 100*moved.Interval
		// Names of spots that lie on each other stand together.
		near := slices.IndexFunc(spots, func(s spot) bool {
			return within(s.x.Value, f.Value, 1.15) && within(s.y.Value, moved.Value, 1.3)
		})
		if near < 0 {
			near, spots, named = len(spots), append(spots, spot{x: f, y: moved}), append(named, nil)
		}
		named[near] = append(named[near], strategy)
	}
	if len(spots) == 0 {
		return "", nil
	}
	for i := range spots {
		spots[i].name, spots[i].group = wrap(named[i]), groupOf(named[i])
	}
	return scatter(title, x, inVain(), spots, []group{ours(), {"ecmp and others", 2}, others(), {"yours", 3}})
}

// slackTrade draws what slack buys: less moves, and the greatest share is
// greater.
func slackTrade(r *results.Run, _ looks) (string, error) {
	var spots []spot
	for _, c := range r.Of("Slack") {
		name, equal := strings.CutSuffix(c.Name, "/n=100/weights=equal")
		slack := results.Value(c.Name, "slack")
		if !equal || slack == "" && !strings.Contains(name, "maglev") {
			continue
		}
		moved, err := r.Figure(name+"/n=100/event=remove", "disruption-ratio")
		if err != nil {
			continue
		}
		label, of := "Maglev", 1
		switch slots, _ := strconv.Atoi(results.Value(c.Name, "slots")); {
		case slots < 1<<16:
			continue // far above
		case slots > 1<<17 && slack == "":
			label = fmt.Sprintf("Maglev %d", slots)
		case slots > 1<<17:
			slack, label, of = "large", fmt.Sprintf("%d slots", slots), 0
		}
		switch slack {
		case "", "large":
		case "0":
			label, of = "no slack", 0
		case "unlimited":
			label, of = "unlimited", 0
		default:
			label, of = fmt.Sprintf("slack .%03s", slack), 0
		}
		if strings.HasPrefix(label, "slack") {
			label = strings.TrimRight(label, "0")
		}
		spots = append(spots, spot{label, of, c.Figures["peak-to-mean"], moved})
	}
	if len(spots) == 0 {
		return "", nil
	}
	return scatter("What slack costs and buys, 100 members",
		scale{label: "greatest share over the mean", low: .99, high: 1.1, linear: true},
		scale{label: "moved over what must move, as one leaves", low: .95, high: 1.8, linear: true},
		spots, []group{{"Bounded", ours().colour}, {"Maglev", others().colour}})
}

func within(a, b, factor float64) bool { return a/b < factor && b/a < factor }

// groupOf says whether spots are of ours, of others', or of both.
func groupOf(names []string) int {
	ours, theirs := false, false
	for _, s := range subject.Own() {
		if slices.Contains(names, s.Name) {
			return 3
		}
	}
	for _, s := range subject.Placements() {
		if slices.Contains(names, s.Name) {
			ours, theirs = ours || !s.Peer, theirs || s.Peer
		}
	}
	switch {
	case ours && theirs:
		return 1
	case theirs:
		return 2
	}
	return 0
}

// wrap writes names in lines of two.
func wrap(names []string) string {
	var lines []string
	for line := range slices.Chunk(names, 2) {
		lines = append(lines, strings.Join(line, ", "))
	}
	return strings.Join(lines, ",\n")
}
