package plane

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/internal/netns"
	"github.com/ecmp-go/ecmp/selector"
)

// A testbed is a client, a router and pods, each in a network namespace of its own. The pods have the addresses of the service and
// answer the client straight through the router's kernel.
type testbed struct {
	client, router *netns.Namespace
	pods           []*netns.Namespace
	queues         int
}

const (
	service4 = "172.16.0.20"
	service6 = "2001:db8:ac10::14"

	clientMAC = "02:00:00:00:00:02"
	routerMAC = "02:00:00:00:00:01" // towards the client
)

// mac is the MAC address of one end of the link to a pod, 1 the router's and 2 the pod's.
func mac(pod, end int) engine.MAC { return engine.MAC{2, 0, 0, 1, byte(pod), byte(end)} }

func text(m engine.MAC) string { return net.HardwareAddr(m[:]).String() }

func newTestbed(t testing.TB, pods, queues int) *testbed {
	t.Helper()
	if err := netns.Available(); err != nil {
		t.Skip(err)
	}
	t.Log("needs privileges, and has them") // for .ci/run
	open := func(name string) *netns.Namespace {
		n, err := netns.New(name)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, n.Close()) })
		require.NoError(t, n.SetSysctl("ipv6/conf/default/accept_dad", 0))
		require.NoError(t, n.SetSysctl("ipv6/conf/default/accept_ra", 0))
		return n
	}
	b := &testbed{client: open("client"), router: open("router"), queues: queues}
	for _, name := range []string{"all", "default"} {
		require.NoError(t, b.router.SetSysctl("ipv4/conf/"+name+"/rp_filter", 0))
		require.NoError(t, b.router.SetSysctl("ipv6/conf/"+name+"/forwarding", 1))
	}
	require.NoError(t, b.router.SetSysctl("ipv4/ip_forward", 1))
	b.link(t, b.client, "c0", clientMAC, "lc", routerMAC, 0)
	require.NoError(t, b.router.IP(fmt.Sprintf("route add blackhole %s/32\nroute add blackhole %s/128\n", service4, service6)))
	for i := 1; i <= pods; i++ {
		p := open(fmt.Sprint("pod", i))
		b.link(t, p, "eth0", text(mac(i, 2)), fmt.Sprint("lp", i), text(mac(i, 1)), i)
		require.NoError(t, p.IP(fmt.Sprintf("addr add %s/32 dev lo\naddr add %s/128 dev lo nodad\n", service4, service6)))
		b.pods = append(b.pods, p)
	}
	return b
}

// link joins a namespace to the router, whose network number n is theirs, with a default route to the router.
func (b *testbed) link(t testing.TB, to *netns.Namespace, dev, mac, routerDev, routerMAC string, n int) {
	t.Helper()
	require.NoError(t, b.router.IP(strings.NewReplacer(
		"DEV", routerDev, "MAC", routerMAC, "PEER", dev, "NETNS", to.Name(), "QUEUES", fmt.Sprint(b.queues), "N", fmt.Sprint(n), "OTHER", mac,
	).Replace(`link add DEV address MAC numrxqueues QUEUES numtxqueues QUEUES type veth peer name PEER address OTHER numrxqueues QUEUES numtxqueues QUEUES netns NETNS
link set DEV up
addr add 10.9.N.1/24 dev DEV
addr add 2001:db8:9:N::1/64 dev DEV nodad
`)))
	require.NoError(t, to.IP(strings.NewReplacer("DEV", dev, "N", fmt.Sprint(n)).Replace(`link set DEV up
addr add 10.9.N.2/24 dev DEV
addr add 2001:db8:9:N::2/64 dev DEV nodad
route add default via 10.9.N.1
route add default via 2001:db8:9:N::1
`)))
}

// hops returns members for pods, by their numbers, with their weights all 1.
func hops(pods ...int) []engine.Hop {
	list := make([]engine.Hop, len(pods))
	for i, pod := range pods {
		id := fmt.Sprint("pod", pod)
		list[i] = engine.Hop{Member: selector.Member{ID: id, Weight: 1}, Value: engine.Adjacency{
			ID: id, Src: mac(pod, 1), Dst: mac(pod, 2), Output: uint16(pod),
		}}
	}
	return list
}

// outputs returns the interfaces of pods.
func outputs(pods ...int) map[uint16]string {
	devices := make(map[uint16]string)
	for _, pod := range pods {
		devices[uint16(pod)] = fmt.Sprint("lp", pod)
	}
	return devices
}

// serve makes a service of a group.
func serve(g *engine.Group) []Service {
	return []Service{{Group: g, Prefixes: []netip.Prefix{netip.MustParsePrefix(service4 + "/32"), netip.MustParsePrefix(service6 + "/128")}}}
}

// listen has every pod listen for TCP on both addresses of the service, and handle connections.
func (b *testbed) listen(t testing.TB, port int, handle func(pod int, c net.Conn)) {
	t.Helper()
	for i, p := range b.pods {
		require.NoError(t, p.Do(func() error {
			for _, address := range []string{service4, service6} {
				l, err := net.Listen("tcp", net.JoinHostPort(address, fmt.Sprint(port)))
				if err != nil {
					return err
				}
				t.Cleanup(func() { _ = l.Close() })
				go func() {
					for {
						c, err := l.Accept()
						if err != nil {
							return
						}
						go handle(i+1, c)
					}
				}()
			}
			return nil
		}))
	}
}

// dial connects the client.
func (b *testbed) dial(t testing.TB, address string, port int) (c net.Conn) {
	t.Helper()
	require.NoError(t, b.client.Do(func() (err error) {
		c, err = net.Dial("tcp", net.JoinHostPort(address, fmt.Sprint(port)))
		return err
	}))
	t.Cleanup(func() { _ = c.Close() })
	return c
}
