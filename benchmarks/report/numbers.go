package main

import (
	"fmt"
	"math"
	"strconv"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

// A writer writes a figure with its unit.
type writer func(results.Figure) string

// plainly writes figures in a way of writing numbers, without their interval.
func plainly(number func(float64) string) writer {
	return func(f results.Figure) string { return number(f.Value) }
}

// ratioOf writes what 1 is special to, with its interval.
func ratioOf(f results.Figure) string {
	if math.Abs(f.Value) < 9.9995 {
		return drawn(f, 3)
	}
	return drawn(f, decimals(f.Value))
}

// percentOf writes a share in percent, with its interval.
func percentOf(f results.Figure) string {
	f.Value, f.Interval = 100*f.Value, 100*f.Interval
	if f.Value == 0 && f.Interval == 0 {
		return "0"
	}
	return drawn(f, decimals(f.Value))
}

// nanosecondsOf writes the time of an operation with the digits that its
// interval carries.
func nanosecondsOf(f results.Figure) string {
	size, unit := 1., " ns"
	switch v := math.Abs(f.Value); {
	case v >= 1e6:
		size, unit = 1e6, " ms"
	case v >= 1e3:
		size, unit = 1e3, " µs"
	}
	f.Value, f.Interval = f.Value/size, f.Interval/size
	return fixed(f.Value, min(decimals(f.Value), carried(f.Interval))) + unit
}

// timesOf writes how many times as long theirs takes, with at most one decimal.
func timesOf(ours, theirs results.Figure) string {
	v := theirs.Value / ours.Value
	interval := v * math.Hypot(ours.Interval/ours.Value, theirs.Interval/theirs.Value)
	return fixed(v, min(1, carried(interval)))
}

// drawn writes a figure, and half the width of its interval where it has one,
// with at most so many decimals and no digit that the interval does not carry.
func drawn(f results.Figure, most int) string {
	places := min(most, carried(f.Interval))
	text, half := fixed(f.Value, places), fixed(f.Interval, places)
	if digits, err := strconv.ParseFloat(half, 64); err != nil || digits == 0 {
		return text
	}
	return fmt.Sprintf("%s ± %s", text, half)
}

// decimals returns how many decimals show three digits that count.
func decimals(v float64) int {
	if v == 0 {
		return 4
	}
	return min(4, max(0, 2-int(math.Floor(math.Log10(math.Abs(v))))))
}

// carried returns how many decimals an interval carries: up to its first digit,
// and to its second one if the first two are below 36, by the rule of the
// Particle Data Group. Below zero are powers of ten.
func carried(interval float64) int {
	if interval <= 0 {
		return math.MaxInt
	}
	place := int(math.Floor(math.Log10(interval)))
	if interval < 3.55*math.Pow(10, float64(place)) {
		place--
	}
	return -place
}

// fixed writes a number with so many decimals, below zero rounded to a power of
// ten.
func fixed(v float64, places int) string {
	if places < 0 {
		power := math.Pow(10, float64(-places))
		v = math.Round(v/power) * power
	}
	return strconv.FormatFloat(v, 'f', max(0, places), 64)
}
