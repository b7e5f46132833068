package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/scenario"
	"github.com/ecmp-go/ecmp/benchmarks/internal/sections"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/benchmarks/internal/suite"
)

// A Table is one of the page.
type Table struct {
	Title, Caption string
	Suites         []string
	Head           []string
	Rows           [][]string // the first cell names the row
}

// none stands where a strategy cannot do it, or nobody measured it.
const none = "–"

func tables(r *results.Run) (list []Table) {
	for _, n := range suite.Full().Members {
		list = append(list, remapTable(r, n, "moved-over-due", "Moved over what must move"),
			remapTable(r, n, "disruption-ratio", "Moved over forced"), balanceTable(r, n))
	}
	for _, e := range scenario.Events(0) {
		list = append(list, scenarioTable(r, e))
	}
	list = append(list, slackTable(r), sharesTable(r), pinsTable(r), fasterTable(r), ratioTable(r),
		promiseTable(r))
	return slices.DeleteFunc(list, func(t Table) bool { return len(t.Rows) == 0 })
}

// caption returns what is said of a table.
func caption(table string) string { return sections.Parse(captions)["table of "+table][0] }

func remapTable(r *results.Run, n int, unit, title string) Table {
	events := []string{"add", "remove", "remove-first", "remove-last", "remove10pct", "replace", "drain", "weight",
		"restart", "churn"}
	t := Table{
		Title:   fmt.Sprintf("%s, %d members", title, n),
		Caption: caption("remap, " + unit),
		Suites:  []string{"Remap"}, Head: append([]string{"strategy"}, events...),
	}
	for _, s := range withExtras(r, subject.Placements()) {
		row := []string{rowName(s)}
		for _, e := range events {
			row = append(row, cell(r, fmt.Sprintf("Remap/strategy=%s/n=%d/event=%s", s.Name, n, e), unit, ratioOf))
		}
		t.add(row)
	}
	return t
}

func balanceTable(r *results.Run, n int) Table {
	t := Table{
		Title:   fmt.Sprintf("Balance, %d members", n),
		Caption: caption("balance"),
		Suites:  []string{"Balance"},
		Head: []string{"strategy", "peak", "least", "deviation, %", "noise, %", "χ²/dof", "1:2:3:10 peak", "least",
			"deviation, %", "Zipf peak", "Zipf deviation, %"},
	}
	columns := []struct {
		weights, unit string
		write         writer
	}{
		{"equal", "peak-to-mean", ratioOf}, {"equal", "low-to-mean", ratioOf}, {"equal", "rms-error", percentOf},
		{"equal", "noise", percentOf}, {"equal", "chi-square", ratioOf}, {"1:2:3:10", "peak-to-mean", ratioOf},
		{"1:2:3:10", "low-to-mean", ratioOf}, {"1:2:3:10", "rms-error", percentOf},
		{"equal", "zipf-peak-to-mean", ratioOf}, {"equal", "zipf-rms-error", percentOf},
	}
	for _, s := range withExtras(r, subject.Placements()) {
		row := []string{rowName(s)}
		for _, c := range columns {
			name := fmt.Sprintf("Balance/strategy=%s/n=%d/weights=%s", s.Name, n, c.weights)
			row = append(row, cell(r, name, c.unit, c.write))
		}
		t.add(row)
	}
	return t
}

func scenarioTable(r *results.Run, event scenario.Event) Table {
	t := Table{
		Title:   "Connections broken, " + event.Name + ", %",
		Caption: caption("broken connections"),
		Suites:  []string{"Scenario"}, Head: []string{"strategy"},
	}
	for _, p := range scenario.Policies() {
		if !p.Share || event.Roam > 0 {
			t.Head = append(t.Head, p.Name)
		}
	}
	for _, s := range withExtras(r, subject.Strategies()) {
		row := []string{rowName(s)}
		for _, p := range t.Head[1:] {
			name := fmt.Sprintf("Scenario/event=%s/policy=%s/strategy=%s", event.Name, p, s.Name)
			text := cell(r, name, "broken-share", percentOf)
			if lost := cell(r, name, "lost-share", percentOf); lost != "0" && lost != none {
				text += " (" + lost + ")"
			}
			row = append(row, text)
		}
		t.add(row)
	}
	return t
}

func slackTable(r *results.Run) Table {
	t := Table{
		Title:   "Balance and disruption by slack",
		Caption: caption("slack"),
		Suites:  []string{"Slack"},
		Head:    append([]string{"case", "draws", "peak", "least", "deviation"}, slackEvents()...),
	}
	rows := map[string][]string{}
	var order []string
	for _, c := range r.Of("Slack") {
		name, _, _ := strings.Cut(c.Name, "/event=")
		name = strings.TrimSuffix(name, "/weights=equal")
		if rows[name] == nil {
			order = append(order, name)
			rows[name] = slices.Repeat([]string{none}, len(t.Head))
			rows[name][0] = strings.TrimPrefix(name, "Slack/")
		}
		for unit, column := range map[string]int{"peak-to-mean": 2, "low-to-mean": 3, "rms-error": 4} {
			if f, ok := c.Figures[unit]; ok {
				rows[name][1], rows[name][column] = fmt.Sprint(f.Draws), ratioOf(f)
			}
		}
		if f, ok := c.Figures["disruption-ratio"]; ok {
			rows[name][1] = fmt.Sprint(f.Draws)
			rows[name][5+slices.Index(slackEvents(), results.Value(c.Name, "event"))] = ratioOf(f)
		}
	}
	for _, name := range order {
		t.add(rows[name])
	}
	return t
}

func slackEvents() []string { return []string{"remove", "add", "replace", "remove10pct", "add10pct"} }

func sharesTable(r *results.Run) Table {
	t := Table{
		Title:   "Shares beside weights 1:2:3:10",
		Caption: caption("shares"),
		Suites:  []string{"Shares"}, Head: []string{"strategy", "hashes", "of 8 members", "of 100"},
	}
	for _, s := range withExtras(r, subject.Placements()) {
		name := "Shares/strategy=" + s.Name + "/n=%d/weights=1:2:3:10"
		hashes := cell(r, fmt.Sprintf(name, 8), "hashes", plainly(figure))
		if hashes == "0" {
			hashes = "its slots"
		}
		row := []string{rowName(s), hashes}
		for _, n := range []int{8, 100} {
			row = append(row, cell(r, fmt.Sprintf(name, n), "rms-error", percentOf))
		}
		t.add(row)
	}
	return t
}

func pinsTable(r *results.Run) Table {
	units := []string{"inserted", "refused", "evicted", "relocated", "admitted", "kept", "handshakes", "pins"}
	t := Table{
		Title:   "Pins",
		Caption: caption("pins"),
		Suites:  []string{"Pins"}, Head: append([]string{"case"}, units...),
	}
	for _, c := range r.Of("Pins") {
		row := []string{strings.TrimPrefix(c.Name, "Pins/")}
		for _, unit := range units {
			row = append(row, cell(r, c.Name, unit, plainly(plain)))
		}
		t.add(row)
	}
	return t
}

func plain(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func ratioTable(r *results.Run) Table {
	return Table{
		Title:   "How many times as long others take",
		Caption: caption("ratios"),
		Head:    ratioHead(),
		Rows:    ratioRows(r, r.Ratios()),
	}
}

func fasterTable(r *results.Run) Table {
	return Table{
		Title:   "Where others are faster",
		Caption: caption("others that are faster"),
		Head:    ratioHead(),
		Rows:    ratioRows(r, r.Faster()),
	}
}

func ratioHead() []string {
	return []string{"work", "ours", "ns", "other", "ns", "ratio", "in other runs", "of processor time"}
}

func ratioRows(r *results.Run, ratios []results.Ratio) (rows [][]string) {
	for _, x := range ratios {
		other := strings.TrimSuffix(results.Value(x.Theirs, "impl")+" "+results.Value(x.Theirs, "form"), " one")
		other = strings.TrimSpace(other)
		processor := none
		if x.OurProcessor > 0 && x.TheirProcessor > 0 {
			processor = fmt.Sprintf("%.2f", x.TheirProcessor/x.OurProcessor)
		}
		again := none
		if len(x.Again) > 0 {
			var values []string
			for _, v := range x.Again {
				values = append(values, fmt.Sprintf("%.2f", v))
			}
			again = strings.Join(values, ", ")
		}
		rows = append(rows, []string{
			results.Pair(x.Ours), strings.TrimSpace("ecmp " + results.Value(x.Ours, "form")), figure(x.OurTime),
			other, figure(x.TheirTime), untold(r, x) + fmt.Sprintf("%.2f", x.Value()), again, processor,
		})
	}
	return rows
}

// untold returns the mark of a ratio that another run may reverse.
func untold(r *results.Run, x results.Ratio) string {
	if r.Told(x) {
		return ""
	}
	return "~"
}

// rowName is what a strategy is called, one of the reader's own as theirs.
func rowName(s subject.Strategy) string {
	if s.Own {
		return s.Name + " (yours)"
	}
	return s.Name
}

// add adds a row that says something.
func (t *Table) add(row []string) {
	if slices.ContainsFunc(row[1:], func(c string) bool { return c != none }) {
		t.Rows = append(t.Rows, row)
	}
}

// cell writes a figure of a case.
func cell(r *results.Run, name, unit string, write writer) string {
	f, err := r.Figure(name, unit)
	if err != nil {
		return none
	}
	return write(f)
}

// ratio writes what 1 is special to.
func ratio(v float64) string {
	if v < 9.9995 {
		return fmt.Sprintf("%.3f", v)
	}
	return figure(v)
}
