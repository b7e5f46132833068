package suite

import (
	"fmt"

	"github.com/ecmp-go/ecmp/benchmarks/internal/metrics"
	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// Slack is the trade between balance and disruption that Bounded makes with its
// slack, with Maglev beside it in tables of the same size, and what smaller and
// larger tables make of it.
func Slack() Suite {
	return Suite{
		Name:  "Slack",
		Exact: true,
		Cases: func(size Size) (cases []Case) {
			for _, s := range slackSubjects() {
				for _, n := range size.Slack {
					cases = append(cases, evenness(s, n, size.sets(), "equal", 1))
					for _, e := range slackEvents() {
						cases = append(cases, disruption(s, n, size, e))
					}
				}
				for _, n := range size.Steps {
					if s.atLeast {
						cases = append(cases, disruption(s, n, size, slackEvents()[1]))
					}
				}
				for n := 2; n <= 16 && size.Draws > 3; n++ {
					cases = append(cases, evenness(s, n, size.manySets(n), "equal/sets=many", 1))
				}
				for _, n := range []int{8, 100} {
					cases = append(cases, evenness(s, n, size.sets(), "1:2:3:10", 1, 2, 3, 10))
				}
			}
			for _, s := range sizedSubjects() {
				members := size.Small
				if s.large {
					members = size.Large
				}
				for _, n := range members {
					cases = append(cases, evenness(s.slackSubject, n, size.sets(), "equal", 1))
					for _, e := range slackEvents() {
						cases = append(cases, disruption(s.slackSubject, n, size, e))
					}
				}
			}
			return cases
		},
	}
}

type slackSubject struct {
	name     string
	strategy selector.Strategy
	atLeast  bool // its shares are as even as whole slots can be
}

func slackSubjects() []slackSubject {
	list := []slackSubject{{"strategy=maglev/slots=65537", selector.Maglev{}, true}}
	for _, s := range []struct {
		name  string // in thousandths
		slack selector.Slack
	}{{"0", selector.NoSlack}, {"20", 20}, {"50", 50}, {"unlimited", selector.UnlimitedSlack}} {
		name := "strategy=bounded/slots=65536/slack=" + s.name
		list = append(list, slackSubject{name, selector.Bounded{Slack: s.slack}, s.slack == selector.NoSlack})
	}
	return list
}

// A sizedSubject has another number of slots than the default: few, or as much
// memory as Maglev's large table has.
type sizedSubject struct {
	slackSubject
	large bool
}

func sizedSubjects() (list []sizedSubject) {
	add := func(slots uint32, name string, s selector.Strategy) {
		name = fmt.Sprintf(name, slots)
		list = append(list, sizedSubject{slackSubject{name: name, strategy: s}, slots > 1<<16})
	}
	for _, slots := range []uint32{1021, 4093, 524309, 655373} {
		add(slots, "strategy=maglev/slots=%d", selector.Maglev{Size: slots})
	}
	for _, slots := range []uint32{1024, 4096, 1 << 19} {
		add(slots, "strategy=bounded/slots=%d/slack=50", selector.Bounded{Slots: slots, Slack: 50})
	}
	return list
}

// A slackEvent turns n members, of the all that there are, into others.
type slackEvent struct {
	name  string
	apply func(all []selector.Member, n, tenth int) []selector.Member
}

func slackEvents() []slackEvent {
	return []slackEvent{
		{"remove", func(all []selector.Member, n, _ int) []selector.Member { return all[1:n] }},
		{"add", func(all []selector.Member, n, _ int) []selector.Member { return all[:n+1] }},
		{"replace", func(all []selector.Member, n, _ int) []selector.Member { return all[1 : n+1] }},
		{"remove10pct", func(all []selector.Member, n, tenth int) []selector.Member { return all[tenth:n] }},
		{"add10pct", func(all []selector.Member, n, tenth int) []selector.Member { return all[:n+tenth] }},
	}
}

// sets returns the seeds of draws of members. Draws of fewer members are the
// first ones of those of more.
func (s Size) sets() (seeds []uint64) {
	for i := range s.Draws {
		seeds = append(seeds, s.Seed(i))
	}
	return seeds
}

// manySets returns the seeds of three times as many draws, of n members alone:
// else a lucky draw of few would be one of all numbers of members beside it.
func (s Size) manySets(n int) (seeds []uint64) {
	for i := range 3 * s.Draws {
		seeds = append(seeds, s.Seed(n<<16|i))
	}
	return seeds
}

// evenness is a case of how even the shares of a table are, in sets of members
// of these seeds.
func evenness(s slackSubject, n int, seeds []uint64, name string, weights ...uint32) Case {
	return Case{fmt.Sprintf("%s/n=%d/weights=%s", s.name, n, name), func() (*Work, error) {
		var peak, low, rms []float64
		var members []selector.Member
		for _, seed := range seeds {
			members = subject.Drawn(seed, n, weights...)
			p, err := slots(s.strategy, members)
			if err != nil {
				return nil, err
			}
			b := p.Balance()
			peak, low, rms = append(peak, b.PeakToMean), append(low, b.LowToMean), append(rms, b.RMSError)
		}
		w, err := buildWork(s.strategy, members)
		if err != nil {
			return nil, err
		}
		w.Figures = map[string]results.Figure{
			"peak-to-mean": results.Mean(peak), "low-to-mean": results.Mean(low), "rms-error": results.Mean(rms),
		}
		return w, nil
	}}
}

// disruption is a case of what an event moves.
func disruption(s slackSubject, n int, size Size, e slackEvent) Case {
	return Case{fmt.Sprintf("%s/n=%d/event=%s", s.name, n, e.name), func() (*Work, error) {
		var ratios, moved []float64
		var after []selector.Member
		tenth := max(n/10, 1)
		for i := range size.Draws {
			all := subject.Drawn(size.Seed(i), n+tenth, 1)
			after = e.apply(all, n, tenth)
			was, err := slots(s.strategy, all[:n])
			if err != nil {
				return nil, err
			}
			is, err := slots(s.strategy, after)
			if err != nil {
				return nil, err
			}
			m := metrics.Compare(was, is)
			ratios, moved = append(ratios, m.Ratio()), append(moved, m.Moved)
		}
		w, err := buildWork(s.strategy, after)
		if err != nil {
			return nil, err
		}
		w.Figures = map[string]results.Figure{
			"disruption-ratio": results.Mean(ratios), "moved-share": results.Mean(moved),
		}
		return w, nil
	}}
}

// slots returns the placement of the slots of a table that is built for the
// members.
func slots(s selector.Strategy, members []selector.Member) (metrics.Placement, error) {
	built, err := selector.New(s, members)
	if err != nil {
		return metrics.Placement{}, err
	}
	return metrics.Slots(built.(selector.Tabled), members), nil
}
