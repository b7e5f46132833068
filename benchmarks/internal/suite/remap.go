package suite

import (
	"fmt"
	"slices"

	"github.com/ecmp-go/ecmp/benchmarks/internal/metrics"
	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

const (
	// hashes that are placed to see how even the load is
	sampleSize = 1 << 20
	// hashes that one draw places where there is no table, to see what one
	// change moves, and what each of a series moves
	changeSize = 1 << 17
	seriesSize = 1 << 12
)

// Remap is what an event moves.
func Remap() Suite {
	return Suite{
		Name:  "Remap",
		Exact: true,
		Cases: func(size Size) (cases []Case) {
			for _, s := range subject.Placements() {
				for _, n := range size.Members {
					for _, e := range events() {
						slow := e.series && (n > 100 || s.Name == "kkdai-maglev")
						if !slow && !(e.weights && s.EqualOnly) {
							cases = append(cases, remap(size, s, n, e, 0))
						}
						for _, gone := range []int{10, 50, 90} {
							if left := n * (100 - gone) / 100; left > 1 && (e.name == "remove" || e.name == "add") {
								cases = append(cases, remap(size, s, n, e, gone))
							}
						}
					}
				}
			}
			return cases
		},
	}
}

// remap is a case of what an event moves in a group of n members, or in one
// that a share of n members has left.
func remap(size Size, s subject.Strategy, n int, e event, gone int) Case {
	name := fmt.Sprintf("strategy=%s/n=%d/event=%s", s.Name, n, e.name)
	if gone > 0 {
		name += fmt.Sprintf("/gone=%dpct", gone)
	}
	return Case{name, func() (*Work, error) {
		draws := map[string][]float64{}
		var last []selector.Member
		for i := range size.Draws {
			set := subject.Set(size.Seed(i))
			j, after, err := journey(s, n, e, gone, set)
			if err != nil {
				return nil, err
			}
			for unit, v := range map[string]float64{
				"moved-share": j.Moved, "forced-share": j.Forced, "collateral-share": j.Collateral, "due-share": j.Due,
				"disruption-ratio": j.Ratio(), "moved-over-due": j.OverDue(), "displaced-share": j.Ended,
			} {
				if unit != "displaced-share" || j.Changes > 1 {
					draws[unit] = append(draws[unit], v)
				}
			}
			last = after
		}
		w, err := buildWork(s, last)
		if err != nil {
			return nil, err
		}
		w.Figures = map[string]results.Figure{}
		for unit, list := range draws {
			w.Figures[unit] = results.Mean(list)
		}
		return w, nil
	}}
}

// journey follows an event with one draw of members and of hashes. It returns
// the members after the first change too.
func journey(s subject.Strategy, n int, e event, gone int, set subject.Set) (j metrics.Journey,
	after []selector.Member, err error) {
	hashes := changeSize
	if e.series {
		hashes = seriesSize
	}
	live, err := metrics.NewLive(s.Strategy, subject.Hashes(uint64(set)+1, hashes))
	if err != nil {
		return j, nil, err
	}
	all := set.Members(n, e.weight)
	if gone > 0 {
		if _, err := live.Update(all); err != nil {
			return j, nil, err
		}
		all = survivors(all, set, gone)
	}
	j, err = live.Follow(all, e.apply(all, set))
	for after = range e.apply(all, set) {
		return j, slices.Clone(after), err
	}
	return j, all, err
}

// buildWork is the build of a selector.
func buildWork(s selector.Strategy, members []selector.Member) (*Work, error) {
	if _, err := selector.New(s, members); err != nil {
		return nil, err
	}
	return &Work{Items: 1, Pass: func() {
		if _, err := selector.New(s, members); err != nil {
			panic(err) // it did not fail before
		}
	}}, nil
}
