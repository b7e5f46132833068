package suite

import (
	"fmt"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// Shares is how near shares come to the weights.
func Shares() Suite {
	return Suite{
		Name:  "Shares",
		Exact: true,
		Cases: func(size Size) (cases []Case) {
			for _, s := range size.placements() {
				for _, n := range []int{8, 100} {
					if s.EqualOnly {
						continue
					}
					name := fmt.Sprintf("strategy=%s/n=%d/weights=1:2:3:10", s.Name, n)
					cases = append(cases, Case{name, func() (*Work, error) { return sharesWork(size, s, n) }})
				}
			}
			return cases
		},
	}
}

// sharesWork is of draws of members, which share the hashes.
func sharesWork(size Size, s subject.Strategy, n int) (*Work, error) {
	var l loads
	var members []selector.Member
	hashes := size.Shares
	for i := range size.Draws {
		members = subject.Set(size.Seed(i)).Members(n, 1, 2, 3, 10)
		built, err := selector.New(s, members)
		if err != nil {
			return nil, err
		}
		sample := []uint64(nil)
		if _, ok := built.(selector.Tabled); ok {
			hashes = 0
		} else {
			sample = subject.Hashes(size.Seed(i)+1, size.Shares/size.Draws)
		}
		l.add(built, members, sample, nil)
	}
	w, err := buildWork(s, members)
	if err != nil {
		return nil, err
	}
	w.Figures = l.figures()
	w.Figures["hashes"] = results.Figure{Value: float64(hashes)}
	return w, nil
}
