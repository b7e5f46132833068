package main

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/cespare/xxhash/v2"

	"github.com/ecmp-go/ecmp/selector"
)

// A rule returns what chooses a machine for a request by its key.
type rule struct {
	name string
	over func(fleet []*machine, factor float64) func(q request, key string) int
}

// rules are those that are compared, this router first.
var rules = []rule{ //nolint:gochecknoglobals // a read-only table
	{"this router", routed},
	{"this router, no cap", func(fleet []*machine, _ float64) func(request, string) int { return routed(fleet, 0) }},
	{"ring", func(fleet []*machine, _ float64) func(request, string) int {
		return boundedRing(fleet, func(float64) float64 { return math.Inf(1) })
	}},
	{"ring, bounded loads", func(fleet []*machine, factor float64) func(request, string) int {
		return boundedRing(fleet, func(mean float64) float64 { return math.Ceil(factor * mean) })
	}},
	{"likewise, as kubeai", func(fleet []*machine, factor float64) func(request, string) int {
		return boundedRing(fleet, func(mean float64) float64 { return factor * mean })
	}},
	{"longest match, as aibrix", longestMatch},
	{"least loaded", func(fleet []*machine, _ float64) func(request, string) int {
		return func(request, string) int { return leastLoaded(fleet) }
	}},
	{"round robin", func(fleet []*machine, _ float64) func(request, string) int {
		next := -1
		return func(request, string) int { next = (next + 1) % len(fleet); return next }
	}},
}

// routed asks the router of this example.
func routed(fleet []*machine, factor float64) func(request, string) int {
	r := must(newRouter(selector.Bounded{}, factor))
	hops := make([]selector.Hop[*server], len(fleet))
	places := map[*server]int{}
	for i, m := range fleet {
		hops[i] = selector.Hop[*server]{ID: m.id, Weight: 1, Value: m.server}
		places[m.server] = i
	}
	must(r.group.Update(hops))
	return func(_ request, key string) int { return places[r.choose(key)] }
}

// boundedRing is consistent hashing with bounded loads on a ring: each server
// has 256 points, and a request goes to the first server along the ring whose
// load, with this request, is within a limit that depends on the mean. If none
// is, it goes to the first of all. Mirrokni et al. round the limit up, which
// always finds a server; kubeai doesn't, so its limit is lower by up to one.
func boundedRing(fleet []*machine, limit func(mean float64) float64) func(request, string) int {
	type point struct {
		hash    uint64
		machine int
	}
	var ring []point
	for i, m := range fleet {
		for k := range 256 {
			ring = append(ring, point{xxhash.Sum64String(fmt.Sprint(m.id, k)), i})
		}
	}
	slices.SortFunc(ring, func(a, b point) int {
		if a.hash < b.hash {
			return -1
		}
		return 1
	})
	return func(_ request, key string) int {
		h := xxhash.Sum64String(key)
		first := sort.Search(len(ring), func(i int) bool { return ring[i].hash >= h })
		most := limit(mean(fleet) + 1/float64(len(fleet)))
		for k := range ring {
			if i := ring[(first+k)%len(ring)].machine; float64(fleet[i].load+1) <= most {
				return i
			}
		}
		return ring[first%len(ring)].machine
	}
}

// longestMatch is what aibrix does by default, with an index that knows the
// caches at every moment: the server that holds most of the prompt and has at
// most two standard deviations above the mean. If none holds any, or if loads
// are more than 16 apart, it is the least loaded. It needs no key, but a router
// that knows the caches.
func longestMatch(fleet []*machine, _ float64) func(request, string) int {
	return func(q request, _ string) int {
		least := leastLoaded(fleet)
		mean, squares, most := mean(fleet), 0.0, 0
		for _, m := range fleet {
			squares += (float64(m.load) - mean) * (float64(m.load) - mean)
			most = max(most, m.load)
		}
		if most-fleet[least].load > 16 {
			return least
		}
		best, longest := least, 0
		for i, m := range fleet {
			matched := m.matched(q.prompt)
			if float64(m.load) <= mean+2*math.Sqrt(squares/float64(len(fleet))) &&
				(matched > longest || matched == longest && matched > 0 && m.load < fleet[best].load) {
				best, longest = i, matched
			}
		}
		return best
	}
}

// leastLoaded returns the first of the machines with the fewest requests.
func leastLoaded(fleet []*machine) int {
	least := 0
	for i, m := range fleet {
		if m.load < fleet[least].load {
			least = i
		}
	}
	return least
}

func mean(fleet []*machine) float64 {
	total := 0
	for _, m := range fleet {
		total += m.load
	}
	return float64(total) / float64(len(fleet))
}
