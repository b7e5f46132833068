package xdp

import (
	"context"
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
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// The program passes packets that are too big, or have no time left, and pings
// to the slow path, which answers them: an upload gets through a narrow link,
// traceroute sees the router, and a ping of the service has a reply.
func TestICMP(t *testing.T) {
	const mtu = 1300
	client, ns, pods := newNetwork(t, 1)
	require.NoError(t, ns.IP(fmt.Sprintf("link set lp0 mtu %d\n", mtu)))
	domain := selector.NewDomain()
	g, err := selector.NewGroup[engine.Adjacency](domain, selector.GroupConfig{Strategy: selector.Bounded{}})
	require.NoError(t, err)
	families := []family{
		{vip: vip, from: "10.9.0.1", icmp: "ip4:icmp", level: unix.IPPROTO_IP, ttl: unix.IP_TTL, exceeded: 11},
		{vip: vip6, from: "2001:db8:9::1", icmp: "ip6:ipv6-icmp", level: unix.IPPROTO_IPV6,
			ttl: unix.IPV6_UNICAST_HOPS, exceeded: 3},
	}
	var from []netip.Addr
	var prefixes []netip.Prefix
	for _, f := range families {
		from = append(from, netip.MustParseAddr(f.from))
		to := netip.MustParseAddr(f.vip)
		prefixes = append(prefixes, netip.PrefixFrom(to, to.BitLen()))
	}
	var p plane.Plane
	err = ns.Do(func() (err error) {
		p, err = New(plane.Config{In: []string{"lc"}, Seed: 1, Domain: domain, Sticky: &flowcache.Config{Flows: 1000},
			ICMP: plane.ICMP{Rate: 1000, From: from, Pings: 1000}})
		if err != nil {
			return err
		}
		return setOutputs(p, map[uint16]string{0: "lp0"})
	})
	skipWithout(t, err)
	_, err = g.Update(hopsFor(0))
	require.NoError(t, err)
	require.NoError(t, p.Sync([]plane.Service{{Group: g, Prefixes: prefixes, Own: true}}))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	defer func() {
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, p.Close())
	}()
	for _, f := range families {
		before := p.Counters()
		f.uploads(t, client, pods[0])
		f.traces(t, client)
		now := p.Counters()
		for _, reason := range []string{"over the MTU", "TTL expired"} {
			assert.Greater(t, now.Dropped[reason], before.Dropped[reason], "%s: %s", f.vip, reason)
		}
		assert.Greater(t, now.Replies.Frames, before.Replies.Frames)
		const routers = 64
		ttl, err := testbed.Ping(client, f.vip, 56)
		require.NoError(t, err)
		assert.Equal(t, routers, ttl, "%s: of the router", f.vip)
		found, err := p.Find(pingOf(f.vip))
		require.NoError(t, err)
		assert.Equal(t, engine.Answered, found.Drop)
	}
}

// pingOf returns a frame of a ping of an address.
func pingOf(to string) []byte {
	c := conversation{dst: netip.AddrPortFrom(netip.MustParseAddr(to), 0), proto: hash.ICMP}
	c.src = netip.MustParseAddrPort("10.9.0.2:0")
	message := []byte{8, 0, 0, 0, 0, 0, 0, 1}
	if c.dst.Addr().Is6() {
		c.src, c.proto, message[0] = netip.MustParseAddrPort("[2001:db8:9::2]:0"), hash.ICMPv6, 128
	}
	return c.packet(message, 64)
}

// A family is one of IP, as its sockets have it.
type family struct {
	vip, from  string
	icmp       string
	level, ttl int
	exceeded   byte // the type of the error
}

// uploads sends more than fits through the narrow link at once.
func (f *family) uploads(t *testing.T, client, pod *netns.Namespace) {
	t.Helper()
	const size = 200 << 10
	at := net.JoinHostPort(f.vip, "80")
	require.NoError(t, pod.Do(func() error {
		l, err := net.Listen("tcp", at)
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n, _ := io.Copy(io.Discard, c)
			_, _ = fmt.Fprint(c, n)
			_ = c.Close()
		}()
		return nil
	}))
	var upload net.Conn
	require.NoError(t, client.Do(func() (err error) {
		upload, err = net.DialTimeout("tcp", at, time.Minute)
		return err
	}))
	require.NoError(t, upload.SetDeadline(time.Now().Add(time.Minute)))
	_, err := upload.Write(make([]byte, size))
	require.NoError(t, err)
	require.NoError(t, upload.(*net.TCPConn).CloseWrite()) //nolint:forcetypeassert // it is one
	answer, err := io.ReadAll(upload)
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprint(size), string(answer))
	require.NoError(t, upload.Close())
}

// traces sends datagrams with a TTL of 1 until the router says so.
func (f *family) traces(t *testing.T, client *netns.Namespace) {
	t.Helper()
	var heard net.PacketConn
	var probe *net.UDPConn
	require.NoError(t, client.Do(func() (err error) {
		if heard, err = net.ListenPacket(f.icmp, ""); err != nil {
			return err
		}
		to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(f.vip), 33434))
		probe, err = net.DialUDP("udp", nil, to)
		return err
	}))
	raw, err := probe.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) {
		require.NoError(t, unix.SetsockoptInt(int(fd), f.level, f.ttl, 1))
	}))
	buffer := make([]byte, 1500)
	for began := time.Now(); ; {
		require.Less(t, time.Since(began), time.Minute, "no answer")
		_, _ = probe.Write([]byte("traceroute")) // an error is that of the probe before
		require.NoError(t, heard.SetReadDeadline(time.Now().Add(time.Second)))
		if _, who, err := heard.ReadFrom(buffer); err == nil && buffer[0] == f.exceeded {
			assert.Equal(t, f.from, who.String())
			break
		}
	}
	require.NoError(t, heard.Close())
	require.NoError(t, probe.Close())
}
