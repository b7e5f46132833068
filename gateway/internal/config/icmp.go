package config

import (
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
)

const (
	defaultICMPRate = 100
	maxICMPRate     = 10_000
	defaultPings    = 1000
	maxPings        = 100_000
)

// defaultICMP is what holds without "icmp".
func defaultICMP() plane.ICMP { return plane.ICMP{Rate: defaultICMPRate, Pings: defaultPings} }

// decodeICMP reads how senders are told of packets that can't be forwarded, and
// how many pings are answered.
func (c *Config) decodeICMP(v value) error {
	i := defaultICMP()
	err := v.fields(map[string]func(value) error{
		"from":  func(v value) (err error) { i.From, err = v.nextHops(); return err },
		"rate":  numberInto(&i.Rate, 1, maxICMPRate),
		"pings": numberInto(&i.Pings, 0, maxPings),
	})
	if _, ok := v.get("rate"); ok && err == nil {
		err = v.require("from")
	}
	c.ICMP = i
	return err
}
