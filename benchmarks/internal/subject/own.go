package subject

import (
	"reflect"
	"strings"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

// Own returns strategies of yours, which are measured and drawn beside the
// library's, and told as yours. To add one, write its type into a file of this
// package, return it here, and ask for it:
//
//	return []Strategy{{Name: "mine", Strategy: Mine{}, Own: true}}
//
//	go run ./benchmarks/report -quick -only strategy=mine,strategy=bounded
//
// A Build and a Select are enough: [selector.Strategy] and [selector.Selector]
// say what they must do. EqualOnly is for one that refuses unequal weights.
func Own() []Strategy { return nil }

// Impl returns who wrote the strategy, as cases are named.
func (s Strategy) Impl() string {
	if s.Own {
		return "own"
	}
	return "ecmp"
}

// Batched returns a selector with bursts: its own, or one look-up after another.
func Batched(s selector.Selector) selector.BatchSelector {
	if b, ok := s.(selector.BatchSelector); ok {
		return b
	}
	return oneByOne{s}
}

type oneByOne struct{ selector.Selector }

// SelectBatch implements [selector.BatchSelector].
func (s oneByOne) SelectBatch(dst []int32, hashes []uint64) {
	for i, h := range hashes {
		dst[i] = s.Select(h)
	}
}

// Parse returns a strategy that [selector.ParseStrategy] reads, whose name is
// the text. Commas in it are written as plus signs, as they part the cases that
// one asks for: bounded:slots=1024+slack=0.02.
func Parse(text string) (Strategy, error) {
	s, err := selector.ParseStrategy(strings.ReplaceAll(text, "+", ","))
	if err != nil {
		return Strategy{}, err
	}
	found := Strategy{Name: text, Strategy: s}
	for _, row := range catalog.All() {
		if reflect.TypeOf(row.Strategy) == reflect.TypeOf(s) {
			found.EqualOnly = row.EqualOnly
		}
	}
	return found, nil
}
