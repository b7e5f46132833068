package main

import (
	"fmt"
	"time"

	"github.com/dgryski/go-maglev"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// A contest is between the library and another one. A pass does items things: it looks up all keys, or builds one table.
type contest struct {
	name         string
	bar          float64   // how much faster the library promises to be
	by           statistic // of the blocks that are compared
	items        int
	passes       int // in a block
	ours, theirs subject.Lookup

	sum int // of all answers
}

// tablePasses makes a block of look-ups in a table long enough for the clock and for a stray interrupt.
const tablePasses = 16

func contests() ([]contest, error) {
	var list []contest
	for _, between := range []func(n int) ([]contest, error){
		maglevContests, jumpContests, rendezvousContests, resilientContests, historyContests,
	} {
		for _, n := range subject.Sizes() {
			more, err := between(n)
			if err != nil {
				return nil, err
			}
			list = append(list, more...)
		}
	}
	more, err := groupsContests()
	return append(list, more...), err
}

func maglevContests(n int) ([]contest, error) {
	members, ids := subject.Members(n, 1), subject.IDs(n)
	built, err := selector.New(selector.Maglev{}, members)
	if err != nil {
		return nil, err
	}
	batch, ok := built.(selector.BatchSelector)
	if !ok {
		return nil, fmt.Errorf("%T has no batches", built)
	}
	build := func(*subject.Keys) int {
		s, err := selector.New(selector.Maglev{}, members)
		if err != nil {
			return 0
		}
		return s.Select(0)
	}
	theirBuild := func(*subject.Keys) int { return maglev.New(ids, maglev.SmallM).Lookup(0) }
	theirs := subject.GoMaglev(ids)
	name := fmt.Sprintf("Maglev N=%d, ", n)
	return []contest{
		{name: name + "batches of 32 : one by one", bar: 2.5, by: minima, items: subject.KeyCount, passes: tablePasses,
			ours: subject.Batches(batch), theirs: theirs},
		{name: name + "one by one", bar: 1, by: minima, items: subject.KeyCount, passes: tablePasses,
			ours: subject.One(built), theirs: theirs},
		{name: name + "build", bar: 2, by: minima, items: 1, passes: 1, ours: build, theirs: theirBuild},
	}, nil
}

func jumpContests(n int) ([]contest, error) {
	built, err := selector.New(selector.Jump{}, subject.Members(n, 1))
	if err != nil {
		return nil, err
	}
	return []contest{{name: fmt.Sprintf("Jump N=%d, one by one", n), bar: 1.4, by: medians, items: subject.KeyCount, passes: 1,
		ours: subject.One(built), theirs: subject.GoJump(subject.IDs(n))}}, nil
}

func rendezvousContests(n int) ([]contest, error) {
	built, err := selector.New(selector.Rendezvous{}, subject.Members(n, 1))
	if err != nil {
		return nil, err
	}
	bar := map[int]float64{10: 4, 100: 1.5, 1000: 1.1}[n]
	return []contest{{name: fmt.Sprintf("Rendezvous N=%d, one by one", n), bar: bar, by: minima, items: subject.KeyCount, passes: 1,
		ours: subject.One(built), theirs: subject.GoRendezvous(subject.IDs(n))}}, nil
}

// run returns the nanoseconds an item of each block of both sides. They take turns, and in who goes first as well.
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
