package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/ecmp-go/ecmp/examples/linuxpath/internal/fib"
	"github.com/ecmp-go/ecmp/hash"
)

// A comparison is the output of -live.
type comparison struct {
	Prefix string       `json:"prefix"`
	Routes []*liveRoute `json:"routes"` // that the flows take
	Flows  []prediction `json:"flows"`
	Agree  int          `json:"agree"`
	Wrong  int          `json:"wrong"` // predicted, but the kernel chose another next hop

	// Unpredicted counts the flows whose next hop can't be predicted.
	Unpredicted int `json:"unpredicted"`

	// Unchecked counts the flows that are predicted, but that the kernel
	// answers no query for.
	Unchecked int `json:"unchecked"`
}

// errDisagree says that a prediction was wrong. The route may have changed
// meanwhile, or the kernel hashes otherwise than Linux 6.18.
var errDisagree = errors.New("the kernel chose other next hops than predicted")

// predictLive compares predictions for flows to a route of this host with the
// choices of its kernel.
func predictLive(o options, w io.Writer) error {
	conn, err := fib.Dial()
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing was written
	host, err := newHost(conn)
	if err != nil {
		return err
	}
	host.mark = uint32(o.mark)
	if o.in != "" {
		device, err := net.InterfaceByName(o.in)
		if err != nil {
			return usageError{fmt.Errorf("-iif: %w", err)}
		}
		host.in = device.Index
	} else if !o.socket.local() {
		o.socket = connected
	}
	c := comparison{Prefix: o.live.String()}
	flows, err := liveFlows(o, host)
	if err != nil {
		return err
	}
	if o.cover {
		return coverLive(o, host, w)
	}
	for _, k := range flows {
		p, err := host.predict(k, o.socket)
		if err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
		c.add(p)
	}
	c.Routes = host.seen
	if err := c.write(o, w); err != nil {
		return err
	}
	if c.Wrong > 0 {
		return errDisagree
	}
	return nil
}

// coverLive covers the next hops of the route of a flow. A flow that the kernel
// sends elsewhere than predicted is an error.
func coverLive(o options, h *host, w io.Writer) error {
	settings := h.v4
	if o.flow.Is6() {
		settings = h.v6
	}
	if settings.problem != nil {
		return settings.problem
	}
	v, err := vary(o.flow, settings.linux)
	if err != nil {
		return err
	}
	c, err := cover(o.flow, v, func(k hash.FlowKey) ([]prediction, error) {
		p, err := h.predict(k, o.socket)
		if err == nil && p.wrong() {
			err = fmt.Errorf("%s: %w", k, errDisagree)
		}
		return []prediction{p}, err
	})
	if err != nil {
		return err
	}
	return c.write(o, w)
}

func (c *comparison) add(p prediction) {
	switch {
	case p.Nexthop == "":
		c.Unpredicted++
	case p.wrong():
		c.Wrong++
	case p.Kernel == "":
		c.Unchecked++
	default:
		c.Agree++
	}
	c.Flows = append(c.Flows, p)
}

// wrong reports whether the kernel chose another next hop than predicted.
func (p prediction) wrong() bool {
	want := p.Nexthop
	if p.Query != "" {
		want = p.Query
	}
	return p.Nexthop != "" && p.Kernel != "" && p.Kernel != want
}

// verdict says how the prediction compares with the kernel's choice.
func (p prediction) verdict() string {
	var words []string
	switch {
	case p.Nexthop == "" && p.Kernel != "":
		words = append(words, "not predicted; the kernel takes "+p.Kernel)
	case p.Nexthop == "":
		words = append(words, "not predicted")
	case p.wrong():
		words = append(words, "the kernel takes "+p.Kernel)
		if p.group != nil && slices.ContainsFunc(p.group.hops, func(h hop) bool { return h.carrierless }) {
			words = append(words, "the route may have changed, or the sysctl was set after the link went down: "+
				"the kernel applies ignore_routes_with_linkdown at the next event of a link")
		}
		if p.group != nil && p.group.list && p.Socket.local() {
			words = append(words, "it may go by addresses that interfaces had when the route was made")
		}
	case p.Kernel == "":
		words = append(words, "the kernel answers no query for this protocol")
	case p.Query != "":
		words = append(words, "a query takes "+p.Kernel+" as predicted: the kernel hashes it otherwise than the packet")
	default:
		words = append(words, "as predicted")
	}
	if p.Why != "" {
		words = append(words, p.Why)
	}
	return strings.Join(words, "; ")
}

// liveFlows returns the flow of the command line, or drawn flows to the prefix:
// of UDP from the address that this host would send them from, or for forwarded
// flows of TCP from the network that the interface is in.
func liveFlows(o options, h *host) ([]hash.FlowKey, error) {
	if o.hasFlow {
		if !o.live.Contains(o.flow.Dst().Addr()) {
			return nil, fmt.Errorf("%s is not in %s", o.flow.Dst().Addr(), o.live)
		}
		return []hash.FlowKey{o.flow}, nil
	}
	from := netip.PrefixFrom(unspecified(o.live.Addr().Is6()), o.live.Addr().BitLen())
	if h.in != 0 {
		network, err := networkOf(o.in, o.live.Addr().Is6())
		if err != nil {
			return nil, err
		}
		from = network
	}
	r := rand.New(rand.NewPCG(1, 2))
	var flows []hash.FlowKey
	for range o.flows {
		dst := netip.AddrPortFrom(unicastIn(o.live, r), uint16(1+r.IntN(65535)))
		src, proto := from.Addr(), uint8(hash.UDP)
		switch {
		case h.in != 0:
			src, proto = neighbourIn(from, r), hash.TCP
		case o.socket != unbound:
			src = sourceFor(dst)
		}
		flows = append(flows, hash.NewFlowKey(proto, netip.AddrPortFrom(src, uint16(1024+r.IntN(64512))), dst))
	}
	return flows, nil
}

func unspecified(v6 bool) netip.Addr {
	if v6 {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

// networkOf returns the address of an interface, with the length of its
// network.
func networkOf(device string, v6 bool) (netip.Prefix, error) {
	i, err := net.InterfaceByName(device)
	if err != nil {
		return netip.Prefix{}, err
	}
	addresses, err := i.Addrs()
	if err != nil {
		return netip.Prefix{}, err
	}
	for _, a := range addresses {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr().Is6() == v6 && !p.Addr().IsLinkLocalUnicast() {
			return p, nil
		}
	}
	return netip.Prefix{}, fmt.Errorf("-iif: %s has no address to draw sources from: give -src and -dst", device)
}

// sourceFor returns the address from which this host would send to dst, or an
// unspecified one if it would not. Connecting a UDP socket sends nothing.
func sourceFor(dst netip.AddrPort) netip.Addr {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(dst))
	if err != nil {
		return unspecified(dst.Addr().Is6())
	}
	defer conn.Close() //nolint:errcheck // nothing was written
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap().WithZone("")
}

// unicastIn draws an address within a prefix, one that a packet can be routed
// to if there is one.
func unicastIn(p netip.Prefix, r *rand.Rand) netip.Addr {
	for range 100 {
		a := addressIn(p, r)
		reserved := a.Is4() && (a.As4()[0] == 0 || a.As4()[0] >= 240) // RFC 6890
		if !reserved && !a.IsMulticast() && !a.IsLoopback() && !a.IsUnspecified() && !a.IsLinkLocalUnicast() {
			return a
		}
	}
	return addressIn(p, r)
}

// neighbourIn draws the address of another host in the network of an address.
func neighbourIn(own netip.Prefix, r *rand.Rand) netip.Addr {
	a := own.Addr()
	for range 100 {
		a = addressIn(own, r)
		first := a == own.Masked().Addr()
		last := a.Is4() && !own.Contains(a.Next()) // the broadcast address
		if a != own.Addr() && !first && !last {
			break
		}
	}
	return a
}

// addressIn draws an address within a prefix.
func addressIn(p netip.Prefix, r *rand.Rand) netip.Addr {
	b := p.Addr().AsSlice()
	for i := range b {
		keep := byte(0xff)
		if bits := p.Bits() - 8*i; bits < 8 {
			keep = ^(byte(0xff) >> max(bits, 0))
		}
		b[i] = b[i]&keep | byte(r.Uint32())&^keep
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
