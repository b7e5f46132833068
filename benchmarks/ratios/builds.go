package main

import (
	"fmt"

	"github.com/dgryski/go-maglev"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// buildContests compare builds: of Maglev with go-maglev, of Bounded with both
// and, with weights, with itself.
func buildContests() []contest {
	list := []contest{
		build("Maglev : go-maglev, N=100, build of 655,373 slots", 3.5, ours(selector.Maglev{Size: maglev.BigM},
			100, 1), theirs(100, maglev.BigM)),
	}
	for _, n := range subject.Sizes() {
		small := theirs(n, maglev.SmallM)
		fastMaglev, bounded := ours(selector.Maglev{}, n, 1), ours(selector.Bounded{}, n, 1)
		list = append(list,
			build(fmt.Sprintf("Maglev : go-maglev, N=%d, build", n), map[int]float64{100: 2.5}[n], fastMaglev, small),
			build(fmt.Sprintf("Bounded : go-maglev, N=%d, build", n), 1, bounded, small),
			build(fmt.Sprintf("Bounded : our Maglev, N=%d, build", n), 1./2, bounded, fastMaglev),
			build(fmt.Sprintf("Bounded with weights 1:2:3:10 : without, N=%d, build", n), 1./5,
				ours(selector.Bounded{}, n, 1, 2, 3, 10), bounded),
		)
	}
	return list
}

func build(name string, bar float64, ours, theirs subject.Lookup) contest {
	return contest{name: name, bar: bar, items: 1, passes: 1, ours: ours, theirs: theirs}
}

// ours builds a selector for members of these weights; keys are of no use to
// it.
func ours(s selector.Strategy, n int, weights ...uint32) subject.Lookup {
	members := subject.Members(n, weights...)
	return func(*subject.Keys) int {
		built, err := selector.New(s, members)
		if err != nil {
			panic(err) // a mistake in this program
		}
		return built.Select(0)
	}
}

func theirs(n int, slots uint64) subject.Lookup {
	ids := subject.IDs(n)
	return func(*subject.Keys) int { return maglev.New(ids, slots).Lookup(0) }
}
