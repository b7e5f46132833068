package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

func (r *scenarioReport) print(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "A capture of real traffic, %d packets in %v, plays to %s and %s:\n%d flows over pod1, pod2 and pod3, whose group then changes.\n\n",
		r.facts.packets, r.facts.last.Sub(r.facts.first).Round(time.Second), vip4, vip6, r.flows)
	fmt.Fprintf(&b, "What a change does to established flows: normal hash (mod N) beside sticky flows (%s and a flow table)\n\n", stickyStrategy.Name)
	var t table
	t.row("", "", "moved:", "", "broken:", "")
	t.row("change", "flows", "normal", "sticky", "normal", "sticky")
	for _, s := range r.Stickiness {
		t.row(s.Event, s.Flows, share(s.MovedNormal, s.Flows), share(s.MovedSticky, s.Flows),
			share(s.BrokenNormal, s.Flows), share(s.BrokenSticky, s.Flows))
	}
	b.WriteString(t.String())
	fmt.Fprintln(&b, "\nA flow that moves breaks: the pod it comes to does not know it. Sticky flows move only off a pod that is removed.")
	for _, d := range r.drains {
		fmt.Fprintf(&b, "Drained, %s keeps its flows and got %d of the %d new ones.\n", d.pod, d.opened, d.new)
	}

	fmt.Fprint(&b, "\nWhat the same changes move under each strategy without stickiness, of 65,536 hashes (maglev: 65,537)\n\n")
	t = table{}
	events := r.events()
	header, second := []any{""}, []any{"strategy"}
	for _, e := range events {
		words := strings.Fields(e) // the verb and the pod are enough here
		header = append(header, "", "", strings.Join(words[:2], " "))
		second = append(second, "moved", "forced", "collateral")
	}
	t.row(append(header, "")...)
	t.row(append(second, "peak-to-mean")...)
	for rows := range slices.Chunk(r.Strategies, len(events)) {
		cells, peak := []any{rows[0].Strategy}, 0.0
		for _, s := range rows {
			cells = append(cells, s.Moved, s.Forced, s.Collateral)
			peak = max(peak, s.PeakToMean)
		}
		t.row(append(cells, fmt.Sprintf("%.3f", peak))...)
	}
	b.WriteString(t.String())
	fmt.Fprintln(&b, "\nForced: the old member left or was drained, or the new one joined. Collateral: moved for nothing.")
	_, err := w.Write(b.Bytes())
	return err
}

// events returns the changes that the strategies went through, in order.
func (r *scenarioReport) events() (events []string) {
	for _, s := range r.Strategies {
		if s.Strategy == r.Strategies[0].Strategy {
			events = append(events, s.Event)
		}
	}
	return events
}

func (r *replayReport) print(w io.Writer) error {
	var b bytes.Buffer
	var t table
	t.row("member", "address", "weight", "frames", "flows", "bytes")
	for _, m := range r.Members {
		t.row(m.ID, m.Address, m.Weight, m.Frames, m.Flows, m.Bytes)
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Dropped)) {
		t.row("dropped: "+reason, "", "", r.Dropped[reason], "", "")
	}
	t.row("in all", "", "", r.Frames, "", "")
	b.WriteString(t.String())
	_, err := w.Write(b.Bytes())
	return err
}

// share formats a count with its part of all.
func share(n, all int) string {
	if all == 0 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d (%d %%)", n, (n*100+all/2)/all)
}

// A table aligns its first column left and the others right.
type table struct {
	rows   [][]string
	widths []int
}

func (t *table) row(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = fmt.Sprint(c)
		if i == len(t.widths) {
			t.widths = append(t.widths, 0)
		}
		t.widths[i] = max(t.widths[i], utf8.RuneCountInString(row[i]))
	}
	t.rows = append(t.rows, row)
}

func (t *table) String() string {
	var b strings.Builder
	for _, row := range t.rows {
		cells := []string{fmt.Sprintf("%-*s", t.widths[0], row[0])}
		for i, cell := range row[1:] {
			cells = append(cells, fmt.Sprintf("%*s", t.widths[i+1], cell))
		}
		b.WriteString(strings.TrimRight(strings.Join(cells, "  "), " ") + "\n")
	}
	return b.String()
}
