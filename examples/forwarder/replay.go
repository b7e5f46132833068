package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/internal/capture"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/commandline"
)

// tableFlows is how many flows the flow table is for: 11 MB.
const tableFlows = 1 << 20

// runReplay routes the packets of a capture and prints where they went. Where
// the capture can't be read on, it does so for what came before.
func runReplay(o options, stdout io.Writer, progress *progress) (err error) {
	in, err := capture.Open(o.pcap)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	reader, err := capture.NewReader(in)
	if err != nil {
		return fmt.Errorf("%s: %w", o.pcap, err)
	}
	f, err := newForwarder(forwarderConfig{
		strategy: o.strategy, prefixes: o.prefixes, sticky: o.sticky, placement: o.placement,
		flows: tableFlows,
	})
	if err != nil {
		return err
	}
	if err := f.update(o.members); err != nil {
		return err
	}
	to, err := newOutputs(o, in)
	if err != nil {
		return err
	}
	r := replay{
		options: o, policy: o.placement.Policy(), fragments: f.fragments, outputs: to,
		flows: make([]map[hash.FlowKey]struct{}, len(o.members)),
	}
	for i := range r.flows {
		r.flows[i] = make(map[hash.FlowKey]struct{})
	}
	p := player{
		forwarder: f, placement: o.placement, after: r.add,
		before: func(time.Time) error { return showPosition(in, progress) },
	}
	played := p.play(reader)
	progress.end()
	if played != nil {
		played = fmt.Errorf("%s: %w", o.pcap, played)
	}
	return errors.Join(played, to.close(), r.print(stdout, f, reader.Skipped()))
}

func showPosition(in *os.File, progress *progress) error {
	if progress.w == nil {
		return nil
	}
	at, err := in.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil //nolint:nilerr // a pipe has no position to show
	}
	info, err := in.Stat()
	if err == nil {
		progress.step(at, info.Size())
	}
	return err
}

// A replay collects where the packets of a capture went.
type replay struct {
	options   options
	policy    hash.Policy
	fragments *flowcache.Fragments
	flows     []map[hash.FlowKey]struct{} // of each member
	outputs   *outputs
}

// add takes note of a packet, and writes it to its member's capture.
func (r *replay) add(p capture.Packet, d engine.Decision) error {
	if d.Hop == nil {
		return nil
	}
	var h hash.Headers
	parser := hash.Parser{Ports: r.policy.Ports}
	frame := p.Whole(parser, r.options.placement.Key.Inner())
	if err := parser.Parse(frame, &h); err != nil {
		return err // the engine has parsed it
	}
	// of a stray, the addresses are all there is
	r.fragments.Complete(&h, frame, time.Duration(p.Time.UnixNano()))
	r.flows[d.Hop.Output][r.policy.Extractor.Extract(&h, frame)] = struct{}{}
	return r.outputs.write(int(d.Hop.Output), p)
}

func (r *replay) print(w io.Writer, f *forwarder, skipped map[capture.LinkType]int) error {
	c := f.worker.Counters()
	report := replayReport{Frames: c.In.Frames, Held: c.Held, Strays: c.Strays, Dropped: map[string]uint64{}}
	for i, m := range r.options.members {
		t := c.Member(uint16(i))
		report.Members = append(report.Members, memberReport{m.ID, m.addr.String(), m.Weight, t.Frames, t.Bytes,
			len(r.flows[i])})
	}
	if len(skipped) > 0 {
		report.Skipped = make(map[string]int)
		for link, n := range skipped {
			report.Skipped[link.String()] = n
		}
	}
	for reason, n := range c.Drops() {
		if n > 0 {
			report.Dropped[reason.String()] = n
		}
	}
	if r.options.json {
		return commandline.PrintJSON(w, report)
	}
	return report.print(w)
}
