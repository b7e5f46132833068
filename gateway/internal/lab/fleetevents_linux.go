package lab

import (
	"errors"
	"slices"
	"syscall"
)

// An event is something that happens to a fleet.
type event struct {
	name  string
	left  []*pod // pods that leave by it
	apply func() error
	pods  []*pod // the members after it; nil: as before
	// drained pods are members after it, but not where there is no drain
	drained []*pod
}

// events returns those of the run. Gateways are numbered from 1: the last one
// joins later.
func (f *fleet) events() []event {
	p, last := f.pods, f.Gateways+1
	all := []event{
		{
			name: "scale pods from 3 to 5", pods: p[:5],
			apply: func() error { return errors.Join(f.one().add(p[3]), f.one().add(p[4])) },
		},
		{
			name: "kill a gateway",
			apply: func() error {
				f.kill(2)
				return f.routed()
			},
		},
		{
			name:  "add a gateway",
			apply: func() error { return f.join(last) },
		},
		{
			name: "drain a pod, and a gateway", drained: p[:1], pods: p[:5],
			apply: func() error {
				if err := f.one().drain(p[0]); err != nil {
					return err
				}
				return f.end(1)
			},
		},
		{
			name: "kill a pod and a gateway at once", left: p[1:2], pods: []*pod{p[0], p[2], p[3], p[4]},
			drained: p[:1],
			apply: func() error {
				if err := p[1].kill(); err != nil {
					return err
				}
				return errors.Join(f.crash(last), f.one().remove(p[1]), f.routed())
			},
		},
		{
			name:  "add the gateways again",
			apply: func() error { return f.join(1, 2) },
		},
		{
			name: "kill a NATS server, add a pod, withdraw a gateway",
			pods: []*pod{p[0], p[2], p[3], p[4], p[5]}, drained: p[:1],
			apply: func() error {
				f.nats.Halt(0)
				if err := f.scaled(p[5]); err != nil {
					return err
				}
				return errors.Join(f.withdraw(1), f.routed())
			},
		},
		{
			name: "cut a gateway off NATS, weigh a pod",
			apply: func() error {
				f.doors[3].set(true)
				f.cutOff = []int{3}
				if err := f.cut(3); err != nil {
					return err
				}
				return f.weigh(p[2], 3, 3)
			},
		},
		{
			name: "heal, and announce the gateway",
			apply: func() error {
				f.doors[3].set(false)
				f.cutOff = nil
				if err := f.ready(3); err != nil {
					return err
				}
				if err := f.rest(); err != nil {
					return err
				}
				return errors.Join(f.announce(), f.routed())
			},
		},
	}
	if f.Short {
		all = all[:3]
	}
	if f.Way == ByKernel {
		return slices.DeleteFunc(all, func(e event) bool { return e.pods == nil })
	}
	return all
}

// play plays an event, and counts what became of the flows that were there.
// Others take the place of those that broke, and some more are opened, so that
// there are flows of every list of members.
func (f *fleet) play(e event) (s FleetStep, err error) {
	s.Event = e.name
	if f.Way == ByKernel {
		err = f.playByKernel(e)
	} else {
		err = e.apply()
	}
	if e.pods != nil {
		f.members = e.pods
	}
	if err != nil {
		return s, err
	}
	if err := f.load.exchange(answersAfter); err != nil {
		return s, err
	}
	left := e.left
	if f.Way == ByKernel {
		left = slices.Concat(left, e.drained)
	}
	for i, flows := range []*[]*flow{&f.load.tcp, &f.load.udp} {
		to := &s.Connections
		if i > 0 {
			to = &s.Flows
		}
		*flows = slices.DeleteFunc(*flows, func(f *flow) bool { return to.add(f, left) })
	}
	more := f.Connections / 2
	return s, f.load.grow(more, more)
}

// playByKernel has the upstream router spread flows over the members after the
// event.
func (f *fleet) playByKernel(e event) error {
	for _, p := range e.left {
		if err := p.kill(); err != nil {
			return err
		}
	}
	return f.toPods(slices.DeleteFunc(slices.Clone(e.pods), func(p *pod) bool { return slices.Contains(e.drained, p) }))
}

// add counts a flow, and reports whether it broke or moved. It is closed then.
func (c *Fates) add(f *flow, left []*pod) (over bool) {
	now := f.state()
	if now.end == alive && now.moves == 0 {
		c.Kept++
		return false
	}
	if slices.ContainsFunc(left, f.on) {
		c.Own++
	} else {
		c.Collateral++
	}
	f.close()
	return true
}

// join starts gateways. The router uses them once they announce themselves,
// which they do when they have the pins of the others.
func (f *fleet) join(numbers ...int) error {
	for _, number := range numbers {
		if err := f.start(number); err != nil {
			return err
		}
	}
	return f.routed()
}

// end ends a gateway, which asks the router for others first.
func (f *fleet) end(number int) error {
	g := f.gateways[number]
	delete(f.gateways, number)
	g.end(syscall.SIGTERM)
	return f.routed()
}

// scaled adds a pod as soon as a gateway can: a server may be gone just now.
func (f *fleet) scaled(p *pod) error {
	return f.until("a pod is added", func() (bool, error) { return f.one().add(p) == nil, nil })
}

// cut waits until a gateway knows that it is cut off.
func (f *fleet) cut(number int) error {
	return f.until("the gateway is cut off", func() (bool, error) {
		s, err := f.gateways[number].clusterStats()
		return !s.Cluster.Connected, err
	})
}

// weigh changes the weight of a pod, and waits until all gateways have it but
// one.
func (f *fleet) weigh(p *pod, weight, but int) error {
	m := members([]*pod{p})[0]
	m.Weight = weight
	if err := f.one().call("PUT", "/members/"+p.id, m, nil); err != nil {
		return err
	}
	return f.agree(but)
}
