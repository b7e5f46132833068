package config

import (
	"cmp"
	"errors"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/selector"
)

// stickiness is what a configuration says of the flow table.
type stickiness struct {
	on    bool
	flows int
	idle  time.Duration
	// that of clients, and of whatever else is many connections and one flow
	affinity time.Duration
	flowcache.Config
}

// defaultAffinity is that of Kubernetes for ClientIP.
const defaultAffinity = 3 * time.Hour

const (
	minTimeout = time.Second
	maxTimeout = time.Hour
	maxMemory  = 7 * 24 * time.Hour // of a flow
)

func (s *stickiness) decodeIdle(v value) error { return spanInto(&s.idle, minTimeout, maxMemory)(v) }

func (s *stickiness) decodeTimeouts(v value) error {
	return v.fields(map[string]func(value) error{
		"probation": spanInto(&s.Probation, minTimeout, maxMemory),
		"tcp":       spanInto(&s.EstablishedTCP, minTimeout, maxMemory),
		"other":     spanInto(&s.Established, minTimeout, maxMemory),
		"closing":   spanInto(&s.Closing, minTimeout, maxMemory),
		"down":      spanInto(&s.DownGrace, minTimeout, maxMemory),
		"affinity":  spanInto(&s.affinity, minTimeout, maxMemory),
	})
}

// table returns the configuration of the flow table; nil without stickiness.
func (s *stickiness) table(root value) (*flowcache.Config, error) {
	if !s.on {
		for _, name := range []string{"flows", "idle", "timeouts", "snapshot", "reset"} {
			if v, ok := root.get(name); ok && v.data != false {
				return nil, v.errorf("%q needs \"sticky\"", name)
			}
		}
		return nil, nil //nolint:nilnil // nil says no stickiness
	}
	c := s.Config
	if c.EstablishedTCP == 0 {
		c.EstablishedTCP = s.idle
	}
	if c.Established == 0 {
		c.Established = s.idle
	}
	c.Tick = tick(c.Probation, c.EstablishedTCP, c.Established, c.Closing, c.DownGrace, s.affinity)
	c.Classes = []flowcache.ClassConfig{{Name: "affinity", Idle: cmp.Or(s.affinity, defaultAffinity)}}
	try := c
	try.Flows, try.Domain = 1, selector.NewDomain()
	if _, err := flowcache.NewTable(try); err != nil {
		reason := err.Error()
		if e, ok := errors.AsType[*flowcache.ConfigError](err); ok {
			reason = e.Reason
		}
		return nil, root.at("timeouts").errorf("%s", reason)
	}
	c.Flows = s.flows
	return &c, nil
}

// tick returns the resolution of time for timeouts: an eighth of the shortest
// of those given, a second if that is shorter.
func tick(timeouts ...time.Duration) time.Duration {
	fine := time.Second
	for _, t := range timeouts {
		if t > 0 {
			fine = min(fine, t/8)
		}
	}
	return fine
}
