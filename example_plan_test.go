package ecmp_test

import (
	"fmt"
	"time"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// What a change would move is known before it is made, and the strategy of a
// live group is changed without moving a flow.
func Example_plan() {
	w, _ := newWorker(selector.Maglev{})
	now, err := w.group.Update(hops("pod1", "pod2", "pod3", "pod4"))
	check(err)
	w.packet(40000, hash.SYN, 0)
	w.packet(40000, hash.ACK, time.Second)

	for _, change := range []struct {
		what     string
		strategy selector.Strategy // nil: as it is
		hops     []selector.Hop[string]
	}{
		{"remove pod4", nil, hops("pod1", "pod2", "pod3")},
		{"replace it", nil, hops("pod1", "pod2", "pod3", "pod5")},
		{"go to Bounded", selector.Bounded{}, hops("pod1", "pod2", "pod3", "pod4")},
	} {
		planned, err := w.group.Plan(change.strategy, change.hops)
		check(err)
		d := planned.Diff(now)
		fmt.Printf("%s: moves %.1f %% of the hashes, must move %.1f %%\n",
			change.what, 100*float64(d.Moved)/float64(d.Hashes), 100*d.Due)
		for move, n := range planned.Moves(now) {
			if move.From == "pod4" {
				fmt.Printf("  pod4 loses %.1f %% to %s\n", 100*float64(n)/float64(d.Hashes), move.To)
			}
		}
	}
	_, err = w.group.SetStrategy(selector.Bounded{})
	check(err)
	w.packet(40000, hash.ACK, 2*time.Second)
	// Output:
	// 0s mac of pod1 placed
	// 1s mac of pod1 pinned
	// remove pod4: moves 25.0 % of the hashes, must move 25.0 %
	//   pod4 loses 8.3 % to pod1
	//   pod4 loses 8.3 % to pod2
	//   pod4 loses 8.3 % to pod3
	// replace it: moves 40.0 % of the hashes, must move 25.0 %
	//   pod4 loses 5.0 % to pod1
	//   pod4 loses 5.0 % to pod2
	//   pod4 loses 5.0 % to pod3
	//   pod4 loses 10.0 % to pod5
	// go to Bounded: moves 74.8 % of the hashes, must move 0.0 %
	//   pod4 loses 6.3 % to pod1
	//   pod4 loses 6.2 % to pod2
	//   pod4 loses 6.4 % to pod3
	// 2s mac of pod1 pinned
}
