package ecmp_test

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

// The tests in this file are the limitations that the library was made to lift,
// one by one: those that the MidoNet documentation lists for its "flow-hash mod
// N", and the table of flow stickiness of Contrail Networking.

// "ECMP route selection is flow-hash mod N": it moves 3/4 of the flows from
// three members to four (RFC 2992), and with stickiness none.
func TestSeedModuloRemapsAlmostEveryFlow(t *testing.T) {
	g := newGateway(t, selector.Modulo{}, pods(1, 3)...)
	flows := clients(20_000)
	before := make(map[hash.FlowKey]string)
	for _, k := range flows {
		before[k] = g.connect(k, 0)
		require.Equal(t, g.normal(k), before[k], "a group of 3: directed by the flow hash")
	}
	g.set(pods(1, 4)...)
	moved := 0
	for _, k := range flows {
		if g.normal(k) != before[k] {
			moved++
		}
		pod, v := g.forward(k, hash.ACK, 3*second)
		require.Equal(t, before[k], pod)
		require.Equal(t, flowcache.Pinned, v)
	}
	assert.InDelta(t, 0.75, float64(moved)/float64(len(flows)), 0.0125) // 4 standard deviations
}

// "MidoNet does not test that the routes are ordered the same in every Agent":
// here every order is one placement, and agents can compare fingerprints.
func TestSeedOrderOfRoutesInAgents(t *testing.T) {
	racecheck.OneGoroutine(t)
	flows := clients(5000)
	for _, row := range catalog.All() {
		members := row.Level([]selector.Member{{ID: "a", Weight: 3}, {ID: "b", Weight: 1}, {ID: "c", Weight: 2},
			{ID: "d", Weight: 1}})
		one := newGateway(t, row.Strategy, members...)
		for range 5 {
			rand.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
			other := newGateway(t, row.Strategy, members...)
			require.Equal(t, one.group.Load().View().Fingerprint(), other.group.Load().View().Fingerprint())
			for _, k := range flows {
				require.Equal(t, one.normal(k), other.normal(k), row.Name)
			}
		}
		members[0].ID += "2"
		different := newGateway(t, row.Strategy, members...)
		require.NotEqual(t, one.group.Load().View().Fingerprint(), different.group.Load().View().Fingerprint())
	}
}

// consistent returns the strategies that promise to move little without need.
func consistent() []catalog.Row {
	return slices.DeleteFunc(catalog.All(), func(r catalog.Row) bool { return math.IsInf(r.Disruption, 1) })
}

// "The hash algorithm does not satisfy consistent hashing properties": a flow
// that is recomputed after a change must not move without need.
func TestSeedConsistentHashing(t *testing.T) {
	racecheck.OneGoroutine(t)
	for _, row := range consistent() {
		for name, change := range map[string][]selector.Member{
			"remove": pods(2, 10), "add": pods(1, 11), "replace": append(pods(2, 10),
				selector.Member{ID: "new", Weight: 1}),
			"drain": append(pods(2, 10), selector.Member{ID: "pod01"}),
		} {
			g := newGateway(t, row.Strategy, pods(1, 10)...)
			before := g.group.Load()
			d := g.set(change...).Diff(before)
			require.Positive(t, d.Forced)
			assert.LessOrEqual(t, d.Ratio(), row.Disruption, "%s, %s", row.Name, name)
		}
	}
}

// "Any active flow that is recomputed (because it lasts more than 30 seconds
// ...)": an active flow keeps its member for as long as it lives, whatever
// joins, leaves or drains beside it.
func TestSeedActiveFlowOutlastsThirtySeconds(t *testing.T) {
	racecheck.OneGoroutine(t)
	for _, row := range catalog.All() {
		g := newGateway(t, row.Strategy, pods(1, 4)...)
		flows := clients(500)
		before := make(map[hash.FlowKey]string)
		for _, k := range flows {
			if k.Proto() == tcp {
				before[k] = g.connect(k, 0)
			} else {
				before[k], _ = g.forward(k, 0, 5*second) // and then every ten seconds or less
			}
		}
		changes := [][]selector.Member{pods(1, 9), pods(1, 5), append(pods(5, 9), pods(1, 4)...), {
			{ID: "pod01"}, {ID: "pod02"}, {ID: "pod03"}, {ID: "pod04"}, {ID: "pod05", Weight: 9},
		}}
		for now := 10 * second; now <= 600*second; now += 10 * second {
			if now%(150*second) == 0 {
				g.set(changes[now/(150*second)-1]...)
			}
			for _, k := range flows {
				pod, v := g.forward(k, hash.ACK, now)
				require.Equal(t, flowcache.Pinned, v, "%s after %d s", row.Name, now/second)
				require.Equal(t, before[k], pod, "%s after %d s", row.Name, now/second)
			}
			g.table.Sweep(now)
		}
	}
}

// The other half: a flow whose pin expired is recomputed, and moves only with
// the disruption of its strategy.
func TestSeedRecomputedFlowAfterItsPinExpired(t *testing.T) {
	racecheck.OneGoroutine(t)
	recompute := func(t *testing.T, s selector.Strategy, flows []hash.FlowKey) (moved, forced int) {
		g := newGateway(t, s, pods(1, 10)...)
		before := make(map[hash.FlowKey]string)
		for _, k := range flows {
			before[k] = g.connect(k, 0)
		}
		g.set(pods(2, 10)...)
		for _, k := range flows {
			pod, v := g.forward(k, hash.ACK, 400*second)
			require.Equal(t, flowcache.Placed, v)
			if pod != before[k] {
				moved++
			}
			if before[k] == "pod01" {
				forced++
			}
		}
		return moved, forced
	}
	testRecomputed(t, recompute)
}

// "... or because upstream routing causes it to ingress a new gateway": a
// second gateway with an empty table computes what the first one remembers, but
// for the disruption of the strategy.
func TestSeedFlowEntersAtAnotherGateway(t *testing.T) {
	racecheck.OneGoroutine(t)
	enter := func(t *testing.T, s selector.Strategy, flows []hash.FlowKey) (moved, forced int) {
		first, second := newGateway(t, s, pods(1, 10)...), newGateway(t, s, pods(1, 10)...)
		before := make(map[hash.FlowKey]string)
		for _, k := range flows {
			before[k] = first.connect(k, 0)
			require.Equal(t, before[k], second.normal(k), "no change, no difference")
		}
		second.set(pods(1, 11)...)
		for _, k := range flows {
			pod, _ := second.forward(k, hash.ACK, 0)
			if pod != before[k] {
				moved++
			}
			if pod == "pod11" {
				forced++
			}
		}
		return moved, forced
	}
	testRecomputed(t, enter)
}

func testRecomputed(t *testing.T, change func(*testing.T, selector.Strategy, []hash.FlowKey) (moved, forced int)) {
	t.Helper()
	flows := clients(20_000)
	for _, row := range consistent() {
		moved, forced := change(t, row.Strategy, flows)
		require.Positive(t, forced)
		assert.LessOrEqual(t, float64(moved)/float64(forced), row.Disruption, row.Name)
	}
}

// "The hash algorithm is not symmetric, so return packets are unlikely to
// traverse the same VNF instance."
func TestSeedReturnPacketsMeetTheSameInstance(t *testing.T) {
	for _, row := range catalog.All() {
		g := newGateway(t, row.Strategy, pods(1, 5)...)
		plain := hash.XX{Seed: 7}
		split := 0
		for _, k := range clients(4000) { // IPv4 and IPv6, TCP and UDP
			require.Equal(t, g.normal(k), g.normal(k.Reverse()))
			there := g.connect(k, 0)
			back, v := g.forward(k.Reverse(), hash.ACK, 2*second)
			require.Equal(t, there, back)
			require.Equal(t, flowcache.Pinned, v, "one pin for both directions")
			if v := g.group.Load().View(); v.Select(plain.Hash(k)) != v.Select(plain.Hash(k.Reverse())) {
				split++
			}
		}
		assert.Greater(t, split, 2000, "without the symmetric hash most are split")
	}
}

// "Choosing an egress gateway for packets heading out": stateless, by the
// selector alone, also while one is down.
func TestSeedStatelessEgress(t *testing.T) {
	domain := selector.NewDomain()
	group, err := selector.NewGroup[netip.Addr](domain, selector.GroupConfig{Name: "uplinks",
		Strategy: selector.Bounded{}})
	require.NoError(t, err)
	gateways := map[string]string{"gw1": "192.0.2.1", "gw2": "192.0.2.2", "gw3": "192.0.2.3"}
	var hops []selector.Hop[netip.Addr]
	for id, addr := range gateways {
		hops = append(hops, selector.Hop[netip.Addr]{ID: id, Weight: 1,
			Value: netip.MustParseAddr(addr)})
	}
	s, err := group.Update(hops)
	require.NoError(t, err)
	count := func() map[string]int {
		used := make(map[string]int)
		for _, k := range clients(9000) {
			used[s.At(s.Select(hash.XX{}.Hash(k))).String()]++
		}
		return used
	}
	for gw, n := range count() {
		assert.InDelta(t, 3000, n, 250, gw)
	}
	domain.Mark("gw2").SetDown(true)
	used := count()
	assert.Zero(t, used["192.0.2.2"])
	assert.InDelta(t, 4500, used["192.0.2.1"], 250)
}

// The rows of the stickiness table: what becomes of flows when pods are added
// and deleted, for normal hash and for stickiness.
func TestSeedStickinessTable(t *testing.T) {
	racecheck.OneGoroutine(t)
	for _, row := range catalog.All() {
		for name, tt := range map[string]struct{ before, after []selector.Member }{
			"adding one more pod to a group of 3": {pods(1, 3), pods(1, 4)},
			"deleting one pod of 3":               {pods(1, 3), pods(2, 3)},
			"scaling up from one pod to many":     {pods(1, 1), pods(1, 5)},
			"scaling down from many pods to one":  {pods(1, 5), pods(1, 1)},
			"adding and deleting several at once": {pods(1, 6), pods(3, 9)},
			"replacing the only pod":              {pods(1, 1), pods(2, 2)},
			"changing weights": {pods(1, 2), []selector.Member{{ID: "pod01", Weight: 1},
				{ID: "pod02", Weight: 9}}},
			"draining one pod": {pods(1, 2), []selector.Member{{ID: "pod01"},
				{ID: "pod02", Weight: 1}}},
			"replacing one pod of 3": {pods(1, 3), pods(2, 4)},
		} {
			if row.EqualOnly && name == "changing weights" {
				continue
			}
			t.Run(row.Name+"/"+name, func(t *testing.T) {
				g := newGateway(t, row.Strategy, tt.before...)
				flows := clients(2000)
				before := make(map[hash.FlowKey]string)
				for _, k := range flows {
					before[k] = g.connect(k, 0)
				}
				stays := make(map[string]bool)
				for _, m := range tt.after {
					stays[m.ID] = true
				}
				g.set(tt.after...)
				var lost, reported int
				for _, k := range flows {
					pod, v := g.forward(k, hash.ACK, 3*second)
					if stays[before[k]] {
						require.Equal(t, before[k], pod)
						require.Equal(t, flowcache.Pinned, v)
						continue
					}
					lost++
					if v == flowcache.Moved { // the session must be reinitiated from the client
						reported++
					}
					again, v := g.forward(k, hash.ACK, 3*second)
					require.Equal(t, pod, again, "and stays where it is now")
					require.Equal(t, flowcache.Pinned, v)
				}
				assert.Equal(t, lost, reported)
			})
		}
	}
}
