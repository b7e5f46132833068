package suite

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

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
		OnDemand: "10 to 2,000 members, 65,536 slots, 20 sets of members, upgrades to 100 members, 5 sets there," +
			" four minutes on two cores",
		Cases: func(size Size) (cases []Case) {
			for _, n := range size.Prior {
				drawn := sync.OnceValues(func() (map[string]map[string]results.Figure, error) {
					return priorFigures(size, n)
				})
				for _, name := range priorNames(n) {
					cases = append(cases, Case{name, func() (*Work, error) {
						figures, err := drawn()
						return &Work{Items: 1, Pass: func() {}, Figures: figures[name]}, err
					}})
				}
			}
			return cases
		},
	}
}

const (
	priorSlots   = 1 << 16
	priorUpgrade = 100 // members: the most whose upgrade is followed
	priorFew     = 10  // members: the most whose upgrade is followed in all draws, else in upgradeDraws
	upgradeDraws = 5
	priorNoLimit = 1 << 20 // thousandths: no cap binds
)

// A priorRule makes tables for members of a pool, in turn.
type priorRule struct {
	name    string
	slacks  []int // in thousandths
	weights bool  // it has them
	begin   func(slack int) func(c *priorCrowd, members []int32) (metrics.Placement, error)
}

func priorRules() []priorRule {
	limited := []int{0, 20, 50}
	all := append(limited[:3:3], priorNoLimit)
	type place = func(c *priorCrowd, members []int32) (metrics.Placement, error)
	model := func(rule prior.Rule, caps func(p *prior.Pool, members []int32, slack int) []int) func(int) place {
		return func(slack int) place {
			return func(c *priorCrowd, members []int32) (metrics.Placement, error) {
				return c.placement(members, rule(c.pool, members, caps(c.pool, members, slack))), nil
			}
		}
	}
	library := func(strategy func(slack int) selector.Strategy) func(int) place {
		return func(slack int) place {
			return func(c *priorCrowd, members []int32) (metrics.Placement, error) {
				return slots(strategy(slack), c.members(members))
			}
		}
	}
	return []priorRule{
		{"ring", all, false, model(prior.Ring, (*prior.Pool).Roof)},
		{"serial", all, true, model(prior.Serial, (*prior.Pool).Roof)},
		{"greedy", limited, true, model(prior.Greedy, (*prior.Pool).Roof)},
		{"greedy-exact", limited, true, model(prior.Greedy, (*prior.Pool).Exact)},
		{"walks", all[3:], true, model(prior.Walks, (*prior.Pool).Roof)},
		{"dxhash", all[3:], false, func(int) place {
			var d prior.DxHash
			return func(c *priorCrowd, members []int32) (metrics.Placement, error) {
				return c.placement(members, d.Place(c.pool, members)), nil
			}
		}},
		{"maglev", limited[:1], true, library(func(int) selector.Strategy { return selector.Maglev{} })},
		{"bounded", all, true, library(func(slack int) selector.Strategy {
			return selector.Bounded{Slack: priorSlack(slack)}
		})},
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

func (r priorRule) label(slack, n int) string {
	text := fmt.Sprint(slack)
	if slack == priorNoLimit {
		text = "unlimited"
	}
	return fmt.Sprintf("rule=%s/slack=%s/n=%d", r.name, text, n)
}

// A priorEvent turns members into others: a list of them after each change.
type priorEvent struct {
	name    string
	weights bool
	after   [][]int32
}

// A priorCrowd is a draw of candidates: n members, one that joins, and a member
// with two other weights; or 2n members, where they are upgraded.
type priorCrowd struct {
	candidates []selector.Member
	pool       *prior.Pool
	first      []int32
	events     []priorEvent
}

func newPriorCrowd(seed uint64, n, slots int) *priorCrowd {
	list, middle := subject.Drawn(seed, n+1, prior.Base), int32(n/2)
	for _, weight := range []uint32{prior.Base * 101 / 100, 2 * prior.Base} {
		list = append(list, selector.Member{ID: list[middle].ID, Weight: weight})
	}
	c := newPriorPool(list, n, slots)
	rest := slices.Delete(slices.Clone(c.first), int(middle), int(middle)+1)
	with := func(members []int32, one int) [][]int32 {
		return [][]int32{append(slices.Clip(members), int32(one))}
	}
	c.events = []priorEvent{
		{"remove", false, [][]int32{rest}},
		{"add", false, with(c.first, n)},
		{"replace", false, with(rest, n)},
		{"weight1pct", true, with(rest, n+1)},
		{"weight", true, with(rest, n+2)},
	}
	return c
}

func newPriorUpgrade(seed uint64, n, slots int) *priorCrowd {
	c := newPriorPool(subject.Drawn(seed, 2*n, prior.Base), n, slots)
	now, upgrade := slices.Clone(c.first), [][]int32(nil)
	for i := range now {
		now[i] = int32(n + i)
		upgrade = append(upgrade, slices.Clone(now))
	}
	c.events = []priorEvent{{"upgrade", false, upgrade}}
	return c
}

func newPriorPool(list []selector.Member, n, slots int) *priorCrowd {
	c := &priorCrowd{candidates: list}
	var candidates []prior.Candidate
	for i, m := range list {
		candidates = append(candidates, prior.Candidate{ID: m.ID, Weight: m.Weight})
		if i < n {
			c.first = append(c.first, int32(i))
		}
	}
	c.pool = prior.NewPool(candidates, slots)
	return c
}

func (c *priorCrowd) members(list []int32) []selector.Member {
	members := make([]selector.Member, len(list))
	for k, who := range list {
		members[k] = c.candidates[who]
	}
	return members
}

func (c *priorCrowd) placement(list, owners []int32) metrics.Placement {
	at := make([]int32, len(c.candidates))
	for k, who := range list {
		at[who] = int32(k)
	}
	for slot, who := range owners {
		owners[slot] = at[who]
	}
	return metrics.Placement{Members: c.members(list), Owners: owners}
}

// follow returns the balance of a rule's table for the first members, and what
// each event moves.
func (c *priorCrowd) follow(r priorRule, slack int) (b metrics.Balance, moved map[string]metrics.Moves, err error) {
	moved = map[string]metrics.Moves{}
	for _, e := range c.events {
		if e.weights && !r.weights {
			continue
		}
		place := r.begin(slack)
		was, err := place(c, c.first)
		if err != nil {
			return b, nil, err
		}
		b = was.Balance()
		var sum metrics.Moves
		for _, members := range e.after {
			is, err := place(c, members)
			if err != nil {
				return b, nil, err
			}
			m := metrics.Compare(was, is)
			sum.Moved, sum.Forced, sum.Due = sum.Moved+m.Moved, sum.Forced+m.Forced, sum.Due+m.Due
			was = is
		}
		moved[e.name] = sum
	}
	return b, moved, nil
}

// priorNames are the names of the cases of n members.
func priorNames(n int) (names []string) {
	for _, r := range priorRules() {
		for _, slack := range r.slacks {
			label := r.label(slack, n)
			names = append(names, label, label+"/event=remove", label+"/event=add", label+"/event=replace")
			if r.weights {
				names = append(names, label+"/event=weight1pct", label+"/event=weight")
			}
			if n <= priorUpgrade {
				names = append(names, label+"/event=upgrade")
			}
		}
	}
	return names
}

// priorFigures are the means over draws of all rules, by the names of cases.
// The rules share what a draw costs.
func priorFigures(size Size, n int) (map[string]map[string]results.Figure, error) {
	draws, errs := make([]map[string]numbers, size.Draws), make([]error, size.Draws)
	turns := make(chan struct{}, runtime.NumCPU())
	var all sync.WaitGroup
	for i := range draws {
		turns <- struct{}{}
		all.Go(func() {
			upgrade := n <= priorFew || n <= priorUpgrade && i < upgradeDraws
			draws[i], errs[i] = priorDraw(size.Seed(i), n, priorSlots, upgrade)
			<-turns
		})
	}
	all.Wait()
	figures := map[string]map[string]results.Figure{}
	for _, name := range priorNames(n) {
		lists := map[string][]float64{}
		for i := range draws {
			if errs[i] != nil {
				return nil, errs[i]
			}
			for unit, v := range draws[i][name] {
				lists[unit] = append(lists[unit], v)
			}
		}
		figures[name] = map[string]results.Figure{}
		for unit, list := range lists {
			// what moved over nothing that was forced has no mean
			if !slices.ContainsFunc(list, func(v float64) bool { return math.IsInf(v, 0) }) {
				figures[name][unit] = results.Mean(list)
			}
		}
	}
	return figures, nil
}

func priorDraw(seed uint64, n, slots int, upgrade bool) (map[string]numbers, error) {
	crowds := []*priorCrowd{newPriorCrowd(seed, n, slots)}
	if upgrade {
		crowds = append(crowds, newPriorUpgrade(seed, n, slots))
	}
	got := map[string]numbers{}
	for _, r := range priorRules() {
		for _, slack := range r.slacks {
			label := r.label(slack, n)
			for _, c := range crowds {
				b, moved, err := c.follow(r, slack)
				if err != nil {
					return nil, err
				}
				got[label] = numbers{
					"peak-to-mean": b.PeakToMean, "low-to-mean": b.LowToMean, "rms-error": b.RMSError,
				}
				for event, m := range moved {
					got[label+"/event="+event] = numbers{
						"moved-over-due": m.OverDue(), "disruption-ratio": m.Ratio(), "moved-share": m.Moved,
					}
				}
			}
		}
	}
	return got, nil
}
