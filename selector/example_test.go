package selector_test

import (
	"fmt"

	"github.com/ecmp-go/ecmp/selector"
)

// A selector for a fixed list of members.
func ExampleNew() {
	s, err := selector.New(selector.Bounded{}, []selector.Member{{ID: "a", Weight: 1}, {ID: "b", Weight: 3}})
	if err != nil {
		panic(err)
	}
	fmt.Println(s.Select(0x0123456789abcdef))
	// Output: 1
}

// An adjacency is what a router keeps for a next hop.
type adjacency struct{ mac string }

// A group is changed by one goroutine and read by others, which load one
// snapshot for each burst of packets.
func ExampleGroup() {
	g, err := selector.NewGroup[adjacency](selector.NewDomain(), selector.GroupConfig{Name: "172.16.0.20",
		Strategy: selector.Bounded{}})
	if err != nil {
		panic(err)
	}
	_, err = g.Update([]selector.Hop[adjacency]{
		{ID: "pod1", Weight: 1, Value: adjacency{"02:00:00:00:00:01"}},
		{ID: "pod2", Weight: 1, Value: adjacency{"02:00:00:00:00:02"}},
	})
	if err != nil {
		panic(err)
	}
	s := g.Load()
	for _, hash := range []uint64{0x1111111111111111, 0x9999999999999999, 0xdddddddddddddddd} {
		if i := s.Select(hash); i >= 0 {
			fmt.Println(s.View().Member(i).ID, s.At(i).mac)
		}
	}
	// Output:
	// pod1 02:00:00:00:00:01
	// pod1 02:00:00:00:00:01
	// pod2 02:00:00:00:00:02
}

// A member that is down is avoided in every group of its domain, at once.
func ExampleDomain_Mark() {
	domain := selector.NewDomain()
	g, err := selector.NewGroup[struct{}](domain, selector.GroupConfig{Name: "uplinks", Strategy: selector.Modulo{}})
	if err != nil {
		panic(err)
	}
	var hops []selector.Hop[struct{}]
	for _, m := range selector.Equal("up1", "up2", "up3") {
		hops = append(hops, selector.Hop[struct{}]{ID: m.ID, Weight: m.Weight})
	}
	s, err := g.Update(hops)
	if err != nil {
		panic(err)
	}
	const hash = 1 << 32 // 1 % 3
	fmt.Println(s.Select(hash))
	domain.Mark("up2").SetDown(true)
	fmt.Println(s.Select(hash))
	domain.Mark("up2").SetDown(false)
	fmt.Println(s.Select(hash))
	// Output:
	// 1
	// 0
	// 1
}

// A Diff says what a change did to the flows of a group.
func ExampleView_Diff() {
	g, err := selector.NewGroup[struct{}](selector.NewDomain(), selector.GroupConfig{Name: "vip",
		Strategy: selector.Bounded{}})
	if err != nil {
		panic(err)
	}
	var hops []selector.Hop[struct{}]
	for i := range 10 {
		hops = append(hops, selector.Hop[struct{}]{ID: fmt.Sprint("pod", i), Weight: 1})
	}
	before, err := g.Update(hops)
	if err != nil {
		panic(err)
	}
	after, err := g.Update(hops[1:])
	if err != nil {
		panic(err)
	}
	d := after.Diff(before)
	fmt.Printf("%d of %d slots moved, %d without need: ratio %.3f\n", d.Moved, d.Hashes, d.Collateral, d.Ratio())
	// Output: 6578 of 65536 slots moved, 0 without need: ratio 1.000
}

// Moves says who loses to whom, and Shares what each member has then.
func ExampleView_Moves() {
	members := selector.Equal("pod1", "pod2", "pod3")
	g, err := selector.NewGroup[struct{}](selector.NewDomain(), selector.GroupConfig{
		Name: "vip", Strategy: selector.Resilient{Buckets: 12},
	})
	if err != nil {
		panic(err)
	}
	update := func() *selector.View {
		var hops []selector.Hop[struct{}]
		for _, m := range members {
			hops = append(hops, selector.Hop[struct{}]{ID: m.ID, Weight: m.Weight})
		}
		s, err := g.Update(hops)
		if err != nil {
			panic(err)
		}
		return s.View()
	}
	before := update()
	members[2].Weight = 2
	after := update()
	for m, n := range after.Moves(before) {
		fmt.Printf("%s -> %s: %d\n", m.From, m.To, n)
	}
	fmt.Printf("%.2f\n", after.Shares())
	d := after.Diff(before)
	fmt.Printf("%d of %d moved, and %.2f at the least\n", d.Moved, d.Hashes, d.Due*float64(d.Hashes))
	// Output:
	// pod1 -> pod3: 1
	// pod2 -> pod3: 1
	// [0.25 0.25 0.50]
	// 2 of 12 moved, and 2.00 at the least
}

// A strategy comes from a flag or a configuration file, and goes back into one.
func ExampleParseStrategy() {
	s, err := selector.ParseStrategy("bounded:slots=4096,slack=0.02")
	fmt.Println(s == selector.Bounded{Slots: 4096, Slack: 20}, err)
	fmt.Println(selector.Maglev{Size: 1021, Seed: 7})
	_, err = selector.ParseStrategy("bounded:size=4096")
	fmt.Println(err)
	// Output:
	// true <nil>
	// maglev:size=1021,seed=7
	// selector: strategy "bounded:size=4096": "size=4096" is no parameter of bounded
}

// A group has marks of its own, for the health of a service, and backups for
// when no other member can take flows.
func ExampleGroup_Mark() {
	g, err := selector.NewGroup[struct{}](selector.NewDomain(), selector.GroupConfig{Name: "web",
		Strategy: selector.Bounded{}})
	if err != nil {
		panic(err)
	}
	s, err := g.Update([]selector.Hop[struct{}]{
		{ID: "server1", Weight: 1},
		{ID: "server2", Weight: 1},
		{ID: "sorry", Weight: 1, Backup: true},
	})
	if err != nil {
		panic(err)
	}
	const hash = 1 << 63
	fmt.Println(s.Member(s.Select(hash)).ID)
	g.Mark("server2").SetDown(true)
	fmt.Println(s.Member(s.Select(hash)).ID)
	g.Mark("server1").SetDown(true)
	fmt.Println(s.Member(s.Select(hash)).ID)
	// Output:
	// server2
	// server1
	// sorry
}
