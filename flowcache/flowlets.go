package flowcache

import (
	"time"

	"github.com/ecmp-go/ecmp/selector"
)

// Flowlets returns the configuration of a table that keeps a flow where it is
// for as long as its packets are closer than gap, at least 16 ns, and no
// longer: then the selector places it anew. If gap is no shorter than the
// difference in delay between the paths to any two members, a flow that moves
// is never reordered, so that a group can be rebalanced or change at any time
// (Kandula et al., "Dynamic load balancing without packet reordering", 2007).
// That is for next hops that keep no state, such as uplinks.
//
// A tick is an eighth of the gap, so sweep the table at least every 48 gaps.
func Flowlets(d *selector.Domain, flows int, gap time.Duration) Config {
	tick := gap / 8
	return Config{
		Domain: d, Flows: flows, Tick: tick,
		// Packets do not refresh a pin on probation, so it lasts until after
		// the first packet that comes late enough to promote it, whose
		// predecessor came before that was so.
		Probation: gap + 2*tick, PromoteAfter: 1,
		EstablishedTCP: gap, Established: gap, Closing: gap, DownGrace: gap,
	}
}
