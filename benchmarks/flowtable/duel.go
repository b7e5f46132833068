package main

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"time"
)

// blockSize is the number of packets in a block.
const blockSize = 1 << 18

// times are those of the blocks of one side, in nanoseconds an item.
type times []float64

func (t times) median() float64 { return slices.Sorted(slices.Values(t))[len(t)/2] }

func (t times) String() string {
	return fmt.Sprintf("%s | %s", duration(t.median()), duration(slices.Min(t)))
}

func duration(ns float64) string {
	switch size := math.Abs(ns); {
	case size < 1e4:
		return fmt.Sprintf("%.1f ns", ns)
	case size < 1e6:
		return fmt.Sprintf("%.1f us", ns/1e3)
	}
	return fmt.Sprintf("%.2f ms", ns/1e6)
}

// A side does one block of work, with the block's number, and returns the
// number of items. prepare comes before and is not timed; it may be nil.
type side struct {
	prepare func(block int) error
	work    func(block int) (items int)
}

func (s side) time(block int) (float64, error) {
	if s.prepare != nil {
		if err := s.prepare(block); err != nil {
			return 0, err
		}
	}
	began := time.Now()
	items := s.work(block)
	return float64(time.Since(began).Nanoseconds()) / float64(items), nil
}

// duel lets the sides take turns, and in who goes first as well. Block 0 is to
// warm up.
func duel(blocks int, sides ...side) ([]times, error) {
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	results := make([]times, len(sides))
	for b := range blocks + 1 {
		for n := range sides {
			i := (n + b) % len(sides)
			t, err := sides[i].time(b)
			if err != nil {
				return nil, err
			}
			if b > 0 {
				results[i] = append(results[i], t)
			}
		}
	}
	return results, nil
}

// faster is the row of a duel between the flow table and another cache.
func faster(name string, ours, theirs times, bar string) row {
	return row{name, ours.String(), theirs.String(), fmt.Sprintf("%.1fx", theirs.median()/ours.median()), bar}
}

// slower is the row of a duel between the flow table and what it can't be
// faster than.
func slower(name string, ours, theirs times, bar string) row {
	return row{name, ours.String(), theirs.String(), fmt.Sprintf("%.1fx as long", ours.median()/theirs.median()), bar}
}

// window returns the items of a block: a part of the list, another one for each
// block.
func window[T any](list []T, block int) []T {
	n := min(blockSize, len(list))
	at := block * n % (len(list) - n + 1)
	return list[at : at+n]
}
