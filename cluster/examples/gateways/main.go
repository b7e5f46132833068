// Gateways runs three gateways in one process, with three NATS servers, and
// plays captured traffic to them: once with pins shared, once without.
//
//	go run ./cluster/examples/gateways
//
// An upstream router spreads the flows over the gateways, and every flow's
// packets come again after each event: members are added, a gateway is lost, so
// that its flows enter at the others, a NATS server stops, a member leaves and
// another one drains, and the router sends every flow to another gateway. A
// flow is broken if its member changes although that is still there. It needs
// no privilege, and ends with a table.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ecmp-go/ecmp/cluster/embedded"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("gateways", flag.ContinueOnError)
	flags.SetOutput(stderr)
	capture := flags.String("capture", "examples/forwarder/testdata/vip.pcap", "the capture to play, a pcap file")
	most := flags.Int("flows", 20000, "play no more flows than these")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := play(ctx, *capture, *most, stdout); err != nil {
		_, _ = fmt.Fprintln(stderr, "gateways:", err)
		return 1
	}
	return 0
}

func play(ctx context.Context, capture string, most int, out io.Writer) error {
	flows, err := readFlows(capture, most)
	if err != nil {
		return err
	}
	if _, err = fmt.Fprintf(out, "%d flows of %s\n", len(flows), capture); err != nil {
		return err
	}
	var results [2][]result
	for i, shared := range []bool{true, false} {
		name := map[bool]string{true: "pins shared", false: "nothing shared"}[shared]
		results[i], err = scenario(ctx, flows, shared, func(r result) {
			_, _ = fmt.Fprintf(out, "  %s: %s: %d broken, %d moved as their member left, %v\n",
				name, r.event, r.broken, r.forced, r.took.Round(time.Millisecond)) // the table comes to the same place
		})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	var text strings.Builder
	_, _ = text.WriteString("\nevent\tversion\tgateways agree\t" +
		"broken, pins shared\tbroken, nothing shared\tmember left\n") // never fails
	for i, r := range results[0] {
		_, _ = fmt.Fprintf(&text, "%s\t%d\t%v\t%d\t%d\t%d\n",
			r.event, r.version, r.agree, r.broken, results[1][i].broken, r.forced)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if _, err = io.WriteString(table, text.String()); err != nil {
		return err
	}
	return table.Flush()
}

// scenario plays the flows to three gateways, between the events.
func scenario(ctx context.Context, flows []flow, shared bool, progress func(result)) (list []result, err error) {
	dir, err := os.MkdirTemp("", "ecmp-gateways-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	servers, err := embedded.StartThree(dir, nil)
	if err != nil {
		return nil, err
	}
	defer servers.Stop()
	l := &lab{flows: flows, members: make([]string, len(flows)), servers: servers, shared: shared}
	defer l.stop()
	for i := range 3 {
		if err := l.start(ctx, fmt.Sprintf("g%d", i+1)); err != nil {
			return nil, err
		}
	}
	for _, e := range events {
		began := time.Now()
		if err := e.do(ctx, l); err != nil {
			return list, fmt.Errorf("%s: %w", e.name, err)
		}
		r, err := l.pass(ctx)
		if err != nil {
			return list, fmt.Errorf("%s: %w", e.name, err)
		}
		r.event, r.took = e.name, time.Since(began)
		progress(r)
		list = append(list, r)
	}
	return list, nil
}
