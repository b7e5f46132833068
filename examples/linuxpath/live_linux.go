package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/ecmp-go/ecmp/examples/linuxpath/internal/fib"
	"github.com/ecmp-go/ecmp/hash"
)

// A comparison is the output of -live.
type comparison struct {
	Prefix   string       `json:"prefix"`
	Policy   int          `json:"policy"`
	Fields   string       `json:"fields,omitempty"` // of policy 3
	Seed     uint32       `json:"seed"`
	Nexthops []liveHop    `json:"nexthops"`
	Buckets  int          `json:"buckets,omitempty"` // of a resilient group
	Flows    []prediction `json:"flows"`
	Agree    int          `json:"agree"`
}

type liveHop struct {
	Name   string `json:"name"`
	Weight uint32 `json:"weight"`
}

// errDisagree says that a prediction was wrong. The group may have changed
// meanwhile, or a next hop may be down.
var errDisagree = errors.New("the kernel chose other next hops than predicted")

// predictLive compares predictions for flows to a route of this host with the
// choices of its kernel.
func predictLive(o options, w io.Writer) error {
	l, err := hostKernel(o.live.Addr().Is6())
	if err != nil {
		return err
	}
	conn, err := fib.Dial()
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing was written
	route, err := conn.Route(o.live)
	if err != nil {
		return err
	}
	g, err := routeGroup(route)
	if err != nil {
		return err
	}

	c := comparison{Prefix: o.live.String(), Policy: int(l.Policy), Seed: l.Seed, Buckets: len(route.Buckets)}
	if l.Policy == hash.LinuxCustom {
		c.Fields = fmt.Sprintf("%#x", l.Fields)
	}
	for i, hop := range route.Hops {
		c.Nexthops = append(c.Nexthops, liveHop{g.names[i], hop.Weight})
	}
	flows, err := liveFlows(o, conn)
	if err != nil {
		return err
	}
	for _, k := range flows {
		p := predict(l, g, k, l.Hash(k))
		if p.Kernel, err = askKernel(conn, k); err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
		if p.Kernel == p.Nexthop {
			c.Agree++
		}
		c.Flows = append(c.Flows, p)
	}
	if err := c.write(o, w); err != nil {
		return err
	}
	if c.Agree < len(flows) {
		return errDisagree
	}
	return nil
}

// hostKernel returns the hash by which this host answers queries. For IPv4 it
// is the hash of forwarded packets, for IPv6 that of packets of its own.
func hostKernel(v6 bool) (hash.Linux611, error) {
	family := "ipv4"
	if v6 {
		family = "ipv6"
	}
	seed, err := sysctl("ipv4", "seed")
	if err != nil {
		return hash.Linux611{}, fmt.Errorf("%w (kernels before 6.11 have no seed)", err)
	}
	if seed == 0 {
		return hash.Linux611{}, errors.New(
			"net.ipv4.fib_multipath_hash_seed is 0: the seed is random, so nothing can be predicted")
	}
	policy, err := sysctl(family, "policy")
	if err != nil {
		return hash.Linux611{}, err
	}
	fields, err := sysctl(family, "fields")
	if err != nil {
		return hash.Linux611{}, err
	}
	return kernel(seed, policy, fields, v6)
}

func sysctl(family, name string) (uint, error) {
	b, err := os.ReadFile("/proc/sys/net/" + family + "/fib_multipath_hash_" + name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32)
	return uint(n), err
}

// routeGroup returns the group of next hops of a route.
func routeGroup(r fib.Route) (g group, err error) {
	for _, hop := range r.Hops {
		g.names = append(g.names, hopName(hop.Gateway, hop.Out))
		g.weights = append(g.weights, hop.Weight)
	}
	if r.Buckets != nil {
		return newResilient(g.names, r.Buckets)
	}
	return g, g.build()
}

// hopName names a next hop by its gateway and interface.
func hopName(gateway netip.Addr, out int) string {
	device := strconv.Itoa(out)
	if i, err := net.InterfaceByIndex(out); err == nil {
		device = i.Name
	}
	if !gateway.IsValid() {
		return device
	}
	return gateway.String() + "@" + device
}

// liveFlows returns the flow of the command line, or drawn flows of TCP to the
// prefix, from the address that this host would send them from.
func liveFlows(o options, conn *fib.Conn) ([]hash.FlowKey, error) {
	if o.hasFlow {
		if !o.live.Contains(o.flow.Dst().Addr()) {
			return nil, fmt.Errorf("%s is not in %s", o.flow.Dst().Addr(), o.live)
		}
		return []hash.FlowKey{o.flow}, nil
	}
	r := rand.New(rand.NewPCG(1, 2))
	var flows []hash.FlowKey
	for range o.flows {
		dst := netip.AddrPortFrom(addressIn(o.live, r), uint16(1+r.IntN(65535)))
		src, err := sourceFor(dst)
		if err != nil {
			return nil, err
		}
		flows = append(flows, hash.NewFlowKey(hash.TCP, netip.AddrPortFrom(src, uint16(1024+r.IntN(64512))), dst))
	}
	return flows, nil
}

// sourceFor returns the address from which this host would send to dst.
// Connecting a UDP socket sends nothing.
func sourceFor(dst netip.AddrPort) (netip.Addr, error) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(dst))
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close() //nolint:errcheck // nothing was written
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap().WithZone(""), nil
}

// addressIn draws an address within a prefix.
func addressIn(p netip.Prefix, r *rand.Rand) netip.Addr {
	b := p.Addr().AsSlice()
	drawn := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, r.Uint64()), r.Uint64())
	for i := range b {
		keep := byte(0xff)
		if bits := p.Bits() - 8*i; bits < 8 {
			keep = ^(byte(0xff) >> max(bits, 0))
		}
		b[i] = b[i]&keep | drawn[i]&^keep
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// askKernel returns the name of the next hop that the kernel chose for a flow.
func askKernel(conn *fib.Conn, k hash.FlowKey) (string, error) {
	answer, err := conn.Ask(fib.Query{
		Src: k.Src().Addr(), Dst: k.Dst().Addr(), SrcPort: k.Src().Port(), DstPort: k.Dst().Port(),
		Proto: k.Proto(), Label: k.Label(),
	})
	if err != nil {
		return "", err
	}
	return hopName(answer.Gateway, answer.Out), nil
}

func (c comparison) write(o options, w io.Writer) error {
	if o.json {
		return newEncoder(w).Encode(c)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: policy %d, seed %d", c.Prefix, c.Policy, c.Seed)
	if c.Fields != "" {
		fmt.Fprintf(&b, ", fields %s", c.Fields)
	}
	if c.Buckets > 0 {
		fmt.Fprintf(&b, ", resilient with %d buckets", c.Buckets)
	}
	b.WriteByte('\n')
	for _, hop := range c.Nexthops {
		fmt.Fprintf(&b, "  via %s weight %d\n", hop.Name, hop.Weight)
	}
	for _, p := range c.Flows {
		verdict := "as predicted"
		if p.Kernel != p.Nexthop {
			verdict = "predicted: " + p.Nexthop
		}
		fmt.Fprintf(&b, "%s  %s  %s  (%s)\n", p.Hash32, p.Flow, p.Kernel, verdict)
	}
	fmt.Fprintf(&b, "%d of %d as predicted\n", c.Agree, len(c.Flows))
	_, err := io.WriteString(w, b.String())
	return err
}
