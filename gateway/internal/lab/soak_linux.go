package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A soaker churns the members of a gateway under load.
type soaker struct {
	*bed
	gateway *gateway
	load    *load
	noise   *noise
	log     func(string)
	Soak
}

const (
	settle = 2 * time.Second        // until new links have said of themselves what they must
	still  = 100 * time.Millisecond // for so long nothing is counted when all has arrived
	sample = time.Minute

	mostTries = 100 // to find the counters at rest
)

// RunSoak changes the members of a data plane of the gateway once a second
// for a time, under the load of long connections and UDP flows, of short
// connections and of bursts of UDP, and counts everything.
func RunSoak(ctx context.Context, c Config, length time.Duration) (result Soak, err error) {
	b, err := newBed(c)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	r, err := newGateway(ctx, b.network, c)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	b.client.end = firstEphemeral
	s := &soaker{bed: b, gateway: r, log: c.Log, Soak: Soak{Plane: c.Plane}}
	time.Sleep(settle)
	before, err := s.rest()
	if err != nil {
		return s.Soak, err
	}
	if err := s.run(ctx, c.Connections, length); err != nil {
		return s.Soak, err
	}
	after, err := s.rest()
	if err != nil {
		return s.Soak, err
	}
	s.account(before, after)
	return s.Soak, nil
}

func (s *soaker) run(ctx context.Context, connections int, length time.Duration) (err error) {
	if s.load, err = s.client.open(ctx, connections); err != nil {
		return err
	}
	defer s.load.close()
	s.Opened = 2 * connections
	s.noise = startNoise(ctx, s.client)
	defer func() {
		s.noise.stop()
		s.Short, s.Expired = s.noise.ShortConnections, s.noise.expired
	}()
	every := time.NewTicker(time.Second)
	defer every.Stop()
	next := time.Duration(0)
	for began := time.Now(); ; s.Duration = time.Since(began) {
		if s.Duration >= next || s.Duration >= length {
			if err := s.sample(); err != nil {
				return err
			}
			next += sample
		}
		if s.Duration >= length {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-every.C:
		}
		if err := s.tick(); err != nil {
			return err
		}
	}
}

// churn makes change n, and returns the pod that it removes. Eight changes lead
// from pod1 to pod3 to pod2 to pod4, the next eight to pod3 to pod1, and so on.
// So each pod is removed at some time, and flows do not gather on one.
func (s *soaker) churn(n int) (removed *pod, err error) {
	var pods [numPods]*pod
	for i := range pods {
		pods[i] = s.pods[(n/8+i)%numPods]
	}
	switch r := s.gateway; n % 8 {
	case 0:
		return pods[0], s.removing(func() error { return r.remove(pods[0]) })
	case 1:
		return nil, r.add(pods[0])
	case 2:
		return nil, r.add(pods[3])
	case 3:
		return nil, r.drain(pods[1])
	case 4:
		return nil, r.add(pods[1]) // which ends the drain
	case 5:
		return nil, r.drain(pods[2])
	case 6:
		return pods[2], s.removing(func() error { return r.remove(pods[2]) })
	default:
		return pods[0], s.removing(func() error { return r.replace(pods[1:]) })
	}
}

// removing makes a change that removes a member, and has the noise know of it.
func (s *soaker) removing(change func() error) error {
	s.noise.removals.Add(1)
	defer s.noise.removals.Add(1)
	return change()
}

// tick makes a change, and opens other flows in place of those that it broke or
// moved.
func (s *soaker) tick() error {
	removed, err := s.churn(s.Changes)
	if err != nil {
		return err
	}
	s.Changes++
	if err := s.load.exchange(2); err != nil {
		return err
	}
	var broken [2]int
	for i, flows := range []*[]*flow{&s.load.tcp, &s.load.udp} {
		*flows = slices.DeleteFunc(*flows, func(f *flow) bool {
			state := f.state()
			if state.end == alive && state.moves == 0 {
				return false
			}
			if f.on(removed) {
				s.Own++
			} else {
				s.Collateral++
				s.log(fmt.Sprintf("change %d: a flow from %s, on pod%d, is not where it was", s.Changes,
					f.conn.LocalAddr(), f.home))
			}
			broken[i]++
			f.close()
			return true
		})
	}
	s.Opened += broken[0] + broken[1]
	return s.load.grow(broken[0], broken[1])
}
