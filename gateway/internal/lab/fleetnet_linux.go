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
	client, upstream, bridge *netns.Namespace
	gateways                 []*netns.Namespace
	pods                     []*pod
}

var fleetVIP = netip.MustParsePrefix("172.16.0.20/32") //nolint:gochecknoglobals // read-only

// Who is on the switch: 10.7.KIND.NUMBER.
const (
	onRouter = iota
	onPod
	onGateway
)

func switchAddr(kind, number int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 7, byte(kind), byte(number)})
}
func switchMAC(kind, number int) string { return fmt.Sprintf("02:00:00:07:%02x:%02x", kind, number) }

func newFleetNet(gateways int) (n *fleetNet, err error) {
	n = new(fleetNet)
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
	if err := n.upstream.SetSysctl("ipv4/ip_forward", 1); err != nil {
		return n, err
	}
	if err := n.bridge.IP("link add br0 type bridge\nlink set br0 up\n"); err != nil {
		return n, err
	}
	if err := n.wire(n.upstream, "lc", linkMAC(0, 1), "10.9.0.1", n.client, "c0", linkMAC(0, 2),
		"10.9.0.2"); err != nil {
		return n, err
	}
	if err := n.client.IP("route add default via 10.9.0.1 dev c0\n"); err != nil {
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
	return n, nil
}

func (n *fleetNet) addPod(i int) error {
	p := &pod{number: i, id: fmt.Sprintf("pod%d", i), dev: "pods", addr: switchAddr(onPod, i), mac: switchMAC(onPod, i)}
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
	return p.ns.IP(fmt.Sprintf("addr add %s dev lo\nneigh add %s lladdr %s dev eth0 nud permanent\n"+
		"route add default via %s dev eth0\n", fleetVIP, switchAddr(onRouter, 1), switchMAC(onRouter, 1),
		switchAddr(onRouter, 1)))
}

func (n *fleetNet) addGateway(i int) error {
	ns, err := newHost(fmt.Sprintf("gw%d", i))
	if err != nil {
		return err
	}
	n.gateways = append(n.gateways, ns)
	err = n.wire(n.upstream, fmt.Sprintf("g%d", i), linkMAC(i, 1), fmt.Sprintf("10.8.%d.1", i),
		ns, "uplink", linkMAC(i, 2), fmt.Sprintf("10.8.%d.2", i))
	if err != nil {
		return err
	}
	if err := n.plug(ns, "pods", onGateway, i); err != nil {
		return err
	}
	// lest its kernel forwards what the data plane does
	return ns.IP("route add blackhole 172.16.0.0/16\n")
}

// wire links two hosts, whose neighbours are permanent.
func (n *fleetNet) wire(
	a *netns.Namespace, devA, macA, addrA string, b *netns.Namespace, devB, macB, addrB string,
) error {
	r := strings.NewReplacer("DEVA", devA, "MACA", macA, "ADDRA", addrA, "DEVB", devB, "MACB", macB, "ADDRB", addrB,
		"HOSTB", b.Name())
	err := a.IP(r.Replace("link add DEVA address MACA type veth peer name DEVB address MACB netns HOSTB\n" +
		"link set DEVA up\naddr add ADDRA/24 dev DEVA\nneigh add ADDRB lladdr MACB dev DEVA nud permanent\n"))
	if err != nil {
		return err
	}
	return b.IP(r.Replace("link set DEVB up\naddr add ADDRB/24 dev DEVB\n" +
		"neigh add ADDRA lladdr MACA dev DEVB nud permanent\n"))
}

// plug plugs a host into the switch.
func (n *fleetNet) plug(host *netns.Namespace, dev string, kind, number int) error {
	r := strings.NewReplacer("PORT", fmt.Sprintf("p%d-%d", kind, number), "DEV", dev, "MAC", switchMAC(kind, number),
		"ADDR", switchAddr(kind, number).String(), "HOST", host.Name())
	if err := n.bridge.IP(r.Replace("link add PORT type veth peer name DEV address MAC netns HOST\n" +
		"link set PORT master br0\nlink set PORT up\n")); err != nil {
		return err
	}
	return host.IP(r.Replace("link set DEV up\naddr add ADDR/16 dev DEV\n"))
}

// hashBy sets the hash of the upstream router: by the five-tuple, and a seed.
func (n *fleetNet) hashBy(seed uint32) error {
	for name, value := range map[string]uint64{
		"ipv4/fib_multipath_hash_seed": uint64(seed), "ipv4/fib_multipath_hash_policy": 3,
		"ipv4/fib_multipath_hash_fields": 0x37,
	} {
		if err := n.upstream.SetSysctl(name, value); err != nil {
			return err
		}
	}
	return nil
}

// toGateways has the router spread flows over these gateways. Its hash moves
// flows of all of them whenever their number changes.
func (n *fleetNet) toGateways(numbers []int) error {
	var hops strings.Builder
	for _, i := range numbers {
		fmt.Fprintf(&hops, " nexthop via 10.8.%d.2 dev g%d", i, i)
	}
	return n.route(hops.String())
}

// toPods has the router spread flows over pods.
func (n *fleetNet) toPods(pods []*pod) error {
	var hops strings.Builder
	for _, p := range pods {
		fmt.Fprintf(&hops, " nexthop via %s dev pods", p.addr)
	}
	return n.route(hops.String())
}

func (n *fleetNet) route(hops string) error {
	return n.upstream.IP(fmt.Sprintf("route replace %s%s\n", fleetVIP, hops))
}

func (n *fleetNet) close() error {
	hosts := []*netns.Namespace{n.client, n.upstream, n.bridge}
	hosts = append(hosts, n.gateways...)
	for _, p := range n.pods {
		hosts = append(hosts, p.ns)
	}
	return closeHosts(hosts)
}
