package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/internal/columns"
)

func (r *scenarioReport) print(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "A capture of real traffic, %d packets in %v, plays to %s and %s:\n"+
		"%d flows over pod1, pod2 and pod3, whose group then changes.\n\n",
		r.facts.packets, r.facts.last.Sub(r.facts.first).Round(time.Second), vip4, vip6, r.flows)
	fmt.Fprintf(&b, "What a change does to established flows: "+
		"normal hash (mod N) beside sticky flows (%s and a flow table)\n\n", catalog.Default)
	var t columns.Table
	t.Row("", "", "moved:", "", "broken:", "")
	t.Row("change", "flows", "normal", "sticky", "normal", "sticky")
	for _, s := range r.Stickiness {
		t.Row(s.Event, s.Flows, share(s.MovedNormal, s.Flows), share(s.MovedSticky, s.Flows),
			share(s.BrokenNormal, s.Flows), share(s.BrokenSticky, s.Flows))
	}
	b.WriteString(t.String())
	fmt.Fprintln(&b, "\nA flow that moves breaks: the pod it comes to does not know it. "+
		"Sticky flows move only off a pod that is removed.")
	for _, d := range r.drains {
		fmt.Fprintf(&b, "Drained, %s keeps its flows and got %d of the %d new ones.\n", d.pod, d.opened, d.new)
	}

	fmt.Fprint(&b, "\nWhat the same changes move under each strategy without stickiness, "+
		"of 65,536 hashes (maglev: 65,537)\n\n")
	t = columns.Table{}
	events := r.events()
	header, second := []any{""}, []any{"strategy"}
	for _, e := range events {
		words := strings.Fields(e) // the verb and the pod are enough here
		header = append(header, "", "", strings.Join(words[:2], " "))
		second = append(second, "moved", "forced", "collateral")
	}
	t.Row(append(header, "")...)
	t.Row(append(second, "peak-to-mean")...)
	for rows := range slices.Chunk(r.Strategies, len(events)) {
		cells, peak := []any{rows[0].Strategy}, 0.0
		for _, s := range rows {
			cells = append(cells, s.Moved, s.Forced, s.Collateral)
			peak = max(peak, s.PeakToMean)
		}
		t.Row(append(cells, fmt.Sprintf("%.3f", peak))...)
	}
	b.WriteString(t.String())
	fmt.Fprintln(&b, "\nForced: the old member left or was drained, or the new one joined. "+
		"Collateral: moved for nothing.")
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
	var t columns.Table
	t.Row("member", "address", "weight", "frames", "flows", "bytes")
	for _, m := range r.Members {
		t.Row(m.ID, m.Address, m.Weight, m.Frames, m.Flows, m.Bytes)
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Dropped)) {
		t.Row("dropped: "+reason, "", "", r.Dropped[reason], "", "")
	}
	t.Row("in all", "", "", r.Frames, "", "")
	b.WriteString(t.String())
	for _, link := range slices.Sorted(maps.Keys(r.Skipped)) {
		fmt.Fprintf(&b, "\n%d packets of link type %s were skipped: it is not served\n", r.Skipped[link], link)
	}
	if r.Strays > 0 {
		const text = "\n%d fragments went by their addresses: the first one of their datagram did not come in time\n"
		fmt.Fprintf(&b, text, r.Strays)
	}
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
