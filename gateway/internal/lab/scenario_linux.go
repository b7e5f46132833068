package lab

import (
	"context"
	"fmt"
)

// A change is what happens to the group in one step.
type change struct {
	event  string
	before []*pod // the members when the step's connections are made
	apply  func(subject) error
	dead   *pod   // dies with it
	out    *pod   // is drained, or taken out where there is no drain
	asked  []*pod // how many of the new flows get here?
	due    float64
}

// story returns the changes of the second seed's table, and one more that the
// seed excludes, from one pod to three. A pod that died stays dead.
func story(pods []*pod, connections int) []change {
	n := float64(connections)
	return []change{
		{
			event: "add pod4 to pod1-pod3", before: pods[:3], asked: pods[3:], due: n / 4,
			apply: func(p subject) error { return p.add(pods[3]) },
		},
		{
			event: "remove pod1 of pod1-pod4", before: pods, dead: pods[0], asked: pods[:1],
			apply: func(p subject) error { return p.remove(pods[0]) },
		},
		{
			event: "drain pod2 of pod2-pod4", before: pods[1:], out: pods[1], asked: pods[1:2],
			apply: func(p subject) error { return p.drain(pods[1]) },
		},
		{
			event: "scale pod2 to pod2-pod4", before: pods[1:2], asked: pods[2:], due: n * 2 / 3,
			apply: func(p subject) error { return p.replace(pods[1:]) },
		},
	}
}

// answersAfter is how many answers make a flow a survivor of a change.
const answersAfter = 5

// play plays a change to connections that are made for it, since those that
// survived an earlier change would be a biased sample.
func (c *change) play(ctx context.Context, p subject, client *client, connections int) (Step, error) {
	if err := p.start(c.before); err != nil {
		return Step{}, err
	}
	old, err := client.open(ctx, connections)
	if err != nil {
		return Step{}, fmt.Errorf("before the change: %w", err)
	}
	defer old.close()
	if err := c.apply(p); err != nil {
		return Step{}, err
	}
	if c.dead != nil {
		if err := c.dead.kill(); err != nil {
			return Step{}, err
		}
	}
	if err := old.exchange(answersAfter); err != nil {
		return Step{}, err
	}
	s := Step{Event: c.event}
	left := c.dead
	if !p.drains() && c.out != nil {
		left = c.out
	}
	for _, f := range old.tcp {
		s.Connections.add(f, left)
	}
	for _, f := range old.udp {
		s.Flows.add(f, left)
	}
	fresh, err := client.open(ctx, connections)
	if err != nil {
		return s, fmt.Errorf("after the change: %w", err)
	}
	defer fresh.close()
	s.New.Due = c.due
	s.New.Connections, s.New.Flows = fresh.count(c.asked)
	for _, p := range c.asked {
		s.New.Pods = append(s.New.Pods, p.id)
	}
	return s, nil
}

// on reports whether the flow was to the pod, which may be nil, before it left.
func (f *flow) on(left *pod) bool { return left != nil && f.home == byte(left.number) }

func (c *Connections) add(f *flow, left *pod) {
	now := f.state()
	switch {
	case now.end == alive:
		c.Kept++
		return
	case f.on(left):
		c.Own++
	default:
		c.Collateral++
	}
	if now.end == timedOut {
		c.TimedOut++
		return
	}
	c.Reset++
	c.Waited = max(c.Waited, now.waited)
}

func (c *Flows) add(f *flow, left *pod) {
	now := f.state()
	switch {
	case now.end != alive:
		c.Lost++
	case now.moves == 0:
		c.Kept++
	case f.on(left):
		c.Own++
	default:
		c.Collateral++
	}
}
