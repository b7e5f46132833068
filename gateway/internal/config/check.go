package config

import (
	"math"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/health"
)

// decodeCheck reads how the members of a service are asked whether they serve.
func (s *Service) decodeCheck(v value) error {
	c := health.Check{Path: "/", Interval: time.Second, Failures: 2, Successes: 2}
	var port uint16
	by := ""
	err := v.fields(map[string]func(value) error{
		"by":        choiceInto(&by, health.Ways()),
		"port":      func(v value) error { n, err := v.number(1, math.MaxUint16); port = uint16(n); return err },
		"path":      textInto(&c.Path),
		"interval":  spanInto(&c.Interval, minCheck, maxTimeout),
		"timeout":   spanInto(&c.Timeout, minCheck, maxTimeout),
		"failures":  numberInto(&c.Failures, 1, maxAnswers),
		"successes": numberInto(&c.Successes, 1, maxAnswers),
	})
	if err == nil {
		err = v.require("by", "port")
	}
	if err != nil {
		return err
	}
	if _, given := v.get("path"); given && by != string(health.HTTP) && by != string(health.HTTPS) {
		return v.at("path").errorf("\"path\" is of http and https, not of %s", by)
	}
	if c.Timeout == 0 {
		c.Timeout = c.Interval / 2
	}
	if c.Timeout > c.Interval {
		return v.at("timeout").errorf("the timeout, %s, is longer than the interval, %s", c.Timeout, c.Interval)
	}
	c.By, c.Port = health.By(by), port
	s.Check = &c
	return nil
}

const (
	minCheck   = 10 * time.Millisecond
	maxAnswers = 100
)
