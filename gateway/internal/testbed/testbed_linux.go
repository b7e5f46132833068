package testbed

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/netns"
)

// The addresses of the service, which every pod has.
const (
	Service4 = "172.16.0.20"
	Service6 = "2001:db8:ac10::14"
)

// A Bed is a client, a router and pods, each in a network namespace of its own:
// c0 of the client is linked to lc of the router, and eth0 of pod N, which is
// pod 1 or more, to its lpN. Pods answer the client through the router's
// kernel, which has a blackhole for the service.
type Bed struct {
	Client, Router *netns.Namespace
	Pods           []*netns.Namespace
}

// New makes a bed whose interfaces have a number of queues.
func New(pods, queues int) (b *Bed, err error) {
	if b, err = NewBare("", pods, queues); err != nil {
		return nil, err
	}
	if err := b.prepare(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// NewBare makes a bed without anything of the service: the router is as the
// kernel has it, with the addresses of its interfaces. The names of its
// namespaces start with that one.
func NewBare(name string, pods, queues int) (b *Bed, err error) {
	b = new(Bed)
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	if b.Router, err = newHost(name + "router"); err != nil {
		return nil, err
	}
	if b.Client, err = newHost(name + "client"); err != nil {
		return nil, err
	}
	if err := b.link(b.Client, "c0", "lc", 0, queues); err != nil {
		return nil, err
	}
	for pod := 1; pod <= pods; pod++ {
		p, err := newHost(fmt.Sprint(name, "pod", pod))
		if err != nil {
			return nil, err
		}
		b.Pods = append(b.Pods, p)
		if err := b.link(p, "eth0", fmt.Sprint("lp", pod), pod, queues); err != nil {
			return nil, err
		}
	}
	return b, Settle(b.Client, "2001:db8:9:0::2")
}

// prepare sets what the service needs, with neighbours known from the start, so
// that nothing waits for them.
func (b *Bed) prepare() (err error) {
	for _, setting := range []struct {
		name  string
		value uint64
	}{
		{"ipv4/ip_forward", 1},
		{"ipv6/conf/all/forwarding", 1},
	} {
		err = errors.Join(err, b.Router.SetSysctl(setting.name, setting.value))
	}
	for _, n := range slices.Concat([]*netns.Namespace{b.Router, b.Client}, b.Pods) {
		err = errors.Join(err, n.Do(openFilters))
	}
	var commands strings.Builder
	_, _ = fmt.Fprintf(&commands, "route add blackhole %s/32\nroute add blackhole %s/128\n", Service4, Service6)
	for number := range len(b.Pods) + 1 {
		device := "lc"
		if number > 0 {
			device = fmt.Sprint("lp", number)
		}
		names := strings.NewReplacer("NUMBER", fmt.Sprint(number), "MAC", text(MAC(number, 2)), "DEV", device)
		_, _ = names.WriteString(&commands, "neigh add 10.9.NUMBER.2 lladdr MAC dev DEV nud permanent\n"+
			"neigh add 2001:db8:9:NUMBER::2 lladdr MAC dev DEV nud permanent\n") // never fails
	}
	if err = errors.Join(err, b.Router.IP(commands.String())); err != nil {
		return err
	}
	for _, p := range b.Pods {
		if err := p.IP(fmt.Sprintf("addr add %s/32 dev lo\naddr add %s/128 dev lo nodad\n", Service4,
			Service6)); err != nil {
			return err
		}
		if err := Settle(p, Service6); err != nil {
			return err
		}
	}
	return nil
}

// openFilters lets packets in whatever their source is.
func openFilters() error {
	interfaces, err := net.Interfaces()
	for _, i := range interfaces {
		err = errors.Join(err, netns.SetSysctl("ipv4/conf/"+i.Name+"/rp_filter", 0))
	}
	return errors.Join(err, netns.SetSysctl("ipv4/conf/all/rp_filter", 0))
}

// Settle waits until a host receives what is sent to an address of its own: the
// kernel puts the route of an IPv6 address in force after the command has ended.
func Settle(n *netns.Namespace, addr string) error {
	const patience, pause = time.Minute, 10 * time.Millisecond
	return n.Do(func() error {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(addr)})
		if err != nil {
			return err
		}
		defer c.Close() //nolint:errcheck // nothing is left to be sent
		for began := time.Now(); time.Since(began) < patience; {
			_, err = c.WriteTo([]byte{0}, c.LocalAddr())
			if err == nil {
				_ = c.SetReadDeadline(time.Now().Add(pause))
				_, _, err = c.ReadFrom(make([]byte, 1))
			}
			if err == nil {
				return nil
			}
			time.Sleep(pause)
		}
		return fmt.Errorf("%s: %w", addr, err)
	})
}

// newHost makes a namespace whose addresses are in force at once.
func newHost(name string) (*netns.Namespace, error) {
	n, err := netns.New(name)
	if err != nil {
		return nil, err
	}
	if err := n.SetSysctl("ipv6/conf/default/accept_dad", 0); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// link joins a host to the router, whose network of this number is theirs.
func (b *Bed) link(host *netns.Namespace, device, routerDevice string, number, queues int) error {
	r := strings.NewReplacer(
		"HOST", host.Name(), "DEV", device, "PEER", routerDevice, "NUMBER", fmt.Sprint(number),
		"QUEUES", fmt.Sprintf("numrxqueues %d numtxqueues %d", queues, queues),
		"MAC1", text(MAC(number, 1)), "MAC2", text(MAC(number, 2)),
	)
	if err := b.Router.IP(r.Replace("link add PEER address MAC1 QUEUES type veth " +
		"peer name DEV address MAC2 QUEUES netns HOST" + `
link set PEER up
addr add 10.9.NUMBER.1/24 dev PEER
addr add 2001:db8:9:NUMBER::1/64 dev PEER nodad
`)); err != nil {
		return err
	}
	return host.IP(r.Replace(`link set DEV up
addr add 10.9.NUMBER.2/24 dev DEV
addr add 2001:db8:9:NUMBER::2/64 dev DEV nodad
route add default via 10.9.NUMBER.1
route add default via 2001:db8:9:NUMBER::1
`))
}

// Close removes all.
func (b *Bed) Close() error {
	var errs []error
	for _, n := range append([]*netns.Namespace{b.Client, b.Router}, b.Pods...) {
		if n != nil {
			errs = append(errs, n.Close())
		}
	}
	return errors.Join(errs...)
}

// PrepareXDP switches off what only a data plane with a virtio header can pass
// on, and on what a redirect to a pod needs.
func (b *Bed) PrepareXDP() error {
	err := b.Client.SetFeatures("c0", false, netns.TxChecksum, netns.TxSegmentation)
	for _, p := range b.Pods {
		err = errors.Join(err, p.SetFeatures("eth0", true, netns.GRO))
	}
	return err
}

// MAC returns the address of one end of a link of the router: 0 is the client's
// link, others are the pods'; 1 is the router's end, 2 theirs.
func MAC(number, end int) engine.MAC { return engine.MAC{2, 0, 0, 1, byte(number), byte(end)} }

func text(m engine.MAC) string { return net.HardwareAddr(m[:]).String() }

// Hops returns pods as members, with equal weights. The number of a pod is that
// of its output.
func Hops(pods ...int) []engine.Hop {
	list := make([]engine.Hop, len(pods))
	for i, pod := range pods {
		id := fmt.Sprint("pod", pod)
		list[i] = engine.Hop{ID: id, Weight: 1, Value: engine.Adjacency{
			ID: id, Header: engine.NewEthernet(MAC(pod, 2), MAC(pod, 1)), Output: uint16(pod),
		}}
	}
	return list
}

// Outputs returns the router's interfaces to pods.
func Outputs(pods ...int) map[uint16]string {
	devices := make(map[uint16]string)
	for _, pod := range pods {
		devices[uint16(pod)] = fmt.Sprint("lp", pod)
	}
	return devices
}

// Prefixes returns those of the service.
func Prefixes() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix(Service4 + "/32"), netip.MustParsePrefix(Service6 + "/128")}
}
