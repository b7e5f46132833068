package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/ecmp-go/ecmp/examples/internal/capture"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/commandline"
	"github.com/ecmp-go/ecmp/selector"
)

// builtIn is traffic to the two addresses of a service, made and captured by
// internal/makecapture.
//
//go:embed testdata/vip.pcap
var builtIn []byte

const vip4, vip6 = "172.16.0.20", "2001:db8:ac10::14"

// A change replaces the members of the group at some point of the capture.
type change struct {
	event   string
	at      float64 // share of the capture's time
	members []member
}

// A story is a group and what becomes of it.
type story struct {
	members []member
	changes []change
}

// pods returns members pod1 to podN.
func pods(n int) []member {
	members := make([]member, n)
	for i := range members {
		members[i].Member = selector.Member{ID: fmt.Sprintf("pod%d", i+1), Weight: 1}
		members[i].addr = netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)})
	}
	return members
}

// upAndDown is the story of the second seed's table: three pods, a fourth is
// added, the first removed, the second drained.
func upAndDown() story {
	drained := pods(4)[1:]
	drained[0].Weight = 0
	return story{pods(3), []change{
		{"add pod4 to pod1-pod3", .25, pods(4)},
		{"remove pod1 of pod1-pod4", .5, pods(4)[1:]},
		{"drain pod2 of pod2-pod4", .75, drained},
	}}
}

// oneToMany is what Contrail's flow stickiness excludes: one pod becomes three
// at once.
func oneToMany() story {
	return story{pods(1), []change{{"scale pod1 to pod1-pod3", .5, pods(3)}}}
}

// runScenario plays the built-in capture and prints what it shows.
func runScenario(o options, stdout io.Writer, progress *progress) error {
	facts, err := factsOf(builtIn)
	if err != nil {
		return err
	}
	report := scenarioReport{facts: facts}
	stories := []story{upAndDown(), oneToMany()}
	for i, s := range stories {
		normal, err := s.play(facts, selector.Modulo{}, false)
		if err != nil {
			return err
		}
		sticky, err := s.play(facts, selector.Bounded{}, true)
		if err != nil {
			return err
		}
		report.compare(s, normal, sticky)
		progress.step(int64(i+1), int64(len(stories)+1))
	}
	if report.Strategies, err = compareStrategies(upAndDown()); err != nil {
		return err
	}
	progress.end()
	if o.json {
		return commandline.PrintJSON(stdout, report)
	}
	return report.print(stdout)
}

// captureFacts is what there is to say of a capture.
type captureFacts struct {
	packets     int
	first, last time.Time
}

func factsOf(data []byte) (f captureFacts, err error) {
	r, err := capture.NewReader(bytes.NewReader(data))
	if err != nil {
		return f, err
	}
	var p capture.Packet
	for {
		p, err = r.Next(p.Frame)
		if err == io.EOF { //nolint:errorlint // Next returns it as it is
			return f, nil
		}
		if err != nil {
			return f, err
		}
		if f.packets == 0 {
			f.first = p.Time
		}
		f.last = p.Time
		f.packets++
	}
}

// play plays the built-in capture through a forwarder while the story happens
// to its group.
func (s story) play(facts captureFacts, strategy selector.Strategy, sticky bool) (*census, error) {
	f, err := newForwarder(forwarderConfig{
		strategy: strategy,
		prefixes: []netip.Prefix{netip.MustParsePrefix(vip4 + "/32"), netip.MustParsePrefix(vip6 + "/128")},
		sticky:   sticky,
		flows:    1 << 12,
	})
	if err != nil {
		return nil, err
	}
	if err := f.update(s.members); err != nil {
		return nil, err
	}
	r, err := capture.NewReader(bytes.NewReader(builtIn))
	if err != nil {
		return nil, err
	}
	c := &census{flows: make(map[hash.FlowKey]*flowState)}
	changes := s.changes
	p := player{forwarder: f, after: c.add, before: func(now time.Time) error {
		share := float64(now.Sub(facts.first)) / float64(facts.last.Sub(facts.first))
		for len(changes) > 0 && share >= changes[0].at {
			if err := f.update(changes[0].members); err != nil {
				return err
			}
			c.change()
			changes = changes[1:]
		}
		return nil
	}}
	return c, p.play(r)
}
