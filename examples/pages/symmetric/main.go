// Symmetric sends requests and their replies through a row of firewalls.
package main

import (
	"fmt"
	"net/netip"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/ecmp-go/ecmp/symmetric"
)

// router returns what names the firewall of a flow, as the router in front of
// the firewalls finds it, and the one behind them.
func router(policy hash.Policy, firewalls ...string) func(hash.FlowKey) string {
	members := selector.Equal(firewalls...)
	s, err := selector.New(selector.Bounded{}, members)
	if err != nil {
		panic(err)
	}
	return func(k hash.FlowKey) string { return members[s.Select(policy.Hash(k))].ID } // for frames: policy.Reader
}

func main() {
	plain := hash.Policy{Extractor: hash.FiveTuple, Hasher: hash.XX{Seed: 42}} // one seed for both routers
	for _, policy := range []hash.Policy{plain, symmetric.Policy(plain)} {
		inside, outside := router(policy, "fw1", "fw2", "fw3"), router(policy, "fw3", "fw1", "fw2")
		met := 0
		for port := range uint16(1000) {
			client := netip.AddrPortFrom(netip.MustParseAddr("10.0.0.7"), 40000+port)
			request := hash.NewFlowKey(hash.TCP, client, netip.MustParseAddrPort("192.0.2.80:443"))
			if inside(request) == outside(request.Reverse()) {
				met++
			}
		}
		fmt.Println(met, "of 1000 replies meet their firewall:", policy.Extractor)
	}
}
