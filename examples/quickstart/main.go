// Quickstart routes a flow as its group gains a pod and loses the flow's own.
package main

import (
	"fmt"
	"log"
	"net/netip"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/ecmp-go/ecmp/symmetric"
)

func main() {
	domain, addr := selector.NewDomain(), netip.MustParseAddrPort
	group, err := selector.NewGroup[struct{}](domain, selector.GroupConfig{Strategy: selector.Bounded{}})
	check(err)
	table, err := flowcache.NewTable(flowcache.Config{Domain: domain, Flows: 1_000_000})
	check(err)
	sticky, hasher := flowcache.NewSticky(table), symmetric.Hasher{Base: hash.XX{Seed: 42}}
	h := hasher.Hash(hash.NewFlowKey(hash.TCP, addr("192.0.2.1:40000"), addr("172.16.0.20:80")))
	for _, pods := range [][]int{{1, 2, 3}, {1, 2, 3, 4}, {1, 2, 4}} {
		var hops []selector.Hop[struct{}] // a router keeps an adjacency in place of struct{}
		for _, pod := range pods {
			hops = append(hops, selector.Hop[struct{}]{ID: fmt.Sprint("pod", pod), Weight: 1})
		}
		snapshot, err := group.Update(hops)
		check(err)
		packet := flowcache.NewPacket(&hash.Flow{Hash: h, Proto: hash.TCP, Flags: hash.ACK}, group.Salt(), 0)
		route := sticky.Route(packet, snapshot.View(), 0)
		fmt.Println(pods, snapshot.Member(route.Member).ID, route.Verdict)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
