package lab

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// The AS of the upstream router, that of the gateways, and the port of BGP.
const (
	upstreamAS = 65000
	fleetAS    = 65101
	bgpPort    = 179
)

const (
	hold = 9 * time.Second
	// Three packets of BFD are missed until a gateway that vanished is left
	// out. Less would be too little on a machine that all gateways share.
	bfdEvery = 300 * time.Millisecond
	// how long a gateway that ends goes on after it asked for others
	fleetDrain = time.Second
)

// startUpstream starts the process of the upstream router.
func (f *fleet) startUpstream() error {
	c := config.BGP{
		AS: upstreamAS, ID: linkAddr(false, 0, 1), Listen: netip.AddrPortFrom(netip.IPv4Unspecified(), bgpPort),
		Learn: &config.Learn{Prefixes: []netip.Prefix{virtual(f.IPv6)}},
	}
	if f.IPv6 {
		c.Listen = netip.AddrPortFrom(netip.IPv6Unspecified(), bgpPort)
	}
	for i := range f.fleetNet.gateways {
		c.Peers = append(c.Peers, config.Peer{Addr: linkAddr(f.IPv6, i+1, 2), AS: fleetAS, Hold: hold, BFD: bfdEvery})
	}
	file := filepath.Join(f.dir, "upstream.json")
	data, err := json.Marshal(c)
	if err == nil {
		err = os.WriteFile(file, data, 0o600)
	}
	if err != nil {
		return err
	}
	f.router.ns = f.upstream
	return f.router.launch(f.Program, "lab", "-upstream", file)
}

// bgpOf is what the configuration of a gateway says of BGP.
func (f *fleet) bgpOf(number int) map[string]any {
	return map[string]any{
		"as": fleetAS, "id": linkAddr(false, number, 2), "drain": fleetDrain.String(),
		"peers": []map[string]any{{
			"addr": linkAddr(f.IPv6, number, 1), "as": upstreamAS, "hold": hold.String(), "bfd": bfdEvery.String(),
		}},
	}
}

// routed waits until the kernel of the router spreads packets over the gateways
// that run and were not withdrawn, and over no others. Nobody but they tell it.
func (f *fleet) routed() error {
	var want []netip.Addr
	for _, i := range f.running() {
		if i != f.withdrawn {
			want = append(want, linkAddr(f.IPv6, i, 2))
		}
	}
	return f.until(fmt.Sprintf("packets are spread over gateways at %v", want), func() (bool, error) {
		select {
		case <-f.router.ended:
			return false, fmt.Errorf("the upstream router ended: %s", f.router.said())
		default:
		}
		hops, err := f.hops()
		return slices.Equal(hops, want), err
	})
}

// hops returns the next hops of the router's kernel, in order.
func (n *fleetNet) hops() (addrs []netip.Addr, err error) {
	type hop struct {
		Gateway netip.Addr `json:"gateway"`
	}
	var routes []struct {
		hop            // of a single one
		Nexthops []hop `json:"nexthops"`
	}
	family := "-4"
	if n.v6 {
		family = "-6"
	}
	err = n.upstream.Do(func() error {
		//nolint:gosec // the prefix is of this package
		out, err := exec.Command("ip", family, "-json", "route", "show", virtual(n.v6).String()).Output()
		if err != nil || len(out) == 0 {
			return err
		}
		return json.Unmarshal(out, &routes)
	})
	for _, r := range routes {
		if r.Gateway.IsValid() {
			addrs = append(addrs, r.Gateway)
		}
		for _, h := range r.Nexthops {
			addrs = append(addrs, h.Gateway)
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return addrs, err
}

// withdraw has a gateway ask the router for others, and withdraw, as "gateway
// withdraw" does. Announce ends that.
func (f *fleet) withdraw(number int) error {
	f.withdrawn = number
	return f.gateways[number].call("POST", "/bgp/drain", nil, nil)
}

func (f *fleet) announce() error {
	number := f.withdrawn
	f.withdrawn = 0
	return f.gateways[number].call("POST", "/bgp/resume", nil, nil)
}
