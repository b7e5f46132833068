package config

import (
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
)

const (
	defaultICMPRate = 100
	maxICMPRate     = 10_000
)

// decodeICMP reads how senders are told of packets that can't be forwarded.
func (c *Config) decodeICMP(v value) error {
	i := plane.ICMP{Rate: defaultICMPRate}
	err := v.fields(map[string]func(value) error{
		"from": func(v value) (err error) { i.From, err = v.nextHops(); return err },
		"rate": numberInto(&i.Rate, 1, maxICMPRate),
	})
	if err == nil {
		err = v.require("from")
	}
	c.ICMP = i
	return err
}
