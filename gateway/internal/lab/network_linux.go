package lab

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/ecmp-go/ecmp/examples/netns"
)

const numPods = 4

// A network is the client, the router and the pods: c0 of the client is linked
// to lc of the router, and eth0 of pod i to its lp<i>.
type network struct {
	v6               bool
	clientNS, router *netns.Namespace
	pods             []*pod
	ends             []io.Closer // of tunnels
}

// A pod is a member of the group.
type pod struct {
	number int
	ns     *netns.Namespace
	id     string // pod1
	dev    string // the router's interface
	addr   netip.Addr
	mac    string
	tunnel *tunnel // nil: packets come to it on the link
}

// linkAddr returns an address on link i of the router: 0 is the client's, the
// others the pods'. The router is host 1, the others are host 2.
func linkAddr(v6 bool, i, host int) netip.Addr {
	if v6 {
		return netip.MustParseAddr(fmt.Sprintf("fd09:%d::%d", i, host))
	}
	return netip.AddrFrom4([4]byte{10, 9, byte(i), byte(host)})
}

func linkMAC(i, host int) string { return fmt.Sprintf("02:00:00:00:%02x:%02x", i, host) }

// virtual returns the virtual address.
func virtual(v6 bool) netip.Prefix {
	if v6 {
		return netip.MustParsePrefix("2001:db8:ac10::14/128")
	}
	return netip.MustParsePrefix("172.16.0.20/32")
}

func (n *network) vip() netip.Prefix { return virtual(n.v6) }

// blackholes are for packets to the virtual address, lest a kernel forwards
// what a data plane does.
const blackholes = "route add blackhole 172.16.0.0/16\nroute add blackhole 2001:db8:ac10::/48\n"

// newNetwork makes the namespaces and links. The router forwards what the pods
// answer; packets to the virtual address meet a blackhole on it, lest the
// kernel forwards what a data plane does.
func newNetwork(v6 bool) (n *network, err error) {
	n = &network{v6: v6}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close())
		}
	}()
	if n.router, err = newHost("router"); err != nil {
		return n, err
	}
	if err := forward(n.router); err != nil {
		return n, err
	}
	if n.clientNS, err = newHost("client"); err != nil {
		return n, err
	}
	if err := n.link(0, "lc", n.clientNS, "c0"); err != nil {
		return n, err
	}
	for i := 1; i <= numPods; i++ {
		p := &pod{number: i, id: fmt.Sprintf("pod%d", i), dev: fmt.Sprintf("lp%d", i), addr: linkAddr(v6, i, 2),
			mac: linkMAC(i, 2)}
		if p.ns, err = newHost(p.id); err != nil {
			return n, err
		}
		n.pods = append(n.pods, p)
		if err := n.link(i, p.dev, p.ns, "eth0"); err != nil {
			return n, err
		}
		if err := p.ns.IP(fmt.Sprintf("addr add %s dev lo nodad\n", n.vip())); err != nil {
			return n, err
		}
	}
	return n, n.router.IP(blackholes)
}

// newHost makes a namespace with what must be set before its links exist.
func newHost(name string) (*netns.Namespace, error) {
	ns, err := netns.New(name)
	if err != nil {
		return nil, err
	}
	for _, scope := range []string{"all", "default"} {
		for _, name := range []string{"ipv4/conf/" + scope + "/rp_filter", "ipv6/conf/" + scope + "/accept_dad",
			"ipv6/conf/" + scope + "/accept_ra"} {
			err = errors.Join(err, ns.SetSysctl(name, 0))
		}
	}
	if err != nil {
		return nil, errors.Join(err, ns.Close())
	}
	return ns, nil
}

// forward makes a host a router.
func forward(ns *netns.Namespace) error {
	return errors.Join(ns.SetSysctl("ipv4/ip_forward", 1), ns.SetSysctl("ipv6/conf/all/forwarding", 1))
}

// hashBy sets the hash of a router's multipath routes: by the five-tuple, and a
// seed.
func hashBy(ns *netns.Namespace, v6 bool, seed uint32) error {
	family := "ipv4"
	if v6 {
		family = "ipv6"
	}
	return errors.Join(
		ns.SetSysctl("ipv4/fib_multipath_hash_seed", uint64(seed)), // of both families
		ns.SetSysctl(family+"/fib_multipath_hash_policy", 3), ns.SetSysctl(family+"/fib_multipath_hash_fields", 0x37))
}

// link links the router to a host, whose default route it becomes. Neighbours
// are permanent: no flow waits for their discovery.
func (n *network) link(i int, dev string, host *netns.Namespace, hostDev string) error {
	err := n.router.IP(fmt.Sprintf("link add %s address %s type veth peer name %s address %s netns %s\n",
		dev, linkMAC(i, 1), hostDev, linkMAC(i, 2), host.Name()))
	if err != nil {
		return err
	}
	var router, other strings.Builder
	fmt.Fprintf(&router, "link set %s up\n", dev)
	fmt.Fprintf(&other, "link set %s up\n", hostDev)
	for _, v6 := range []bool{false, true} {
		bits, nodad := 24, ""
		if v6 {
			bits, nodad = 64, " nodad"
		}
		fmt.Fprintf(&router, "addr add %s/%d dev %s%s\n", linkAddr(v6, i, 1), bits, dev, nodad)
		fmt.Fprintf(&router, "neigh add %s lladdr %s dev %s nud permanent\n", linkAddr(v6, i, 2), linkMAC(i, 2), dev)
		fmt.Fprintf(&other, "addr add %s/%d dev %s%s\n", linkAddr(v6, i, 2), bits, hostDev, nodad)
		fmt.Fprintf(&other, "neigh add %s lladdr %s dev %s nud permanent\n", linkAddr(v6, i, 1), linkMAC(i, 1), hostDev)
		fmt.Fprintf(&other, "route add default via %s dev %s\n", linkAddr(v6, i, 1), hostDev)
	}
	if err := n.router.IP(router.String()); err != nil {
		return err
	}
	return host.IP(other.String())
}

// plainFrames has the client send what a data plane without a virtio header can
// pass on, and the receivers of redirected frames run NAPI.
func (n *network) plainFrames() error {
	err := n.clientNS.SetFeatures("c0", false, netns.TxChecksum, netns.TxSegmentation)
	for _, p := range n.pods {
		err = errors.Join(err, p.ns.SetFeatures("eth0", true, netns.GRO))
	}
	return err
}

// kill makes a pod vanish: nothing that it may still want to say gets out.
func (p *pod) kill() error { return p.ns.IP("link set eth0 down\n") }

func (n *network) close() (err error) {
	err = n.fill()
	hosts := []*netns.Namespace{n.router, n.clientNS}
	for _, p := range n.pods {
		hosts = append(hosts, p.ns)
	}
	return errors.Join(err, closeHosts(hosts))
}

// closeHosts closes the namespaces that there are.
func closeHosts(hosts []*netns.Namespace) (err error) {
	for _, ns := range hosts {
		if ns != nil {
			err = errors.Join(err, ns.Close())
		}
	}
	return err
}
