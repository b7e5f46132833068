package main

import (
	"fmt"
	"strings"

	"github.com/dgryski/go-maglev"

	"github.com/ecmp-go/ecmp/benchmarks/internal/metrics"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// A figure is measured alone, and must not be more than its bar.
type figure struct {
	name  string
	value float64
	unit  string
	most  float64 // 0 is no promise
}

// memory compares what a table of Maglev keeps with what go-maglev does, which
// may be three times as much.
func memory() ([]figure, error) {
	var list []figure
	for _, slots := range []uint32{maglev.SmallM, maglev.BigM} {
		ours := metrics.Held(func() any {
			s, err := selector.New(selector.Maglev{Size: slots}, subject.Members(100, 1))
			if err != nil {
				panic(err) // a mistake in this program
			}
			return s
		})
		theirs := metrics.Held(func() any { return maglev.New(subject.IDs(100), uint64(slots)) })
		list = append(list, figure{fmt.Sprintf("Maglev : go-maglev, N=100, memory of %d slots", slots),
			100 * ours / theirs, "%", 100. / 3})
	}
	return list, nil
}

// shares measures the error of shares with weights 1:2:3:10: the root of the
// mean square of share/due - 1, over all slots of tables, and of other
// strategies over so many random keys, which takes long: rows that do not
// contain only are left out.
func shares(keys int, only string) ([]figure, error) {
	var list []figure
	for _, n := range []int{8, 100} {
		members := subject.Members(n, 1, 2, 3, 10)
		capped := map[int]float64{8: 1.5, 100: 4}[n]
		for _, s := range []struct {
			name     string
			most     float64
			strategy selector.Strategy
		}{
			{"Bounded without slack", 0.7, selector.Bounded{Slack: selector.NoSlack}},
			{"Bounded", capped, selector.Bounded{}},
			{"Bounded of unlimited slack", 0, selector.Bounded{Slack: selector.UnlimitedSlack}},
			{"Maglev", 0.7, selector.Maglev{}},
			{"Rendezvous", 0.7, selector.Rendezvous{}},
			{"Resilient", 0, selector.Resilient{}},
			{"Modulo", 0, selector.Modulo{}},
			{"Threshold", 0, selector.Threshold{}},
			{"Jump", 0, selector.Jump{}},
			{"Ring", 0, selector.Ring{}},
			{"MultiProbe", 0, selector.MultiProbe{}},
		} {
			name := fmt.Sprintf("%s, N=%d, weights 1:2:3:10: error of shares", s.name, n)
			if !strings.Contains(name, only) {
				continue
			}
			built, err := selector.New(s.strategy, members)
			if err != nil {
				return nil, err
			}
			var b metrics.Balance
			switch built := built.(type) {
			case selector.Tabled:
				b = metrics.Slots(built, members).Balance()
			case selector.BatchSelector:
				b = metrics.Sampled(built, members, keys)
			default:
				return nil, fmt.Errorf("%T has no batches", built)
			}
			list = append(list, figure{name, 100 * b.RMSError, "%", s.most})
		}
	}
	return list, nil
}
