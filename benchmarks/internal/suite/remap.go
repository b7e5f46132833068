package suite

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/ecmp-go/ecmp/benchmarks/internal/metrics"
	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

const (
	// hashes that are placed to see what one change moves, and how even the
	// load is
	sampleSize = 1 << 20
	seriesSize = 1 << 14 // hashes that are placed after each of a series of changes
)

// An event changes a group of equal members once.
type event struct {
	name    string
	weights bool // it makes weights unequal, or zero
	apply   func(members []selector.Member) []selector.Member
}

// events are in the middle of the order of IDs, where a change costs positional
// strategies (Modulo, Threshold, Jump) about as much as on average, unless
// their names say where. Members that join do so at the end, as members that
// are numbered do.
func events() []event {
	return []event{
		{"add", false, func(m []selector.Member) []selector.Member { return append(m, newcomer(len(m))) }},
		{"remove", false, func(m []selector.Member) []selector.Member {
			return slices.Delete(m, len(m)/2,
				len(m)/2+1)
		}},
		{"remove-first", false, func(m []selector.Member) []selector.Member { return m[1:] }},
		{"remove-last", false, func(m []selector.Member) []selector.Member { return m[:len(m)-1] }},
		{"remove10pct", false, func(m []selector.Member) []selector.Member {
			i := -1
			return slices.DeleteFunc(m, func(selector.Member) bool { i++; return i%10 == 5 })
		}},
		{"replace", false, func(m []selector.Member) []selector.Member {
			return append(slices.Delete(m, len(m)/2, len(m)/2+1), newcomer(len(m)))
		}},
		{"drain", true, func(m []selector.Member) []selector.Member { m[len(m)/2].Weight = 0; return m }},
		{"weight", true, func(m []selector.Member) []selector.Member { m[len(m)/2].Weight *= 2; return m }},
	}
}

func newcomer(i int) selector.Member { return selector.Member{ID: subject.ID(i), Weight: 1} }

// rollingRestart takes each member out and puts it back, one after another.
func rollingRestart(n int) iter.Seq[[]selector.Member] {
	return func(yield func([]selector.Member) bool) {
		all := subject.Members(n, 1)
		for i := range all {
			if !yield(slices.Delete(slices.Clone(all), i, i+1)) || !yield(all) {
				return
			}
		}
	}
}

// churn is a thousand changes, each with equal odds of a random member that
// leaves or one that joins, be it new or one that left before. There are never
// fewer than 3/4 or more than 5/4 of n members.
func churn(n int) iter.Seq[[]selector.Member] {
	return func(yield func([]selector.Member) bool) {
		r := rand.New(rand.NewPCG(7, uint64(n)))
		present, gone, next := subject.Members(n, 1), []selector.Member(nil), n
		for range 1000 {
			leave := r.IntN(2) == 0
			switch {
			case leave && len(present) > n-n/4 || len(present) >= n+n/4:
				i := r.IntN(len(present))
				gone = append(gone, present[i])
				present = slices.Delete(present, i, i+1)
			case len(gone) > 0 && r.IntN(2) == 0:
				i := r.IntN(len(gone))
				present = append(present, gone[i])
				gone = slices.Delete(gone, i, i+1)
			default:
				present = append(present, newcomer(next))
				next++
			}
			if !yield(present) {
				return
			}
		}
	}
}

// Remap is what an event moves.
func Remap() Suite {
	return Suite{
		Name:  "Remap",
		Exact: true,
		Cases: func(size Size) (cases []Case) {
			hashes := sync.OnceValue(func() []uint64 { return subject.Hashes(1, sampleSize) })
			for _, s := range subject.Placements() {
				for _, n := range size.Members {
					for _, e := range events() {
						if !e.weights || !s.EqualOnly {
							cases = append(cases, remap(s, n, e.name, hashes, func(yield func([]selector.Member) bool) {
								yield(e.apply(subject.Members(n, 1)))
							}))
						}
					}
					if n <= 100 && s.Name != "kkdai-maglev" {
						few := func() []uint64 { return hashes()[:seriesSize] }
						cases = append(cases, remap(s, n, "restart", few, rollingRestart(n)),
							remap(s, n, "churn", few, churn(n)))
					}
				}
			}
			return cases
		},
	}
}

func remap(s subject.Strategy, n int, event string, hashes func() []uint64, changes iter.Seq[[]selector.Member]) Case {
	return Case{fmt.Sprintf("strategy=%s/n=%d/event=%s", s.Name, n, event), func() (*Work, error) {
		live, err := metrics.NewLive(s.Strategy, hashes())
		if err != nil {
			return nil, err
		}
		j, err := live.Follow(subject.Members(n, 1), changes)
		if err != nil {
			return nil, err
		}
		var after []selector.Member
		for after = range changes {
			break
		}
		w, err := buildWork(s, after)
		if err != nil {
			return nil, err
		}
		w.Figures = results.Exact(numbers{
			"moved-share": j.Moved, "forced-share": j.Forced, "collateral-share": j.Collateral,
			"disruption-ratio": j.Ratio(),
		})
		if j.Changes > 1 {
			w.Figures["displaced-share"] = results.Figure{Value: j.Ended}
		}
		return w, nil
	}}
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
