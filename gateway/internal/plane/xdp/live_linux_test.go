package xdp

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/testbed"
	"github.com/ecmp-go/ecmp/selector"
)

const (
	vip  = "172.16.0.20"
	vip6 = "2001:db8:ac10::14"
)

// namespace makes one that is removed after the test.
func namespace(t *testing.T, name string) *netns.Namespace {
	t.Helper()
	n, err := netns.New(name)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	return n
}

// newNetwork makes a client, a router and pods that have the address of the
// service and answer the client past the plane.
func newNetwork(t *testing.T, pods int) (client, router *netns.Namespace, list []*netns.Namespace) {
	t.Helper()
	if err := netns.Available(); err != nil {
		t.Skip(err)
	}
	t.Log("needs privileges, and has them") // for .ci/run
	client, router = namespace(t, "client"), namespace(t, "router")
	for _, name := range []string{"all", "default"} {
		require.NoError(t, router.SetSysctl("ipv4/conf/"+name+"/rp_filter", 0))
	}
	require.NoError(t, router.SetSysctl("ipv4/ip_forward", 1))
	require.NoError(t, router.SetSysctl("ipv6/conf/all/forwarding", 1))
	require.NoError(t, router.IP(fmt.Sprintf(`link add lc address 02:00:00:00:00:01 type veth peer name c0 netns %s
link set lc up
addr add 10.9.0.1/24 dev lc
addr add 2001:db8:9::1/64 dev lc nodad
route add blackhole %s/32
route add blackhole %s/128
`, client.Name(), vip, vip6)))
	require.NoError(t, client.IP("link set c0 up\naddr add 10.9.0.2/24 dev c0\nroute add default via 10.9.0.1\n"+
		"addr add 2001:db8:9::2/64 dev c0 nodad\nroute add default via 2001:db8:9::1\n"))
	require.NoError(t, client.SetFeatures("c0", false, netns.TxChecksum, netns.TxSegmentation))
	for i := range pods {
		hop := hopOf(uint16(i), 1).Value
		pod := namespace(t, fmt.Sprint("pod", i))
		require.NoError(t, router.IP(fmt.Sprintf(
			`link add lp%[1]d address %[2]s type veth peer name eth0 address %[3]s netns %[4]s
link set lp%[1]d up
addr add 10.9.%[5]d.1/24 dev lp%[1]d
addr add 2001:db8:9:%[5]d::1/64 dev lp%[1]d nodad
`, i, net.HardwareAddr(hop.Header[6:]), net.HardwareAddr(hop.Header[:6]), pod.Name(), i+1)))
		require.NoError(t, pod.IP(fmt.Sprintf(
			"link set eth0 up\naddr add 10.9.%[1]d.2/24 dev eth0\naddr add %[2]s/32 dev lo\n"+
				"route add default via 10.9.%[1]d.1\naddr add 2001:db8:9:%[1]d::2/64 dev eth0 nodad\n"+
				"addr add %[3]s/128 dev lo nodad\nroute add default via 2001:db8:9:%[1]d::1\n", i+1, vip, vip6)))
		require.NoError(t, pod.SetFeatures("eth0", true, netns.GRO))
		require.NoError(t, testbed.Settle(pod, vip6))
		list = append(list, pod)
	}
	require.NoError(t, testbed.Settle(client, "2001:db8:9::2"))
	require.NoError(t, testbed.Settle(router, "2001:db8:9::1"))
	return client, router, list
}

// greet has a pod tell its number to whoever sends a line or a datagram.
func greet(t *testing.T, pod *netns.Namespace, number int) {
	t.Helper()
	require.NoError(t, pod.Do(func() error {
		l, err := net.Listen("tcp", vip+":80")
		if err != nil {
			return err
		}
		u, err := net.ListenPacket("udp", vip+":80")
		if err != nil {
			return err
		}
		t.Cleanup(func() { _, _ = l.Close(), u.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					for b := make([]byte, 1); ; {
						if _, err := c.Read(b); err != nil {
							return
						}
						_, _ = c.Write([]byte{byte(number)})
					}
				}()
			}
		}()
		go func() {
			for b := make([]byte, 1<<16); ; {
				_, from, err := u.ReadFrom(b)
				if err != nil {
					return
				}
				_, _ = u.WriteTo([]byte{byte(number)}, from)
			}
		}()
		return nil
	}))
}

// ask sends something by a connection and returns the pod that answers.
func ask(t *testing.T, c net.Conn, size int) (pod byte, err error) {
	t.Helper()
	require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
	if _, err := c.Write(make([]byte, size)); err != nil {
		return 0, err
	}
	answer := make([]byte, 1)
	_, err = io.ReadFull(c, answer)
	return answer[0], err
}

// sendBackwards sends a datagram of a connection in three fragments, the last
// one first.
func sendBackwards(t *testing.T, client *netns.Namespace, c net.Conn) {
	t.Helper()
	const size, header = 256, 20
	from, to := c.LocalAddr().(*net.UDPAddr).AddrPort(), netip.MustParseAddr(vip)
	payload := make([]byte, 3*size)
	binary.BigEndian.PutUint16(payload, from.Port())
	binary.BigEndian.PutUint16(payload[2:], 80)
	binary.BigEndian.PutUint16(payload[4:], uint16(len(payload))) // without a checksum
	require.NoError(t, client.Do(func() error {
		socket, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		if err != nil {
			return err
		}
		defer unix.Close(socket) //nolint:errcheck // nothing is unsent
		for n := 2; n >= 0; n-- {
			p := make([]byte, header, header+size)
			p[0], p[8], p[9] = 0x45, 64, unix.IPPROTO_UDP
			binary.BigEndian.PutUint16(p[4:], from.Port())
			binary.BigEndian.PutUint16(p[6:], uint16(1-n/2)<<13|uint16(n*size/8))
			copy(p[12:], from.Addr().AsSlice())
			copy(p[16:], to.AsSlice())
			p = append(p, payload[n*size:][:size]...)
			if err := unix.Sendto(socket, p, 0, &unix.SockaddrInet4{Addr: to.As4()}); err != nil {
				return err
			}
		}
		return nil
	}))
}

// Real connections and datagrams, those in fragments too, stay on their pods
// while others come and go; those of a pod that left end by a reset.
func TestLive(t *testing.T) {
	client, ns, pods := newNetwork(t, 3)
	for i, pod := range pods {
		greet(t, pod, i)
	}
	domain := selector.NewDomain()
	g, err := selector.NewGroup[engine.Adjacency](domain, selector.GroupConfig{Name: "live",
		Strategy: selector.Bounded{}})
	require.NoError(t, err)
	var p plane.Plane
	err = ns.Do(func() (err error) {
		p, err = New(plane.Config{
			In: []string{"lc"}, Seed: 1, Domain: domain,
			// As long as they may be: this test may have to wait for the processor.
			Sticky:    &flowcache.Config{Flows: 1000, Probation: time.Hour, Established: time.Hour},
			Fragments: flowcache.FragmentsConfig{Hold: 30 * time.Second},
		})
		if err != nil {
			return err
		}
		return setOutputs(p, map[uint16]string{0: "lp0", 1: "lp1", 2: "lp2"})
	})
	skipWithout(t, err)
	services := []plane.Service{{Group: g, Prefixes: []netip.Prefix{netip.MustParsePrefix(vip + "/32")}}}
	update := func(numbers ...uint16) {
		t.Helper()
		_, err := g.Update(hopsFor(numbers...))
		require.NoError(t, err)
		require.NoError(t, p.Sync(services))
	}
	update(0, 1)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	defer func() {
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, p.Close())
	}()

	var streams, datagrams []net.Conn
	open := func(n int) {
		require.NoError(t, client.Do(func() error {
			for range n {
				c, err := net.DialTimeout("tcp", vip+":80", time.Minute)
				if err != nil {
					return err
				}
				u, err := net.Dial("udp", vip+":80")
				if err != nil {
					return err
				}
				t.Cleanup(func() { _, _ = c.Close(), u.Close() })
				streams, datagrams = append(streams, c), append(datagrams, u)
			}
			return nil
		}))
	}
	at := func(list []net.Conn, size int) (pods []byte) {
		for _, c := range list {
			pod, err := ask(t, c, size)
			require.NoError(t, err)
			pods = append(pods, pod)
		}
		return pods
	}
	open(30)
	tcp, udp := at(streams, 1), at(datagrams, 1)
	assert.Subset(t, tcp, []byte{0, 1})

	update(0, 1, 2)
	assert.Equal(t, tcp, at(streams, 1))
	assert.Equal(t, udp, at(datagrams, 1))
	// Before others are in fragments: the plane remembers the IDs that the kernel
	// draws for them, and one of those may be used here.
	for i, c := range datagrams {
		sendBackwards(t, client, c)
		answer := make([]byte, 1)
		_, err := io.ReadFull(c, answer)
		require.NoError(t, err)
		assert.Equal(t, udp[i], answer[0], "a datagram in fragments, the last one first")
	}
	assert.Equal(t, udp, at(datagrams, 5000), "datagrams in fragments")
	assert.Equal(t, plane.Fragments{Held: 2 * uint64(len(datagrams))}, p.Counters().Fragments)
	open(20)
	assert.Contains(t, at(streams[30:], 1), byte(2))

	tcp = at(streams, 1)
	update(1, 2)
	for i, c := range streams {
		pod, err := ask(t, c, 1)
		if tcp[i] == 0 {
			require.ErrorContains(t, err, "reset")
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, tcp[i], pod)
	}
	c := p.Counters()
	out := uint64(0)
	for _, m := range c.Members {
		out += m.Frames
	}
	for _, n := range c.Dropped {
		out += n
	}
	assert.Equal(t, c.In.Frames, out, "%+v", c)

	// The slow path counts what is for no service apart.
	assert.Zero(t, c.NotForService)
	require.NoError(t, client.Do(func() error {
		_, err := net.DialTimeout("tcp", "10.9.0.1:80", time.Minute)
		require.ErrorIs(t, err, unix.ECONNREFUSED)
		return nil
	}))
	// more than one if the reset came late, and it was sent again
	require.Eventually(t, func() bool { return p.Counters().NotForService.Frames > 0 }, time.Minute, time.Millisecond)
	assert.Equal(t, c.Dropped, p.Counters().Dropped)
}
