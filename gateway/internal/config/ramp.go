package config

import (
	"fmt"
	"time"

	"github.com/ecmp-go/ecmp/selector"
)

// A Ramp is a slow start: the weight of a member that joins, or that takes flows
// again after a drain, grows to its own in equal steps. The zero value is none.
type Ramp struct {
	Time  time.Duration // from the first step to the last one
	Steps int           // 2 or more: the first weight is one part of so many
}

const (
	defaultSteps = 10
	maxSteps     = 100
)

// A RampError says that a strategy has no slow start: it would move flows of
// members that have nothing to do with it at each step.
type RampError struct {
	Service  string
	Strategy selector.Strategy
}

// Error names the service and the strategy.
func (e *RampError) Error() string {
	return fmt.Sprintf("service %q: %v has no \"slowstart\": each step would move flows of other members, too; "+
		"bounded, maglev, rendezvous and resilient have one, "+
		"and \"slowstart\": null switches that of the top level off", e.Service, e.Strategy)
}

// decodeRamp reads a slow start: a time, or an object with it and the number of
// steps. A time of 0, or null, is none, whatever stands at the top level.
func (s *Service) decodeRamp(v value) (err error) {
	s.Ramp = Ramp{Steps: defaultSteps}
	switch v.data.(type) {
	case nil:
	case object:
		err = v.fields(map[string]func(value) error{
			"time":  s.Ramp.decodeTime,
			"steps": numberInto(&s.Ramp.Steps, 2, maxSteps),
		})
		if err == nil {
			err = v.require("time")
		}
	default:
		err = s.Ramp.decodeTime(v)
	}
	if s.Ramp.Time == 0 {
		s.Ramp = Ramp{}
	}
	return err
}

func (r *Ramp) decodeTime(v value) error {
	if none, err := v.span(0, 0); err == nil {
		r.Time = none
		return nil
	}
	return spanInto(&r.Time, time.Second, maxTimeout)(v)
}

// checkRamp returns an error if the strategy of a service has no slow start.
func (s *Service) checkRamp() error {
	if s.Ramp.Time == 0 || ramps(s.Strategy) {
		return nil
	}
	err := &RampError{s.Name, s.Strategy}
	at := s.value.at("slowstart")
	return &Error{File: at.file, Line: at.line, Reason: err.Error(), Err: err}
}

// ramps reports whether a change of one member's weight moves about as many
// hashes as it has to. TestRamps measures that of each strategy.
func ramps(s selector.Strategy) bool {
	switch s.(type) {
	case selector.Bounded, selector.Maglev, selector.Rendezvous, selector.Resilient:
		return true
	}
	return false
}
