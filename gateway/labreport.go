package main

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/lab"
	"github.com/ecmp-go/ecmp/internal/columns"
)

// labReport is what "gateway lab" shows.
type labReport struct {
	Family      string       `json:"family"`
	Connections int          `json:"connections"` // and as many UDP flows
	Seed        uint64       `json:"seed"`
	Strategy    string       `json:"strategy"` // of the gateway
	Sticky      bool         `json:"sticky"`
	Tunnel      string       `json:"tunnel,omitempty"` // the version of its outer header
	Planes      []lab.Result `json:"planes"`
}

// print prints one column for each data plane.
func (r *labReport) print(w io.Writer) error {
	var b bytes.Buffer
	family := r.Family
	if r.Tunnel != "" {
		family += ", in tunnels of " + r.Tunnel
	}
	fmt.Fprintf(&b, "What changes of the group do to %d TCP connections and %d UDP flows over %s\n\n",
		r.Connections, r.Connections, family)
	header, longest := []any{""}, r.Planes[0]
	for _, p := range r.Planes {
		header = append(header, p.Plane)
		if len(p.Steps) > len(longest.Steps) {
			longest = p
		}
	}
	var t columns.Table
	t.Row(header...)
	for i, s := range longest.Steps {
		r.printStep(&t, i, s)
	}
	b.WriteString(t.String())
	fmt.Fprintln(&b, "\nBroken, or moved: with the pod that left the group / for nothing. "+
		"A connection that moves breaks: the other pod does not know it.\n"+
		"The kernel's groups know no drain: there it is a removal, and the pod leaves.")
	reset, timedOut, waited := r.endings()
	fmt.Fprintf(&b, "%d connections ended by a reset, within %v of their next packet, and %d by silence.\n", reset,
		waited.Round(time.Millisecond), timedOut)
	for _, p := range r.Planes {
		if p.Pause > 0 {
			fmt.Fprintf(&b, "The restart of %s took %v.\n", p.Plane, p.Pause.Round(time.Millisecond))
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// printStep adds the rows of a step, which the kernel's planes may lack.
func (r *labReport) printStep(t *columns.Table, i int, s lab.Step) {
	row := func(name string, value func(lab.Step) string) {
		cells := []any{"  " + name}
		for _, p := range r.Planes {
			cell := "-"
			if i < len(p.Steps) {
				cell = value(p.Steps[i])
			}
			cells = append(cells, cell)
		}
		t.Row(cells...)
	}
	t.Row(s.Event)
	row("connections kept", func(s lab.Step) string { return strconv.Itoa(s.Connections.Kept) })
	row("connections broken", func(s lab.Step) string {
		return fmt.Sprintf("%d / %d", s.Connections.Own,
			s.Connections.Collateral)
	})
	row("UDP flows moved", func(s lab.Step) string { return fmt.Sprintf("%d / %d", s.Flows.Own, s.Flows.Collateral) })
	row(fmt.Sprintf("new connections to %s, due %.0f", strings.Join(s.New.Pods, " and "), s.New.Due),
		func(s lab.Step) string { return strconv.Itoa(s.New.Connections) })
}

// endings returns how the connections that broke ended, and the longest time
// from a packet to its reset.
func (r *labReport) endings() (reset, timedOut int, waited time.Duration) {
	for _, p := range r.Planes {
		for _, s := range p.Steps {
			reset, timedOut = reset+s.Connections.Reset, timedOut+s.Connections.TimedOut
			waited = max(waited, s.Connections.Waited)
		}
	}
	return reset, timedOut, waited
}
