package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

func TestDigitsAreThoseOfTheInterval(t *testing.T) {
	of := func(value, interval float64) results.Figure {
		return results.Figure{Value: value, Draws: 20, Interval: interval}
	}
	for want, f := range map[string]results.Figure{
		"1.576 ± 0.012": of(1.5763, .0123), "1.58 ± 0.04": of(1.5763, .0412), "1.6 ± 0.5": of(1.5763, .4712),
		"1.000": of(1, 0), "1.001": of(1.0011, .0001), "98.7 ± 0.3": of(98.712, .2512), "99 ± 4": of(98.712, 4.1),
		"960 ± 50": of(962.3, 47), "1.009": {Value: 1.0086},
	} {
		assert.Equal(t, want, ratioOf(f))
	}
	for want, f := range map[string]results.Figure{
		"0.30 ± 0.05": of(.00298, .0005), "9.1 ± 0.4": of(.0912, .0044), "0": of(0, 0), "0.0737": {Value: .000737},
		"0.08 ± 0.10": of(.0008, .001),
	} {
		assert.Equal(t, want, percentOf(f))
	}
	for want, f := range map[string]results.Figure{
		"2.06 ns": of(2.061, .003), "2.1 ns": of(2.061, .6),
		"819 µs": of(819_212, 12_000), "820 µs": of(819_212, 40_000),
		"1.2 ms": of(1.22e6, .5e6), "4.39 ns": {Value: 4.391},
	} {
		assert.Equal(t, want, nanosecondsOf(f))
	}
}
