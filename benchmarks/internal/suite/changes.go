package suite

import (
	"fmt"
	"slices"

	"github.com/ecmp-go/ecmp/benchmarks/internal/metrics"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// Hashes that one draw places where there is no table, for one change and for
// each of a series.
const (
	changeSize = 1 << 17
	drawnSize  = 1 << 12
)

// Changes is what events move, over draws of members, and what must move.
func Changes() Suite {
	return Suite{
		Name:  "Changes",
		Exact: true,
		OnDemand: "10, 100 and 1,000 members, series to 100, 20 sets of members, all slots of tables, 2^17 hashes of" +
			" the rest, 2^12 in a series, an hour on two cores",
		Cases: func(size Size) (cases []Case) {
			for _, s := range size.placements() {
				for _, n := range size.Members {
					for _, e := range events() {
						if follows(s, n, e) {
							cases = append(cases, change(size, s, n, e, 0, changeSize))
						}
						for _, gone := range []int{10, 50, 90} {
							if left := n * (100 - gone) / 100; left > 1 && (e.name == "remove" || e.name == "add") {
								cases = append(cases, change(size, s, n, e, gone, changeSize))
							}
						}
					}
				}
			}
			return cases
		},
	}
}

// follows reports whether a strategy can do what an event wants, in a time that
// somebody will wait for.
func follows(s subject.Strategy, n int, e event) bool {
	slow := e.series && (n > 100 || s.Name == "kkdai-maglev")
	return !slow && (!e.weights || !s.EqualOnly)
}

// change is a case of what an event moves in a group of n members, or in one
// that a share of n members has left. Where there is no table, it places that
// many hashes, drawnSize in a series.
func change(size Size, s subject.Strategy, n int, e event, gone, hashes int) Case {
	name := fmt.Sprintf("strategy=%s/n=%d/event=%s", s.Name, n, e.name)
	if gone > 0 {
		name += fmt.Sprintf("/gone=%dpct", gone)
	}
	return Case{name, func() (*Work, error) {
		draws := map[string][]float64{}
		var last []selector.Member
		for i := range size.Draws {
			set := subject.Set(size.Seed(i))
			j, after, err := journey(s, n, e, gone, hashes, set)
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
		w.Figures = means(draws)
		return w, nil
	}}
}

// journey follows an event with one draw of members and of hashes. It returns
// the members after the first change too.
func journey(s subject.Strategy, n int, e event, gone, hashes int, set subject.Set) (j metrics.Journey,
	after []selector.Member, err error) {
	if e.series {
		hashes = drawnSize
	}
	live, err := metrics.NewLive(s.Strategy, subject.Hashes(uint64(set)+1, hashes))
	if err != nil {
		return j, nil, err
	}
	live.Exact = true
	all := set.Members(n, e.weight)
	if gone > 0 {
		if _, err := live.Update(all); err != nil {
			return j, nil, err
		}
		all = survivors(all, set, gone)
	}
	j, err = live.Follow(all, e.apply(all, drawn(set)))
	for after = range e.apply(all, drawn(set)) {
		return j, slices.Clone(after), err
	}
	return j, all, err
}
