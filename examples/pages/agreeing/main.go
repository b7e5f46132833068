// Agreeing compares two balancers that know the same servers in other orders.
package main

import (
	"fmt"
	"log"
	"net/netip"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/ecmp-go/ecmp/symmetric"
)

// balancer returns what places flows on the servers, which have weight 1.
func balancer(servers ...string) (*selector.View, hash.Policy) {
	group, err := selector.NewGroup[struct{}](selector.NewDomain(), selector.GroupConfig{Strategy: selector.Bounded{}})
	check(err)
	hops := make([]selector.Hop[struct{}], len(servers))
	for i, s := range servers {
		hops[i] = selector.Hop[struct{}]{ID: s, Weight: 1}
	}
	_, err = group.Update(hops)
	check(err)
	return group.Load().View(), symmetric.Policy(hash.Policy{Extractor: hash.FiveTuple, Hasher: hash.XX{Seed: 42}})
}

func main() {
	a, hashA := balancer("10.0.0.1", "10.0.0.2", "10.0.0.3")
	b, hashB := balancer("10.0.0.3", "10.0.0.1", "10.0.0.2")
	fmt.Println("agree:", a.Fingerprint() == b.Fingerprint() && hashA.Fingerprint() == hashB.Fingerprint())
	k := hash.NewFlowKey(hash.TCP, netip.MustParseAddrPort("192.0.2.1:4000"), netip.MustParseAddrPort("172.16.0.20:80"))
	fmt.Println("both:", a.Member(a.Select(hashA.Hash(k))).ID, b.Member(b.Select(hashB.Hash(k))).ID)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
