package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/ecmp-go/ecmp/examples/netns"
)

const fleetPods = 6

// A fleetNet is a client, the upstream router, gateways and pods: c0 of the
// client is linked to lc of the router, and uplink of gateway i to its g<i>.
// The router, all gateways and all pods are on one switch, behind their
// interfaces pods, pods and eth0. Pods answer clients through the router.
type fleetNet struct {
	v6                       bool
	client, upstream, bridge *netns.Namespace
	gateways                 []*netns.Namespace
	pods                     []*pod
}

// Who is on the switch: 10.7.KIND.NUMBER, or fd07::KIND:NUMBER.
const (
	onRouter = iota
	onPod
	onGateway
)

func switchAddr(v6 bool, kind, number int) netip.Addr {
	if v6 {
		return netip.MustParseAddr(fmt.Sprintf("fd07::%d:%d", kind, number))
	}
	return netip.AddrFrom4([4]byte{10, 7, byte(kind), byte(number)})
}
func switchMAC(kind, number int) string  { return fmt.Sprintf("02:00:00:07:%02x:%02x", kind, number) }
func switchPort(kind, number int) string { return fmt.Sprintf("p%d-%d", kind, number) }

func newFleetNet(gateways int, v6 bool) (n *fleetNet, err error) {
	n = &fleetNet{v6: v6}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close())
		}
	}()
	for name, to := range map[string]**netns.Namespace{
		"upstream": &n.upstream, "client": &n.client, "switch": &n.bridge,
	} {
		if *to, err = newHost(name); err != nil {
			return n, err
		}
	}
	if err := forward(n.upstream); err != nil {
		return n, err
	}
	if err := n.bridge.IP("link add br0 type bridge\nlink set br0 up\n"); err != nil {
		return n, err
	}
	if err := n.wire(0, "lc", n.client, "c0"); err != nil {
		return n, err
	}
	if err := n.client.IP(fmt.Sprintf("route add default via %s dev c0\n", linkAddr(v6, 0, 1))); err != nil {
		return n, err
	}
	if err := n.plug(n.upstream, "pods", onRouter, 1); err != nil {
		return n, err
	}
	for i := 1; i <= fleetPods; i++ {
		if err := n.addPod(i); err != nil {
			return n, err
		}
	}
	for i := 1; i <= gateways; i++ {
		if err := n.addGateway(i); err != nil {
			return n, err
		}
	}
	return n, n.upstream.IP(blackholes) // while no gateway announces anything
}

func (n *fleetNet) addPod(i int) error {
	p := &pod{number: i, id: fmt.Sprintf("pod%d", i), dev: "pods", addr: switchAddr(n.v6, onPod, i),
		mac: switchMAC(onPod, i)}
	var err error
	if p.ns, err = newHost(p.id); err != nil {
		return err
	}
	n.pods = append(n.pods, p)
	if err := n.plug(p.ns, "eth0", onPod, i); err != nil {
		return err
	}
	if err := n.upstream.IP(fmt.Sprintf("neigh add %s lladdr %s dev pods nud permanent\n", p.addr, p.mac)); err != nil {
		return err
	}
	router := switchAddr(n.v6, onRouter, 1)
	return p.ns.IP(fmt.Sprintf("addr add %s dev lo nodad\nneigh add %s lladdr %s dev eth0 nud permanent\n"+
		"route add default via %s dev eth0\n", virtual(n.v6), router, switchMAC(onRouter, 1), router))
}

func (n *fleetNet) addGateway(i int) error {
	ns, err := newHost(fmt.Sprintf("gw%d", i))
	if err != nil {
		return err
	}
	n.gateways = append(n.gateways, ns)
	if err := n.wire(i, fmt.Sprintf("g%d", i), ns, "uplink"); err != nil {
		return err
	}
	if err := n.plug(ns, "pods", onGateway, i); err != nil {
		return err
	}
	return ns.IP(blackholes)
}

// wire links the router to a host, by its link i. Neighbours are permanent.
func (n *fleetNet) wire(i int, dev string, host *netns.Namespace, hostDev string) error {
	r := strings.NewReplacer("HOSTDEV", hostDev, "HOSTMAC", linkMAC(i, 2), "HOSTADDR", linkAddr(n.v6, i, 2).String(),
		"DEV", dev, "MAC", linkMAC(i, 1), "ADDR", linkAddr(n.v6, i, 1).String(), "BITS", n.bits(), "HOST", host.Name())
	err := n.upstream.IP(r.Replace("link add DEV address MAC type veth peer name HOSTDEV address HOSTMAC netns HOST\n" +
		"link set DEV up\naddr add ADDR/BITS dev DEV nodad\nneigh add HOSTADDR lladdr HOSTMAC dev DEV nud permanent\n"))
	if err != nil {
		return err
	}
	return host.IP(r.Replace("link set HOSTDEV up\naddr add HOSTADDR/BITS dev HOSTDEV nodad\n" +
		"neigh add ADDR lladdr MAC dev HOSTDEV nud permanent\n"))
}

// bits are those of a link's network.
func (n *fleetNet) bits() string {
	if n.v6 {
		return "64"
	}
	return "24"
}

// plug plugs a host into the switch.
func (n *fleetNet) plug(host *netns.Namespace, dev string, kind, number int) error {
	bits := "16"
	if n.v6 {
		bits = "64"
	}
	r := strings.NewReplacer("PORT", switchPort(kind, number), "DEV", dev, "MAC", switchMAC(kind, number),
		"ADDR", switchAddr(n.v6, kind, number).String(), "BITS", bits, "HOST", host.Name())
	if err := n.bridge.IP(r.Replace("link add PORT type veth peer name DEV address MAC netns HOST\n" +
		"link set PORT master br0\nlink set PORT up\n")); err != nil {
		return err
	}
	return host.IP(r.Replace("link set DEV up\naddr add ADDR/BITS dev DEV nodad\n"))
}

// plainFrames has the client send what a data plane without a virtio header can
// pass on, and the switch take what gateways redirect.
func (n *fleetNet) plainFrames() error {
	err := n.client.SetFeatures("c0", false, netns.TxChecksum, netns.TxSegmentation)
	for i := range n.gateways {
		err = errors.Join(err, n.bridge.SetFeatures(switchPort(onGateway, i+1), true, netns.GRO))
	}
	return err
}

// toPods has the router spread flows over pods, without a gateway.
func (n *fleetNet) toPods(pods []*pod) error {
	hops := make([]netip.Addr, len(pods))
	for i, p := range pods {
		hops[i] = p.addr
	}
	return n.upstream.IP(multipath(virtual(n.v6), hops))
}

// multipath is what ip is told to have packets spread over next hops.
func multipath(to netip.Prefix, hops []netip.Addr) string {
	var b strings.Builder
	fmt.Fprintf(&b, "route replace %s proto bgp", to)
	for _, hop := range hops {
		fmt.Fprintf(&b, " nexthop via %s", hop)
	}
	b.WriteByte('\n')
	return b.String()
}

func (n *fleetNet) close() error {
	hosts := []*netns.Namespace{n.client, n.upstream, n.bridge}
	hosts = append(hosts, n.gateways...)
	for _, p := range n.pods {
		hosts = append(hosts, p.ns)
	}
	return closeHosts(hosts)
}
