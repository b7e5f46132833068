package planes_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/decap"
	"github.com/ecmp-go/ecmp/gateway/internal/links"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/gateway/internal/testbed"
	"github.com/ecmp-go/ecmp/selector"
)

// The client's addresses, and those of the pod on a link of their own.
const (
	client4, client6 = "10.9.0.2", "2001:db8:9:0::2"
	remote4, remote6 = "192.0.2.1", "2001:db8:ffff::1"
)

// direct joins the pod of a bed to the client by a link of theirs, which replies
// take.
func direct(t *testing.T, bed *testbed.Bed) {
	t.Helper()
	client, pod := bed.Client, bed.Pods[0]
	require.NoError(t, client.IP(fmt.Sprintf("link add d0 address 02:00:00:00:0d:01 type veth "+
		"peer name d1 address 02:00:00:00:0d:02 netns %s\nlink set d0 up\n", pod.Name())))
	require.NoError(t, client.Do(func() error { return netns.SetSysctl("ipv4/conf/d0/rp_filter", 0) }))
	require.NoError(t, pod.IP(fmt.Sprintf("link set d1 up\nroute add %[1]s/32 dev d1\nroute add %[2]s/128 dev d1\n"+
		"neigh add %[1]s lladdr 02:00:00:00:0d:01 dev d1 nud permanent\n"+
		"neigh add %[2]s lladdr 02:00:00:00:0d:01 dev d1 nud permanent\n", client4, client6)))
}

// watchReplies counts the packets of the service that come to the router from
// the pod.
func watchReplies(t *testing.T, bed *testbed.Bed) *atomic.Int64 {
	t.Helper()
	n := new(atomic.Int64)
	var socket int
	require.NoError(t, bed.Router.Do(func() (err error) {
		d, err := net.InterfaceByName("lp1")
		if err != nil {
			return err
		}
		const all = unix.ETH_P_ALL>>8 | unix.ETH_P_ALL<<8&0xffff
		if socket, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		wait := unix.Timeval{Usec: 10000}
		if err := unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(socket, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
			return err
		}
		return unix.Bind(socket, &unix.SockaddrLinklayer{Ifindex: d.Index, Protocol: all})
	}))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	vip4, vip6 := netip.MustParseAddr(testbed.Service4), netip.MustParseAddr(testbed.Service6)
	go func() {
		defer close(ended)
		frame := make([]byte, 1<<16)
		for ctx.Err() == nil {
			k, _, err := unix.Recvfrom(socket, frame, 0)
			if err == nil && k >= 54 && (netip.AddrFrom4([4]byte(frame[26:])) == vip4 ||
				netip.AddrFrom16([16]byte(frame[22:])) == vip6) {
				n.Add(1)
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-ended; _ = unix.Close(socket) })
	return n
}

// A member answers clients past the gateway, one on the link and one in a
// tunnel: the gateway sees nothing of the replies, and connections last.
func TestDirectReturn(t *testing.T) {
	for _, k := range planes.All() {
		for name, tunnel := range map[string]config.Tunnel{
			"link": {},
			"ipv4": {Local: netip.MustParseAddr("10.9.1.1"), Remote: netip.MustParseAddr(remote4),
				Via: netip.MustParseAddr("10.9.1.2")},
			"ipv6": {Local: netip.MustParseAddr("2001:db8:9:1::1"), Remote: netip.MustParseAddr(remote6),
				Via: netip.MustParseAddr("2001:db8:9:1::2")},
		} {
			t.Run(k.Name+"/"+name, func(t *testing.T) { testDirectReturn(t, k, tunnel) })
		}
	}
}

func testDirectReturn(t *testing.T, k plane.Kind, tunnel config.Tunnel) {
	if err := netns.Available(); err != nil {
		t.Skip(err)
	}
	t.Log("needs privileges, and has them") // for .ci/run
	bed, err := testbed.New(1, 1)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, bed.Close()) })
	if k.Needs.WholeFrames {
		require.NoError(t, bed.PrepareXDP())
	}
	if tunnel != (config.Tunnel{}) {
		var end io.Closer
		require.NoError(t, bed.Pods[0].Do(func() (err error) {
			end, err = decap.Attach("eth0", tunnel.Remote)
			return err
		}))
		t.Cleanup(func() { require.NoError(t, end.Close()) })
	}
	c := plane.Config{In: []string{"lc"}, Domain: selector.NewDomain(), Sticky: &flowcache.Config{Flows: 1000}}
	var p plane.Plane
	require.NoError(t, bed.Router.Do(func() (err error) {
		p, err = k.New(c)
		return err
	}))
	r := services.New(p, c.Domain, c.In, slog.New(slog.DiscardHandler))
	require.NoError(t, bed.Router.Do(func() error {
		if err := links.List(func(l links.Link) { _ = r.SetLink(l) }); err != nil {
			return err
		}
		return r.Replace([]config.Service{{
			Name: config.Default, Prefixes: testbed.Prefixes(), Strategy: selector.Bounded{},
			Members: []config.Member{{ID: "pod1", Dev: "lp1", Addr: netip.MustParseAddr("10.9.1.2"),
				MAC: testbed.MAC(1, 2), Weight: 1, Tunnel: tunnel}},
		}}, "test")
	}))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
		require.NoError(t, p.Close())
	})
	replies := watchReplies(t, bed)
	require.NoError(t, bed.Pods[0].Do(func() error {
		l, err := net.Listen("tcp", ":80")
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() { _, _ = io.Copy(conn, conn); _ = conn.Close() }()
			}
		}()
		return nil
	}))
	exchange(t, bed)
	require.Eventually(t, func() bool { return replies.Load() > 0 }, time.Minute, time.Millisecond,
		"without another way, replies pass the gateway")
	before := p.Counters().In.Frames
	direct(t, bed)
	// what was on its way has come
	for was := int64(-1); was != replies.Load(); time.Sleep(100 * time.Millisecond) {
		was = replies.Load()
	}
	replies.Store(0)
	exchange(t, bed)
	assert.Zero(t, replies.Load(), "of the service, through the gateway")
	assert.Greater(t, p.Counters().In.Frames, before, "requests come by the gateway")
}

// exchange has the client's connections of both families carry something to the
// service and back.
func exchange(t *testing.T, bed *testbed.Bed) {
	t.Helper()
	for _, address := range []string{testbed.Service4, testbed.Service6} {
		for range 5 {
			var conn net.Conn
			require.NoError(t, bed.Client.Do(func() (err error) {
				conn, err = net.DialTimeout("tcp", net.JoinHostPort(address, "80"), time.Minute)
				return err
			}))
			require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
			sent := []byte("some bytes that are to come back")
			_, err := conn.Write(sent)
			require.NoError(t, err)
			back := make([]byte, len(sent))
			_, err = io.ReadFull(conn, back)
			require.NoError(t, err)
			assert.Equal(t, sent, back)
			require.NoError(t, conn.Close())
		}
	}
}
