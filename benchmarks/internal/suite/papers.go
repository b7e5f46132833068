package suite

import (
	"strings"

	"github.com/ecmp-go/ecmp/benchmarks/internal/metrics"
	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// Papers is what papers measured, in their set-ups, with strategies of the
// library. The page benchmarks/papers.md has their values beside.
func Papers() Suite {
	return Suite{
		Name:  "Papers",
		Exact: true,
		Timed: func(name string) bool { return strings.HasPrefix(name, maglevBuilds) },
		OnDemand: "10 to 5,000 members as the papers have them, 3 to 200 draws of members and hashes, up to" +
			" 5*10^7 hashes, ten minutes on two cores",
		Cases: func(size Size) (cases []Case) {
			cases = append(cases, maglevPaper(size)...)
			cases = append(cases, jetPaper(size)...)
			cases = append(cases, cheetahPaper(size)...)
			cases = append(cases, lrhPaper(size)...)
			cases = append(cases, rfc2992(size)...)
			cases = append(cases, ringPapers(size)...)
			cases = append(cases, minimalPapers(size)...)
			return append(cases, rt152(size)...)
		},
	}
}

// paperCase is a case of the means of draws, each of other members and hashes.
func paperCase(size Size, draws int, name string, draw func(set subject.Set) (numbers, error)) Case {
	return Case{Name: name, New: func() (*Work, error) {
		lists := map[string][]float64{}
		for i := range max(1, draws) {
			got, err := draw(subject.Set(size.Seed(i)))
			if err != nil {
				return nil, err
			}
			for unit, v := range got {
				lists[unit] = append(lists[unit], v)
			}
		}
		w := &Work{Items: 1, Pass: func() {}, Figures: map[string]results.Figure{}}
		for unit, list := range lists {
			w.Figures[unit] = results.Mean(list)
		}
		return w, nil
	}}
}

// tableShares is how even the slots of a table are.
func tableShares(s selector.Strategy, members []selector.Member) (numbers, error) {
	p, err := slots(s, members)
	if err != nil {
		return nil, err
	}
	return evenly(p.Balance()), nil
}

// placedShares is how even the shares of these hashes are.
func placedShares(s selector.Strategy, members []selector.Member, hashes []uint64) (numbers, error) {
	built, err := selector.New(s, members)
	if err != nil {
		return nil, err
	}
	return evenly(metrics.Place(built, members, hashes).Balance()), nil
}

func evenly(b metrics.Balance) numbers {
	return numbers{"peak-to-mean": b.PeakToMean, "low-to-mean": b.LowToMean, "rms-error": b.RMSError,
		"chi-square": b.ChiSquare}
}

// spaced returns hashes that are evenly apart: on a ring they measure arcs, with
// next to no error of sampling.
func spaced(n int) []uint64 {
	hashes, step := make([]uint64, n), ^uint64(0)/uint64(n)+1
	for i := range hashes {
		hashes[i] = uint64(i) * step
	}
	return hashes
}

// removal is what the removal of one member of a group moves, of the hashes or
// of all slots of a table. All are the members that there were before others
// left.
func removal(s selector.Strategy, all, now []selector.Member, leave int, hashes []uint64) (metrics.Moves, error) {
	live, err := metrics.NewLive(s, hashes)
	if err != nil {
		return metrics.Moves{}, err
	}
	live.Exact = true
	if _, err := live.Update(all); err != nil {
		return metrics.Moves{}, err
	}
	left := make([]selector.Member, 0, len(now)-1)
	left = append(append(left, now[:leave]...), now[leave+1:]...)
	j, err := live.Follow(now, single(left))
	return j.Moves, err
}
