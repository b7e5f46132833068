package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/lab"
)

// labReport is what "forwarder lab" shows.
type labReport struct {
	Family      string       `json:"family"`
	Connections int          `json:"connections"` // and as many UDP flows
	Seed        uint64       `json:"seed"`
	Strategy    string       `json:"strategy"` // of the forwarder
	Sticky      bool         `json:"sticky"`
	Planes      []lab.Result `json:"planes"`
}

// print prints one column for each data plane.
func (r *labReport) print(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "What changes of the group do to %d TCP connections and %d UDP flows over %s\n\n", r.Connections, r.Connections, r.Family)
	header, longest := []any{""}, r.Planes[0]
	for _, p := range r.Planes {
		header = append(header, p.Plane)
		if len(p.Steps) > len(longest.Steps) {
			longest = p
		}
	}
	var t table
	t.row(header...)
	for i, s := range longest.Steps {
		r.printStep(&t, i, s)
	}
	b.WriteString(t.String())
	fmt.Fprintf(&b, "\nConnections break by a reset: the pod that they move to does not know them. It came %v after the packet at the latest.\n", r.waited().Round(time.Millisecond))
	for _, p := range r.Planes {
		if p.Pause > 0 {
			fmt.Fprintf(&b, "The restart of %s took %v.\n", p.Plane, p.Pause.Round(time.Millisecond))
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// printStep adds the rows of a step, which the kernel's planes may lack.
func (r *labReport) printStep(t *table, i int, s lab.Step) {
	row := func(name string, value func(lab.Step) int) {
		cells := []any{"  " + name}
		for _, p := range r.Planes {
			if i < len(p.Steps) {
				cells = append(cells, value(p.Steps[i]))
			} else {
				cells = append(cells, "-")
			}
		}
		t.row(cells...)
	}
	removal := strings.HasPrefix(s.Event, "remove")
	t.row(s.Event)
	row("connections kept", func(s lab.Step) int { return s.Connections.Kept })
	if removal {
		row("  broken with the pod", func(s lab.Step) int { return s.Connections.Own })
	}
	row("  broken for nothing", func(s lab.Step) int { return s.Connections.Collateral })
	row("  broken without a reset", func(s lab.Step) int { return s.Connections.TimedOut })
	row("UDP flows kept", func(s lab.Step) int { return s.Flows.Kept })
	if removal {
		row("  moved off the pod", func(s lab.Step) int { return s.Flows.Own })
	}
	row("  moved for nothing", func(s lab.Step) int { return s.Flows.Collateral })
	row(fmt.Sprintf("new connections to %s, due %.0f", strings.Join(s.New.Pods, " and "), s.New.Due),
		func(s lab.Step) int { return s.New.Connections })
}

// waited returns the longest time from a packet to its reset.
func (r *labReport) waited() (longest time.Duration) {
	for _, p := range r.Planes {
		for _, s := range p.Steps {
			longest = max(longest, s.Connections.Waited)
		}
	}
	return longest
}
