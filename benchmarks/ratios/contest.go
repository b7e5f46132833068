package main

import (
	"time"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
)

// A contest is between the library and another one, or between two of the
// library's own strategies. A pass does items things: it looks up all keys, or
// builds one table.
type contest struct {
	name         string
	bar          float64   // how much faster the library promises to be; 0 is no promise
	by           statistic // of the blocks that are compared
	items        int
	passes       int // in a block
	ours, theirs subject.Lookup

	sum int // of all answers
}

// tablePasses makes a block of look-ups in a table long enough for the clock
// and for a stray interrupt.
const tablePasses = 16

// contests are all of them.
func contests() ([]contest, error) {
	var list []contest
	for _, between := range []func(n int) ([]contest, error){tableContests, jumpContests, rendezvousContests,
		anchorContests} {
		for _, n := range subject.Sizes() {
			more, err := between(n)
			if err != nil {
				return nil, err
			}
			list = append(list, more...)
		}
	}
	list = append(list, buildContests()...)
	more, err := groupsContests()
	return append(list, more...), err
}

// run returns the nanoseconds an item of each block of both sides. They take
// turns, and in who goes first as well.
func (c *contest) run(blocks int) (ours, theirs []float64) {
	c.block(c.ours, subject.RandomKeys(0))
	c.block(c.theirs, subject.RandomKeys(0))
	for i := range blocks {
		keys := subject.RandomKeys(uint64(i) + 1)
		if i%2 == 0 {
			ours = append(ours, c.block(c.ours, keys))
		}
		theirs = append(theirs, c.block(c.theirs, keys))
		if i%2 == 1 {
			ours = append(ours, c.block(c.ours, keys))
		}
	}
	return ours, theirs
}

func (c *contest) block(pass subject.Lookup, keys *subject.Keys) float64 {
	began := time.Now()
	for range c.passes {
		c.sum += pass(keys)
	}
	return float64(time.Since(began).Nanoseconds()) / float64(c.passes*c.items)
}
