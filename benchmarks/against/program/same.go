package program

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
)

// states returns what a group goes through while both engines decide, by the
// members that it has. A member with a minus is drained, one with an
// exclamation mark is down.
func states() [][]string {
	return [][]string{
		{"pod1", "pod2", "pod3"},
		{"-pod1", "pod2", "pod3", "pod4"}, // join and drain
		{"pod1", "!pod3", "pod4"},         // leave and down
		{"pod4", "pod5"},
		{"pod1", "pod2", "pod3", "pod4", "pod5"},
	}
}

// A pair is both engines, and what was found of them so far.
type pair struct {
	now, was  Engine
	model     modelled // of now
	clock     time.Duration
	fragments *flowcache.Fragments // nil: engines have none
	verdicts  map[string]int
	allowed   map[string]int        // by the name of what allows it
	astray    map[hash.FlowKey]bool // flows that a difference before has sent elsewhere
	drained   map[string]bool       // of the members, in this state
	unlike    [2]map[string]uint64  // drops and outputs of what is allowed to differ
	frames    int
	decisions [2][]Decision
	copies    [2][][]byte
}

// sameDecisions checks that both engines decide alike, write the same frames
// and count the same, over captured and drawn frames in all states, but for
// what is allowed to differ.
func sameDecisions(now, was Commit, captures string) error {
	frames, err := captured(captures)
	if err != nil {
		return err
	}
	frames = append(frames, drawn(frames)...)
	for _, features := range []bool{false, true} {
		p := newPair(now, was, features)
		for i, state := range states() {
			p.enter(state)
			for burst := range slices.Chunk(frames, 61) {
				if err := p.decide(burst); err != nil {
					return fmt.Errorf("state %d, fragments and resets %v: %w", i, features, err)
				}
			}
		}
		if err := p.compareCounters(); err != nil {
			return fmt.Errorf("fragments and resets %v: %w", features, err)
		}
		fmt.Printf("alike: %d frames, fragments and resets %v: %v\n", p.frames, features, p.verdicts)
		if p.model.routes == 0 {
			return errors.New("no route was held to the model")
		}
		fmt.Printf("  as the model routes: %d\n", p.model.routes)
		for _, name := range slices.Sorted(maps.Keys(p.allowed)) {
			fmt.Printf("  allowed: %7d %s\n", p.allowed[name], name)
		}
	}
	return nil
}

func newPair(now, was Commit, features bool) *pair {
	s := Setup{Services: services(1), Flows: 1 << 15, Fragments: features, Resets: features}
	s.Services[0].Destinations = []netip.Addr{
		netip.MustParseAddr("172.16.0.20"), netip.MustParseAddr("2001:db8:ac10::14"),
	}
	p := &pair{
		was: was.NewEngine(s), verdicts: map[string]int{}, allowed: map[string]int{},
		astray: map[hash.FlowKey]bool{}, unlike: [2]map[string]uint64{{}, {}},
	}
	s.Router = p.model.over
	p.now = now.NewEngine(s)
	if features {
		// the default is no error
		p.fragments, _ = flowcache.NewFragments(flowcache.FragmentsConfig{})
	}
	return p
}

// enter brings both engines to a state.
func (p *pair) enter(state []string) {
	var hops []Hop
	down := map[string]bool{}
	p.drained = map[string]bool{}
	for _, text := range state {
		weight, number := uint32(1), 0
		_, _ = fmt.Sscanf(text[len(text)-1:], "%d", &number)
		if text[0] == '-' {
			weight = 0
		}
		h := hop(number, number)
		h.Weight = weight * uint32(1+number%3)
		hops = append(hops, h)
		down[h.ID], p.drained[h.ID] = text[0] == '!', text[0] == '-'
	}
	for _, e := range []Engine{p.now, p.was} {
		e.Update(0, hops)
		for i := range 6 {
			id := hop(i, i).ID
			e.SetDown(id, down[id])
		}
	}
}

// decide gives both engines copies of a burst and compares what they make of
// it.
func (p *pair) decide(burst [][]byte) error {
	for side, e := range []Engine{p.now, p.was} {
		p.copies[side] = p.copies[side][:0]
		for _, f := range burst {
			p.copies[side] = append(p.copies[side], slices.Clone(f))
		}
		p.decisions[side] = make([]Decision, len(burst))
		e.Decide(p.decisions[side], p.copies[side], p.clock)
	}
	p.clock += 30 * time.Millisecond
	if p.model.err != nil {
		return p.model.err
	}
	for i, f := range burst {
		p.frames++
		var h hash.Headers
		if hash.Parse(f, &h) == nil && p.fragments != nil {
			p.fragments.Complete(&h, f, p.clock)
		}
		now, was := p.decisions[0][i], p.decisions[1][i]
		p.verdicts[was.Verdict]++
		if now == was && slices.Equal(p.copies[0][i], p.copies[1][i]) {
			continue
		}
		name := p.allows(f, &h, now, was)
		if name == "" {
			return fmt.Errorf("frame % x: now %+v, was %+v\nnow % x\nwas % x", f, now, was,
				p.copies[0][i], p.copies[1][i])
		}
		p.allowed[name]++
		for side, d := range []Decision{now, was} {
			p.unlike[side][d.Drop+d.Member]++
		}
	}
	return nil
}

// compareCounters holds the counters of both engines to each other, without the
// frames that are allowed to differ.
func (p *pair) compareCounters() error {
	var in [2][2]uint64
	var counts [2]map[string]uint64
	for side, e := range []Engine{p.now, p.was} {
		c := e.Counters()
		in[side], counts[side] = c.In, map[string]uint64{}
		for output, traffic := range c.Members {
			counts[side][hop(int(output), 0).ID] = traffic[0]
		}
		maps.Copy(counts[side], c.Dropped)
		for name, n := range p.unlike[side] {
			counts[side][name] -= n
		}
		maps.DeleteFunc(counts[side], func(_ string, n uint64) bool { return n == 0 })
	}
	if in[0] != in[1] || !maps.Equal(counts[0], counts[1]) {
		return fmt.Errorf("counters: now %v %v, was %v %v", in[0], counts[0], in[1], counts[1])
	}
	return nil
}
