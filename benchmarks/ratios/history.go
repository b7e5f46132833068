package main

import (
	"fmt"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// resilientContests compare the table of Resilient with go-maglev's.
func resilientContests(n int) ([]contest, error) {
	built, err := newBatcher(selector.Resilient{}, n)
	if err != nil {
		return nil, err
	}
	theirs := subject.GoMaglev(subject.IDs(n))
	name := fmt.Sprintf("Resilient : go-maglev N=%d, ", n)
	return []contest{
		{name: name + "batches of 32 : one by one", bar: 2.5, by: minima, items: subject.KeyCount, passes: tablePasses,
			ours: subject.Batches(built), theirs: theirs},
		{name: name + "one by one", bar: 0.95, by: minima, items: subject.KeyCount, passes: tablePasses,
			ours: subject.One(built), theirs: theirs},
		{name: name + "one by one, concrete type", bar: 3, by: minima, items: subject.KeyCount, passes: tablePasses,
			ours: inlined(built), theirs: theirs},
	}, nil
}

// historyContests compare Memento, nothing removed, with go-jump, and Anchor with a table look-up that the compiler inlines,
// which may be 3.5/0.6 times as fast.
func historyContests(n int) ([]contest, error) {
	memento, err := newBatcher(selector.Memento{}, n)
	if err != nil {
		return nil, err
	}
	anchor, err := newBatcher(selector.Anchor{Capacity: uint32(n + n/10)}, n)
	if err != nil {
		return nil, err
	}
	table, err := newBatcher(selector.Resilient{}, n)
	if err != nil {
		return nil, err
	}
	return []contest{
		{name: fmt.Sprintf("Memento : go-jump N=%d, one by one", n), bar: map[int]float64{10: 1, 100: 3, 1000: 3}[n], by: medians,
			items: subject.KeyCount, passes: 1, ours: subject.One(memento), theirs: subject.GoJump(subject.IDs(n))},
		{name: fmt.Sprintf("Anchor : a table N=%d, batches of 32 : inlined", n), bar: 0.6 / 3.5, by: minima,
			items: subject.KeyCount, passes: tablePasses, ours: subject.Batches(anchor), theirs: inlined(table)},
	}, nil
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

// inlined looks up one key after another in a table of known type. A generic function, or a closure, would not have the
// look-up inlined.
func inlined(s selector.Selector) subject.Lookup {
	switch t := s.(type) {
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
