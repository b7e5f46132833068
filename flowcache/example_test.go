package flowcache_test

import (
	"fmt"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// A worker of a router: frames in, members out. The slices are the worker's
// own, reused for each burst.
func ExampleSticky_RouteBatch() {
	domain := selector.NewDomain()
	group, err := selector.NewGroup[struct{}](
		domain, selector.GroupConfig{Name: "vip", Strategy: selector.Bounded{}})
	if err != nil {
		panic(err)
	}
	table, err := flowcache.NewTable(flowcache.Config{Domain: domain, Flows: 100_000})
	if err != nil {
		panic(err)
	}
	sticky := flowcache.NewSticky(table)
	reader := hash.Policy{Extractor: hash.FiveTuple, Hasher: hash.XX{Seed: 42}}.Reader()

	flows := make([]hash.Flow, 32)
	packets := make([]flowcache.Packet, 32)
	routes := make([]flowcache.Route, 32)
	views := make([]*selector.View, 1)
	forward := func(burst [][]byte, now time.Duration) {
		n := len(burst)
		reader.Read(flows[:n], burst)
		for i := range flows[:n] {
			packets[i] = flowcache.NewPacket(&flows[i], group.Salt(), 0)
		}
		views[0] = group.Load().View()
		sticky.RouteBatch(routes[:n], packets[:n], views, now)
		for _, r := range routes[:n] {
			fmt.Println(r.Verdict)
		}
	}

	syn := []byte("\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01\x08\x00" + // Ethernet
		// 192.0.2.1 to 172.16.0.20
		"\x45\x00\x00\x28\x00\x00\x00\x00\x40\x06\x00\x00\xc0\x00\x02\x01\xac\x10\x00\x14" +
		// port 40000 to 80, SYN
		"\x9c\x40\x00\x50\x00\x00\x00\x00\x00\x00\x00\x00\x50\x02\x00\x00\x00\x00\x00\x00")
	forward([][]byte{syn}, 0)
	if _, err := group.Update([]selector.Hop[struct{}]{{ID: "pod1", Weight: 1}}); err != nil {
		panic(err)
	}
	forward([][]byte{syn, syn}, 0)
	// Output:
	// no member
	// placed
	// pinned
}

// The uplinks of a gateway keep no state, so a flow may change from one to
// another where it pauses for longer than their delays differ: nothing is
// reordered, and the load follows the weights within moments. A link is drained
// before it is removed, since a removal would cut bursts.
func ExampleFlowlets() {
	domain := selector.NewDomain()
	uplinks, err := selector.NewGroup[struct{}](domain, selector.GroupConfig{Name: "uplinks",
		Strategy: selector.Rendezvous{}})
	if err != nil {
		panic(err)
	}
	table, err := flowcache.NewTable(flowcache.Flowlets(domain, 100_000, 20*time.Millisecond))
	if err != nil {
		panic(err)
	}
	sticky := flowcache.NewSticky(table)
	set := func(members ...selector.Member) {
		var hops []selector.Hop[struct{}]
		for _, m := range members {
			hops = append(hops, selector.Hop[struct{}]{ID: m.ID, Weight: m.Weight})
		}
		if _, err := uplinks.Update(hops); err != nil {
			panic(err)
		}
	}
	send := func(now time.Duration) {
		view := uplinks.Load().View()
		packet := flowcache.NewPacket(&hash.Flow{Hash: 0x123456789abcdef, Proto: hash.UDP}, view.Salt(), 0)
		route := sticky.Route(packet, view, now)
		fmt.Println(now, view.Member(route.Member).ID, route.Verdict)
	}

	set(selector.Member{ID: "east", Weight: 1}, selector.Member{ID: "west", Weight: 0})
	send(0)
	send(15 * time.Millisecond)
	set(selector.Member{ID: "east", Weight: 0}, selector.Member{ID: "west", Weight: 1})
	send(30 * time.Millisecond) // in the middle of a burst
	send(45 * time.Millisecond)
	send(90 * time.Millisecond)                 // after a pause
	set(selector.Member{ID: "west", Weight: 1}) // no burst is left at east: none is cut
	send(105 * time.Millisecond)
	// Output:
	// 0s east placed
	// 15ms east pinned
	// 30ms east pinned
	// 45ms east pinned
	// 90ms west placed
	// 105ms west pinned
}

// A burst may be for many groups. Each one that it meets gets the next Ref and
// is loaded once, so that all its packets see one snapshot.
func ExampleSticky_RouteBatch_manyGroups() {
	type group = selector.Group[string]
	domain := selector.NewDomain()
	service := func(name string, pods ...string) *group {
		g, err := selector.NewGroup[string](domain, selector.GroupConfig{Name: name, Strategy: selector.Bounded{}})
		if err != nil {
			panic(err)
		}
		var hops []selector.Hop[string]
		for _, pod := range pods {
			hops = append(hops, selector.Hop[string]{ID: pod, Weight: 1, Value: "mac of " + pod})
		}
		if _, err := g.Update(hops); err != nil {
			panic(err)
		}
		return g
	}
	table, err := flowcache.NewTable(flowcache.Config{Domain: domain, Flows: 100_000})
	if err != nil {
		panic(err)
	}

	// the worker's own, reused for each burst
	sticky := flowcache.NewSticky(table)
	packets, routes := make([]flowcache.Packet, 32), make([]flowcache.Route, 32)
	refs := make(map[*group]uint16)
	var snapshots []*selector.Snapshot[string]
	var views []*selector.View

	// flows is what a hash.Reader read; to has the group that each packet's
	// destination names, nil where no route does
	forward := func(flows []hash.Flow, to []*group, now time.Duration) {
		clear(refs)
		snapshots, views = snapshots[:0], views[:0]
		for i, g := range to {
			if g == nil {
				packets[i] = flowcache.Packet{Mode: flowcache.Skip}
				continue
			}
			ref, ok := refs[g]
			if !ok {
				ref = uint16(len(views))
				refs[g] = ref
				snapshots = append(snapshots, g.Load())
				views = append(views, snapshots[ref].View())
			}
			packets[i] = flowcache.NewPacket(&flows[i], g.Salt(), ref)
		}
		n := len(flows)
		sticky.RouteBatch(routes[:n], packets[:n], views, now)
		for i, r := range routes[:n] {
			if to[i] == nil || r.Member < 0 {
				fmt.Println("dropped")
				continue
			}
			fmt.Println(*snapshots[packets[i].Ref].At(r.Member), r.Verdict)
		}
	}

	web, dns := service("web", "web1"), service("dns", "dns1")
	forward([]hash.Flow{{Hash: 0x1234 << 48}, {Hash: 0x5678 << 48}, {}, {Hash: 0x1234 << 48}},
		[]*group{web, dns, nil, web}, 0)
	// Output:
	// mac of web1 placed
	// mac of dns1 placed
	// dropped
	// mac of web1 pinned
}
