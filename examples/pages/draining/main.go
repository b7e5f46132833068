// Draining takes server b out of service while a connection is open at it.
package main

import (
	"fmt"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

func main() {
	group := must(selector.NewGroup[struct{}](selector.NewDomain(), selector.GroupConfig{Strategy: selector.Bounded{}}))
	table := must(flowcache.NewTable(flowcache.Config{Domain: group.Domain(), Flows: 10_000}))
	sticky := flowcache.NewSticky(table)
	packet := func(flow uint64, flags hash.TCPFlags, now time.Duration) { // a router asks a hash.Reader for f
		f := hash.Flow{Hash: flow * 0x9e3779b97f4a7c15, Proto: hash.TCP, Flags: flags}
		route := sticky.Route(flowcache.NewPacket(&f, group.Salt(), 0), group.Load().View(), now)
		fmt.Println(now, "flow", flow, "to", group.Load().Member(route.Member).ID, route.Verdict)
	}
	hops := []selector.Hop[struct{}]{{ID: "a", Weight: 1}, {ID: "b", Weight: 1}, {ID: "c", Weight: 1}}
	must(group.Update(hops))
	packet(3, hash.SYN, 0)
	hops[1].Weight = 0 // 1. drain b: its connections stay, new ones go elsewhere
	view := must(group.Update(hops)).View()
	packet(3, hash.ACK, time.Second)
	packet(6, hash.SYN, time.Second)
	table.Release(view, 1, flowcache.ReleaseConfig{Deadline: time.Minute}, time.Second) // 2. say when it ends
	packet(3, hash.ACK, 2*time.Minute)
	fmt.Println(table.Pins(view.Slot(1)), "flows left at b: remove it") // 3. group.Update without it
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
