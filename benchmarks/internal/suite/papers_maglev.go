package suite

import (
	"fmt"
	"math/rand/v2"

	"github.com/ecmp-go/ecmp/benchmarks/internal/metrics"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// maglevBuilds begins the names of cases whose time counts.
const maglevBuilds = "paper=maglev/section=5.3"

// maglevMembers is how many backends section 5.3 of the paper has.
const maglevMembers = 1000

// maglevTable is a size of a table in the paper, and that of Bounded beside it.
type maglevTable struct {
	name           string
	slots, bounded uint32
	trials         int // of figure 12
}

func maglevTables(size Size) []maglevTable {
	tables := []maglevTable{
		{"small", 65_537, 1 << 16, 10 * size.Draws}, // 200, as in the paper
		{"large", 655_373, 1 << 20, size.Draws},
	}
	if !size.Papers {
		tables[0].trials = size.Draws
		return tables[:1]
	}
	return tables
}

// maglevPaper is section 5.3 of Eisenbud et al., "Maglev: A fast and reliable
// software network load balancer" (NSDI 2016).
func maglevPaper(size Size) (cases []Case) {
	for _, table := range maglevTables(size) {
		name := "paper=maglev/figure=11/size=" + table.name + "/"
		strategies := map[string]selector.Strategy{
			"maglev": selector.Maglev{Size: table.slots}, "bounded": selector.Bounded{Slots: table.bounded},
			"bounded-unlimited": selector.Bounded{Slots: table.bounded, Slack: selector.UnlimitedSlack},
		}
		for _, s := range []string{"maglev", "bounded", "bounded-unlimited"} {
			cases = append(cases, paperCase(size, size.Draws, name+"strategy="+s,
				func(set subject.Set) (numbers, error) {
					return tableShares(strategies[s], set.Members(maglevMembers, 1))
				}))
		}
		// The rivals have no table here: one is filled by looking up its slots.
		cases = append(cases,
			paperCase(size, size.Draws, name+"strategy=rendezvous", func(set subject.Set) (numbers, error) {
				hashes := subject.Hashes(uint64(set)+1, int(table.slots))
				return placedShares(selector.Rendezvous{}, set.Members(maglevMembers, 1), hashes)
			}),
			paperCase(size, size.Draws, name+"strategy=ring/points=1000", func(set subject.Set) (numbers, error) {
				hashes := spaced(int(table.slots))
				return placedShares(selector.Ring{Points: 1000}, set.Members(maglevMembers, 1), hashes)
			}))
		for _, k := range []int{1, 5, 10, 20, 30, 50} {
			for _, s := range []string{"maglev", "bounded", "bounded-unlimited"} {
				name := fmt.Sprintf("paper=maglev/figure=12/size=%s/failures=%d/strategy=%s", table.name, k, s)
				cases = append(cases, paperCase(size, table.trials, name,
					func(set subject.Set) (numbers, error) { return failures(strategies[s], set, k) }))
			}
		}
		for _, s := range []string{"maglev", "bounded"} {
			name := fmt.Sprintf("%s/size=%s/strategy=%s", maglevBuilds, table.name, s)
			cases = append(cases, Case{name, func() (*Work, error) {
				return buildWork(strategies[s], subject.Set(0).Members(maglevMembers, 1))
			}})
		}
	}
	return cases
}

// failures counts the slots that change their owner when k members fail at once.
// In changed-share all count, in surviving-share those of members that stay, of
// all of these.
func failures(s selector.Strategy, set subject.Set, k int) (numbers, error) {
	all := set.Members(maglevMembers, 1)
	was, err := slots(s, all)
	if err != nil {
		return nil, err
	}
	left := append([]selector.Member(nil), all...)
	r := rand.New(rand.NewPCG(uint64(set), 12))
	r.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
	is, err := slots(s, left[k:])
	if err != nil {
		return nil, err
	}
	m := metrics.Compare(was, is)
	return numbers{"changed-share": m.Moved, "surviving-share": m.Collateral / (1 - m.Forced)}, nil
}
