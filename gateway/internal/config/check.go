package config

import (
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/health"
	"github.com/ecmp-go/ecmp/gateway/internal/host"
)

// decodeCheck reads how the members of a service are asked whether they serve.
func (s *Service) decodeCheck(v value) error {
	c := health.Check{Path: "/", Interval: time.Second, Failures: 2, Successes: 2}
	var port uint16
	by, to := "", toMember
	err := v.fields(map[string]func(value) error{
		"by":        choiceInto(&by, health.Ways()),
		"to":        choiceInto(&to, []string{toMember, toVIP}),
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
	c.By, c.Port, c.ToVIP = health.By(by), port, to == toVIP
	s.Check = &c
	return nil
}

// The addresses that a member is asked at.
const (
	toMember = "member"
	toVIP    = "vip"
)

const (
	minCheck   = 10 * time.Millisecond
	maxAnswers = 100
)

// Asked returns where the check of a service asks a member: at its own address, or
// at the first one of the service that is of the same version of IP. The error
// says why it can't be asked there.
func (s *Service) Asked(m Member) (netip.Addr, error) {
	if s.Check == nil || !s.Check.ToVIP {
		return m.Addr, nil
	}
	if m.Tunnel != (Tunnel{}) {
		return netip.Addr{}, fmt.Errorf(
			"member %q has a tunnel, and a check to \"vip\" goes by the link alone", m.ID)
	}
	for _, p := range s.Prefixes {
		if p.Addr().BitLen() == m.Addr.BitLen() {
			return p.Addr(), nil
		}
	}
	return netip.Addr{}, fmt.Errorf(
		"member %q has the address %s, and the service no \"vip\" of that version of IP to check it by", m.ID, m.Addr)
}

// checkAsked checks that the members of services can be asked where they are to be.
func (c *Config) checkAsked() error {
	hops := make(map[host.Hop]bool)
	for i := range c.Services {
		s := &c.Services[i]
		if s.Check == nil || !s.Check.ToVIP {
			continue
		}
		if !c.Kernel {
			return s.value.at("check").errorf(
				"a check of service %q to \"vip\" needs \"kernel\": true, which leads it to each member", s.Name)
		}
		for _, m := range s.Members {
			if _, err := s.Asked(m); err != nil {
				return m.value.errorf("%v", err)
			}
			if hops[host.Hop{Dev: m.Dev, Addr: m.NextHop(), MAC: m.MAC}] = true; len(hops) > host.MostHops {
				return m.value.errorf("member %q: checks to \"vip\" are for at most %d members", m.ID, host.MostHops)
			}
		}
	}
	return nil
}
