package suite

import (
	"fmt"

	"github.com/ecmp-go/ecmp/benchmarks/internal/metrics"
	"github.com/ecmp-go/ecmp/benchmarks/internal/prior"
	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// Prior is Bounded beside rules that were known before, in tables of the same
// size.
func Prior() Suite {
	return Suite{
		Name:  "Prior",
		Exact: true,
		OnDemand: "10 to 2,000 equal members, 65,536 slots, 20 sets of members, 3 where there are more than 500," +
			" some minutes",
		Cases: func(size Size) (cases []Case) {
			for _, n := range size.Prior {
				for _, s := range priorSubjects() {
					for _, slack := range s.slacks {
						cases = append(cases, priorCase(s, slack, n, min(size.Draws, priorDraws(n))))
					}
				}
			}
			return cases
		},
	}
}

// priorDraws keeps the suite to some minutes, as the models take a time of
// slots*members.
func priorDraws(n int) int {
	if n > 500 {
		return 3
	}
	return 20
}

type priorSubject struct {
	name   string
	slacks []int // in thousandths
	place  func(members []selector.Member, slack int) (metrics.Placement, error)
}

const (
	priorSlots    = 1 << 16
	priorNoLimit  = 1 << 20 // thousandths: no cap binds
	unlimitedName = "unlimited"
)

func priorSubjects() []priorSubject {
	limited := []int{0, 20, 50}
	all := append(limited[:3:3], priorNoLimit)
	model := func(rule prior.Rule, exact bool) func([]selector.Member, int) (metrics.Placement, error) {
		return func(members []selector.Member, slack int) (metrics.Placement, error) {
			ids := make([]string, len(members))
			for i, m := range members {
				ids[i] = m.ID
			}
			caps := prior.Roof(priorSlots, len(ids), slack)
			if exact {
				caps = prior.Exact(ids, priorSlots, slack)
			}
			return metrics.Placement{Members: members, Owners: rule(ids, priorSlots, caps)}, nil
		}
	}
	return []priorSubject{
		{"ring", all, model(prior.Ring, false)},
		{"serial", all, model(prior.Serial, false)},
		{"greedy", limited, model(prior.Greedy, false)},
		{"greedy-exact", limited, model(prior.Greedy, true)},
		{"walks", []int{priorNoLimit}, model(prior.Walks, false)},
		{"bounded", all, func(members []selector.Member, slack int) (metrics.Placement, error) {
			return slots(selector.Bounded{Slack: priorSlack(slack)}, members)
		}},
	}
}

func priorSlack(thousandths int) selector.Slack {
	switch thousandths {
	case 0:
		return selector.NoSlack
	case priorNoLimit:
		return selector.UnlimitedSlack
	}
	return selector.Slack(thousandths)
}

// priorCase is a case of how even a table is, and of what a removal moves.
func priorCase(s priorSubject, slack, n, draws int) Case {
	text := fmt.Sprint(slack)
	if slack == priorNoLimit {
		text = unlimitedName
	}
	return Case{fmt.Sprintf("rule=%s/slack=%s/n=%d", s.name, text, n), func() (*Work, error) {
		var peak, low, ratios []float64
		var members []selector.Member
		for seed := range draws {
			members = subject.Drawn(uint64(seed), n, 1)
			was, err := s.place(members, slack)
			if err != nil {
				return nil, err
			}
			is, err := s.place(members[1:], slack)
			if err != nil {
				return nil, err
			}
			b := was.Balance()
			peak, low = append(peak, b.PeakToMean), append(low, b.LowToMean)
			ratios = append(ratios, metrics.Compare(was, is).Ratio())
		}
		return &Work{
			Items: 1,
			Pass: func() {
				if _, err := s.place(members, slack); err != nil {
					panic(err) // it did not fail before
				}
			},
			Figures: map[string]results.Figure{
				"peak-to-mean": results.Mean(peak), "low-to-mean": results.Mean(low),
				"disruption-ratio": results.Mean(ratios),
			},
		}, nil
	}}
}
