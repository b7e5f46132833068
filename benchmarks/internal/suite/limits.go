package suite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ecmp-go/ecmp/benchmarks/internal/metrics"
	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// limitSets is how many sets of members each limit is looked for in.
const limitSets = 40

// Limits is where Bounded is not ahead of Maglev, or takes long to build.
func Limits() Suite {
	return Suite{
		Name:     "Limits",
		Exact:    true,
		Timed:    func(name string) bool { return strings.HasPrefix(name, "what=build") },
		OnDemand: "2 to 10 members of three weightings in 40 sets, builds to 60,000 members, two minutes on two cores",
		Cases: func(size Size) (cases []Case) {
			sets := min(limitSets, 2*size.Draws)
			for n := 2; n <= 10; n++ {
				for _, weights := range limitWeights() {
					for _, change := range limitChanges() {
						cases = append(cases, limitCase(size, sets, n, weights, change))
					}
				}
			}
			for _, n := range limitMembers(size) {
				cases = append(cases, limitBuilds(n)...)
			}
			return cases
		},
	}
}

func limitMembers(size Size) []int {
	if size.Draws <= 3 {
		return []int{10, 1000}
	}
	return []int{10, 100, 1000, 10_000, 60_000}
}

type limitWeighting struct {
	name    string
	weights []uint32
}

func limitWeights() []limitWeighting {
	return []limitWeighting{
		{"equal", []uint32{10}}, {"1:100", []uint32{10, 1000}}, {"1:2:3:10", []uint32{10, 20, 30, 100}},
	}
}

type limitChange struct {
	name  string
	apply func(m []selector.Member) []selector.Member
}

// limitChanges happen to the first member, the lightest, or to a heavy one.
func limitChanges() []limitChange {
	return []limitChange{
		{"remove", func(m []selector.Member) []selector.Member { return m[1:] }},
		{"weight", func(m []selector.Member) []selector.Member { m[0].Weight *= 2; return m }},
		{"weight-heavy", func(m []selector.Member) []selector.Member { m[1].Weight *= 2; return m }},
		{"weight10pct", func(m []selector.Member) []selector.Member { m[0].Weight += m[0].Weight / 10; return m }},
	}
}

// limitCase compares, set by set, what Bounded moves with what Maglev does.
func limitCase(size Size, sets, n int, w limitWeighting, change limitChange) Case {
	return Case{fmt.Sprintf("what=moves/weights=%s/n=%d/event=%s", w.name, n, change.name), func() (*Work, error) {
		lists := map[string][]float64{}
		for i := range sets {
			before := subject.Drawn(size.Seed(i), n, w.weights...)
			after := change.apply(slices.Clone(before))
			ratios := map[string]float64{}
			for name, s := range limitStrategies() {
				was, err := slots(s, before)
				if err != nil {
					return nil, err
				}
				is, err := slots(s, after)
				if err != nil {
					return nil, err
				}
				ratios[name] = metrics.Compare(was, is).Ratio()
				lists[name+"-ratio"] = append(lists[name+"-ratio"], ratios[name])
				lists[name+"-rms-error"] = append(lists[name+"-rms-error"], was.Balance().RMSError)
			}
			for _, name := range []string{"none", "default"} {
				lists[name+"-behind"] = append(lists[name+"-behind"], one(ratios[name] > ratios["maglev"]))
			}
		}
		work := &Work{Items: 1, Pass: func() {}, Figures: map[string]results.Figure{}}
		for unit, list := range lists {
			work.Figures[unit] = results.Mean(list)
		}
		return work, nil
	}}
}

func limitStrategies() map[string]selector.Strategy {
	return map[string]selector.Strategy{
		"maglev": selector.Maglev{}, "none": selector.Bounded{Slack: selector.NoSlack}, "default": selector.Bounded{},
	}
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// limitBuilds are builds for n members, of equal weights and of as many
// weights as members.
func limitBuilds(n int) (cases []Case) {
	distinct := subject.Members(n, 1)
	for i := range distinct {
		distinct[i].Weight = uint32(i + 1)
	}
	for _, weights := range []string{"equal", "distinct"} {
		members := subject.Members(n, 1)
		if weights == "distinct" {
			members = distinct
		}
		for _, name := range []string{"maglev", "default", "none"} {
			s := limitStrategies()[name]
			cases = append(cases, Case{
				fmt.Sprintf("what=build/n=%d/strategy=%s/weights=%s/impl=ecmp", n, name, weights),
				func() (*Work, error) {
					if _, err := selector.New(s, members); err != nil {
						return nil, err
					}
					return &Work{Items: 1, Pass: func() {
						if _, err := selector.New(s, members); err != nil {
							panic(err) // it did not fail before
						}
					}}, nil
				},
			})
		}
	}
	return cases
}
