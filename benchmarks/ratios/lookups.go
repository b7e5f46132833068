package main

import (
	"fmt"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// tableContests compare look-ups in tables with those of go-maglev, which has
// none in batches.
func tableContests(n int) ([]contest, error) {
	theirs := subject.GoMaglev(subject.IDs(n))
	var list []contest
	for _, s := range []subject.Strategy{
		{Name: "Maglev", Strategy: selector.Maglev{}},
		{Name: "Bounded", Strategy: selector.Bounded{}},
		{Name: "Resilient", Strategy: selector.Resilient{}},
	} {
		built, err := newBatcher(s, n)
		if err != nil {
			return nil, err
		}
		for _, c := range []contest{
			{name: "batches of 32", bar: 2.5, ours: subject.Batches(built)},
			{name: "one by one", bar: 0.95, ours: subject.One(built)},
			{name: "one by one, concrete type", bar: 3, ours: inlined(built)},
		} {
			c.name = fmt.Sprintf("%s : go-maglev, N=%d, %s", s.Name, n, c.name)
			c.items, c.passes, c.theirs = subject.KeyCount, tablePasses, theirs
			list = append(list, c)
		}
	}
	return list, nil
}

// jumpContests compare what jumps with go-jump: Jump itself, and Memento with
// nothing removed.
func jumpContests(n int) ([]contest, error) {
	jump, err := newBatcher(selector.Jump{}, n)
	if err != nil {
		return nil, err
	}
	memento, err := newBatcher(selector.Memento{}, n)
	if err != nil {
		return nil, err
	}
	theirs := subject.GoJump(subject.IDs(n))
	return []contest{
		{name: fmt.Sprintf("Jump : go-jump, N=%d", n), bar: 1.5, by: medians, items: subject.KeyCount, passes: 1,
			ours: subject.One(jump), theirs: theirs},
		{name: fmt.Sprintf("Memento : go-jump, N=%d", n), bar: map[int]float64{100: 3, 1000: 3}[n], by: medians,
			items:  subject.KeyCount,
			passes: 1, ours: subject.One(memento), theirs: theirs},
	}, nil
}

// rendezvousContests compare with go-rendezvous, whose keys are strings, and
// which has no batches.
func rendezvousContests(n int) ([]contest, error) {
	built, err := newBatcher(selector.Rendezvous{}, n)
	if err != nil {
		return nil, err
	}
	bar := map[int]float64{10: 4, 100: 1.5, 1000: 1.1}[n]
	theirs := subject.GoRendezvous(subject.IDs(n))
	name := fmt.Sprintf("Rendezvous : go-rendezvous, N=%d, ", n)
	return []contest{
		{name: name + "batches of 32", bar: bar, items: subject.KeyCount, passes: 1, ours: subject.Batches(built),
			theirs: theirs},
		{name: name + "one by one", bar: bar, items: subject.KeyCount, passes: 1, ours: subject.One(built),
			theirs: theirs},
	}, nil
}

// anchorContests compare Anchor with a table look-up that the compiler inlines,
// which may be 3.5/0.6 times as fast.
func anchorContests(n int) ([]contest, error) {
	anchor, err := newBatcher(selector.Anchor{Capacity: uint32(n + n/10)}, n)
	if err != nil {
		return nil, err
	}
	table, err := newBatcher(selector.Resilient{}, n)
	if err != nil {
		return nil, err
	}
	return []contest{{name: fmt.Sprintf("Anchor : a table, N=%d, batches of 32 : inlined", n), bar: 0.6 / 3.5,
		items:  subject.KeyCount,
		passes: tablePasses, ours: subject.Batches(anchor), theirs: inlined(table)}}, nil
}

func newBatcher(s selector.Strategy, n int) (selector.BatchSelector, error) {
	built, err := selector.New(s, subject.Members(n, 1))
	if err != nil {
		return nil, err
	}
	batch, ok := built.(selector.BatchSelector)
	if !ok {
		return nil, fmt.Errorf("%T has no batches", built)
	}
	return batch, nil
}

// inlined looks up one key after another in a table of known type. A generic
// function, or a closure, would not have the look-up inlined.
func inlined(s selector.Selector) subject.Lookup {
	switch t := s.(type) {
	case *selector.RankedTable[uint8]:
		return func(k *subject.Keys) int { return sumOfBytes(&t.Table, k) }
	case *selector.RankedTable[uint16]:
		return func(k *subject.Keys) int { return sumOfWords(&t.Table, k) }
	case *selector.ResilientTable[uint8]:
		return func(k *subject.Keys) int { return sumOfBytes(&t.Table, k) }
	case *selector.ResilientTable[uint16]:
		return func(k *subject.Keys) int { return sumOfWords(&t.Table, k) }
	}
	return subject.One(s)
}

func sumOfBytes(t *selector.Table[uint8], k *subject.Keys) int {
	sum := 0
	for _, h := range k.Hashes {
		sum += t.Select(h)
	}
	return sum
}

func sumOfWords(t *selector.Table[uint16], k *subject.Keys) int {
	sum := 0
	for _, h := range k.Hashes {
		sum += t.Select(h)
	}
	return sum
}
