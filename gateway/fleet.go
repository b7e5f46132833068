package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"

	"github.com/ecmp-go/ecmp/gateway/internal/lab"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
	"github.com/ecmp-go/ecmp/internal/columns"
	"github.com/ecmp-go/ecmp/internal/commandline"
)

// fleetConnections is how many there are unless -connections is given.
const fleetConnections = 40

// checkFleet checks what the command line says of several gateways.
func (o *labOptions) checkFleet(flags *flag.FlagSet) error {
	given := make(map[string]bool)
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for _, name := range []string{"sticky", "loopback", "kill", "soak", "tunnel"} {
		if given[name] {
			return fmt.Errorf("-%s: is not for -gateways", name)
		}
	}
	if !given["connections"] {
		o.Connections = fleetConnections
	}
	if o.Plane == "" {
		o.Plane = planes.All()[0].Name
	}
	switch {
	case o.Kernel():
		return errors.New("-gateways: needs -io one of the gateway's data planes")
	case o.gateways < lab.MinFleet || o.gateways > lab.MaxFleet:
		return fmt.Errorf("-gateways: %d is none of %d to %d", o.gateways, lab.MinFleet, lab.MaxFleet)
	case o.Connections > lab.MaxFleetConnections:
		return fmt.Errorf("-connections: %d is none of 1 to %d", o.Connections, lab.MaxFleetConnections)
	case uint32(o.Seed) == 0:
		return errors.New("-seed: its lower 32 bits are 0, which the kernel takes for no seed")
	}
	return nil
}

// fleetReport is what "gateway lab -gateways" shows.
type fleetReport struct {
	Family      string            `json:"family"`
	Plane       string            `json:"plane"`
	Gateways    int               `json:"gateways"`
	Connections int               `json:"connections"`
	Seed        uint64            `json:"seed"`
	Ways        []lab.FleetResult `json:"ways"`
}

// runFleet plays the events in each way. It fails if a connection broke for
// nothing while pins were shared.
func (o *labOptions) runFleet(ctx context.Context, stdout io.Writer) error {
	r := fleetReport{Family: o.family(), Plane: o.Plane, Gateways: o.gateways, Connections: o.Connections, Seed: o.Seed}
	for _, way := range lab.Ways(o.Plane) {
		result, err := lab.RunFleet(ctx, lab.FleetConfig{
			Plane: o.Plane, IPv6: o.IPv6, Way: way, Gateways: o.gateways, Connections: o.Connections, Seed: o.Seed,
			Program: o.Program, Strategy: o.Strategy, Short: o.short, Log: o.Log,
		})
		if err != nil {
			return err
		}
		r.Ways = append(r.Ways, result)
	}
	print := r.print
	if o.json {
		print = func(w io.Writer) error { return commandline.PrintJSON(w, r) }
	}
	err := print(stdout)
	if r.Ways[0].Way != lab.WithPins {
		return err
	}
	for _, s := range r.Ways[0].Steps {
		if broken := s.Connections.Collateral; broken > 0 {
			err = errors.Join(err, fmt.Errorf("%s: %d connections broke for nothing while pins were shared",
				s.Event, broken))
		}
	}
	return err
}

// print prints one column for each way, and one row for each event.
func (r *fleetReport) print(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "What happens to %d gateways of a cluster, by %s, and to live TCP connections and UDP flows over "+
		"%s\n\n", r.Gateways, r.Plane, r.Family)
	header := []any{"seed " + strconv.FormatUint(r.Seed, 10)}
	events := []string{}
	of := make([]map[string]lab.FleetStep, len(r.Ways))
	for i, way := range r.Ways {
		header = append(header, way.Way)
		of[i] = make(map[string]lab.FleetStep)
		for _, s := range way.Steps {
			if i == 0 {
				events = append(events, s.Event)
			}
			of[i][s.Event] = s
		}
	}
	var t columns.Table
	t.Row(header...)
	for _, event := range events {
		t.Row(event)
		for _, row := range []struct {
			name  string
			fates func(lab.FleetStep) lab.Fates
		}{
			{"  TCP", func(s lab.FleetStep) lab.Fates { return s.Connections }},
			{"  UDP", func(s lab.FleetStep) lab.Fates { return s.Flows }},
		} {
			cells := []any{row.name}
			for i := range r.Ways {
				cell := "-"
				if s, ok := of[i][event]; ok {
					f := row.fates(s)
					cell = fmt.Sprintf("%d / %d / %d", f.Kept, f.Own, f.Collateral)
				}
				cells = append(cells, cell)
			}
			t.Row(cells...)
		}
	}
	b.WriteString(t.String())
	fmt.Fprintln(&b, "\nKept / broken, or moved, with a pod that left / for nothing.\n"+
		"Kernel ECMP is the upstream router's, over the pods: it has no gateway to lose, and no drain.")
	if r.Ways[0].Way != lab.WithPins {
		fmt.Fprintf(&b, "With %s flows are in the kernel: gateways share their members, and no pins.\n", r.Plane)
	}
	_, err := w.Write(b.Bytes())
	return err
}
