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
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/selector"
)

// The program passes packets that are too big, or have no time left, to the
// slow path, which tells their senders: an upload gets through a narrow link,
// and traceroute sees the router.
func TestICMP(t *testing.T) {
	const size, mtu, from = 200 << 10, 1300, "10.9.0.1"
	client, ns, pods := newNetwork(t, 1)
	require.NoError(t, ns.IP(fmt.Sprintf("link set lp0 mtu %d\n", mtu)))
	require.NoError(t, pods[0].Do(func() error {
		l, err := net.Listen("tcp", vip+":80")
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
	domain := selector.NewDomain()
	g, err := selector.NewGroup[engine.Adjacency](domain, selector.GroupConfig{Strategy: selector.Bounded{}})
	require.NoError(t, err)
	var p plane.Plane
	err = ns.Do(func() (err error) {
		p, err = New(plane.Config{In: []string{"lc"}, Seed: 1, Domain: domain, Sticky: &flowcache.Config{Flows: 1000},
			ICMP: plane.ICMP{Rate: 1000, From: []netip.Addr{netip.MustParseAddr(from)}}})
		if err != nil {
			return err
		}
		return setOutputs(p, map[uint16]string{0: "lp0"})
	})
	skipWithout(t, err)
	_, err = g.Update(hopsFor(0))
	require.NoError(t, err)
	require.NoError(t, p.Sync([]plane.Service{
		{Group: g, Prefixes: []netip.Prefix{netip.MustParsePrefix(vip + "/32")}},
	}))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	defer func() {
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, p.Close())
	}()

	var upload net.Conn
	require.NoError(t, client.Do(func() (err error) {
		upload, err = net.DialTimeout("tcp", vip+":80", time.Minute)
		return err
	}))
	require.NoError(t, upload.SetDeadline(time.Now().Add(time.Minute)))
	_, err = upload.Write(make([]byte, size))
	require.NoError(t, err)
	require.NoError(t, upload.(*net.TCPConn).CloseWrite()) //nolint:forcetypeassert // it is one
	answer, err := io.ReadAll(upload)
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprint(size), string(answer))
	require.NoError(t, upload.Close())

	var heard net.PacketConn
	var probe *net.UDPConn
	require.NoError(t, client.Do(func() (err error) {
		if heard, err = net.ListenPacket("ip4:icmp", ""); err != nil {
			return err
		}
		to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(vip), 33434))
		probe, err = net.DialUDP("udp", nil, to)
		return err
	}))
	raw, err := probe.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) {
		require.NoError(t, unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL, 1))
	}))
	buffer := make([]byte, 1500)
	for began := time.Now(); ; {
		require.Less(t, time.Since(began), time.Minute, "no answer")
		_, _ = probe.Write([]byte("traceroute")) // an error is that of the probe before
		require.NoError(t, heard.SetReadDeadline(time.Now().Add(time.Second)))
		if _, who, err := heard.ReadFrom(buffer); err == nil && buffer[0] == 11 {
			assert.Equal(t, from, who.String())
			break
		}
	}
	require.NoError(t, heard.Close())
	require.NoError(t, probe.Close())
	counters := p.Counters()
	assert.NotZero(t, counters.Replies.Frames)
	assert.NotZero(t, counters.Dropped["over the MTU"])
	assert.NotZero(t, counters.Dropped["TTL expired"])
}
