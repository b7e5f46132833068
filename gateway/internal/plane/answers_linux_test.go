package plane

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/testbed"
	"github.com/ecmp-go/ecmp/hash"
)

// answering is what the router of a bed says errors from.
func answering() Config {
	return Config{ICMP: ICMP{Rate: 1000, From: []netip.Addr{
		netip.MustParseAddr("10.9.0.1"), netip.MustParseAddr("2001:db8:9::1"),
	}}}
}

// A client finds the router as traceroute does: a packet with no time left is
// answered from the configured address.
func TestTimeExceeded(t *testing.T) {
	forEach(t, func(t *testing.T, open func(t *testing.T, c Config, pods int) *bench) {
		b := open(t, answering(), 2)
		for _, c := range []struct {
			icmp, to, from string
			level, option  int
			exceeded       byte
		}{
			{"ip4:icmp", testbed.Service4, "10.9.0.1", unix.IPPROTO_IP, unix.IP_TTL, 11},
			{"ip6:ipv6-icmp", testbed.Service6, "2001:db8:9::1", unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, 3},
		} {
			var errors net.PacketConn
			var probe net.Conn
			require.NoError(t, b.Client.Do(func() (err error) {
				if errors, err = net.ListenPacket(c.icmp, ""); err != nil { //nolint:noctx // of this test
					return err
				}
				d := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) (err error) {
					e := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), c.level, c.option, 1) })
					if err == nil {
						err = e
					}
					return err
				}}
				probe, err = d.DialContext(context.Background(), "udp", net.JoinHostPort(c.to, "33434"))
				return err
			}))
			answer := make([]byte, 1500)
			var n int
			var from net.Addr
			for began := time.Now(); ; {
				require.Less(t, time.Since(began), time.Minute, "no answer")
				_, _ = probe.Write([]byte("traceroute")) // an error is that of the probe before
				require.NoError(t, errors.SetReadDeadline(time.Now().Add(time.Second)))
				var err error
				if n, from, err = errors.ReadFrom(answer); err == nil && answer[0] == c.exceeded {
					break
				}
			}
			assert.Equal(t, c.from, from.String())
			assert.Contains(t, string(answer[:n]), "traceroute", "it quotes the packet")
			require.NoError(t, errors.Close())
			require.NoError(t, probe.Close())
		}
		assert.NotZero(t, b.plane.Counters().Dropped["TTL expired"])
		assert.NotZero(t, b.plane.Counters().Replies.Frames)
	})
}

// An upload gets through where the way to the member is narrower than its
// sender knows.
func TestPathMTU(t *testing.T) {
	const size, mtu = 200 << 10, 1300
	forEach(t, func(t *testing.T, open func(t *testing.T, c Config, pods int) *bench) {
		b := open(t, answering(), 1)
		require.NoError(t, b.Router.IP(fmt.Sprintf("link set lp1 mtu %d\n", mtu)))
		b.to(t, 1) // as a gateway follows its links
		b.upload(t, size)
		assert.NotZero(t, b.plane.Counters().Dropped[overMTU])
	})
}

// upload sends so many bytes over TCP to the service, in IPv4 and in IPv6, and
// wants all of them to be there.
func (b *bench) upload(t *testing.T, size int) {
	t.Helper()
	b.listen(t, func(_ int, c net.Conn) {
		n, _ := io.Copy(io.Discard, c)
		_, _ = fmt.Fprint(c, n)
		_ = c.Close()
	})
	for _, address := range []string{testbed.Service4, testbed.Service6} {
		c, err := b.connect(address)
		require.NoError(t, err)
		require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
		_, err = c.Write(make([]byte, size))
		require.NoError(t, err)
		require.NoError(t, c.(*net.TCPConn).CloseWrite()) //nolint:forcetypeassert // it is one
		answer, err := io.ReadAll(c)
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprint(size), string(answer))
		require.NoError(t, c.Close())
	}
}

// The plane answers pings while a member would get them, and a member those that
// come in fragments, or all. The TTL tells who did: a member's answer went through
// the router.
func TestPing(t *testing.T) {
	vips := []string{testbed.Service4, testbed.Service6}
	const small, large = 56, 4000
	forEach(t, func(t *testing.T, open func(t *testing.T, c Config, pods int) *bench) {
		b := open(t, Config{ICMP: ICMP{Pings: 1000}}, 1)
		for _, vip := range vips {
			ttl, err := testbed.Ping(b.Client, vip, small)
			require.NoError(t, err)
			assert.Equal(t, icmpTTL, ttl, vip)
			ttl, err = testbed.Ping(b.Client, vip, large)
			require.NoError(t, err)
			assert.Equal(t, icmpTTL-1, ttl, "%s: of a member", vip)
		}
		c := b.plane.Counters()
		assert.NotZero(t, c.Replies.Frames)
		assert.Empty(t, c.Dropped)
		for _, ping := range [][]byte{pingOf(1), datagram6(protocolICMP6, request6)} {
			found, err := b.plane.Find(ping)
			require.NoError(t, err)
			assert.Equal(t, engine.Answered, found.Drop)
			assert.Same(t, b.group.Load().View(), found.View)
		}

		// What is behind members, and not the gateway's, is left to them.
		require.NoError(t, b.plane.Sync([]Service{{Group: b.group, Prefixes: testbed.Prefixes()}}))
		for _, vip := range vips {
			ttl, err := testbed.Ping(b.Client, vip, small)
			require.NoError(t, err)
			assert.Equal(t, icmpTTL-1, ttl, vip)
		}
		assert.Equal(t, c.Replies, b.plane.Counters().Replies)
		found, err := b.plane.Find(pingOf(1))
		require.NoError(t, err)
		assert.Zero(t, found.Drop, "to a member")

		// So is what a prefix of several addresses has: it may be a network there.
		var wide []netip.Prefix
		for _, p := range testbed.Prefixes() {
			network, err := p.Addr().Prefix(p.Bits() - 8)
			require.NoError(t, err)
			wide = append(wide, network)
		}
		require.NoError(t, b.plane.Sync([]Service{{Group: b.group, Prefixes: wide, Own: true}}))
		for _, vip := range vips {
			ttl, err := testbed.Ping(b.Client, vip, small)
			require.NoError(t, err)
			assert.Equal(t, icmpTTL-1, ttl, vip)
		}
		assert.Equal(t, c.Replies, b.plane.Counters().Replies)

		// An address of which services have ports alone is the gateway's, too.
		tcp := []Service{{Group: b.group, Prefixes: testbed.Prefixes(), Protocol: hash.TCP,
			Ports: []PortRange{{servicePort, servicePort}}, Own: true}}
		require.NoError(t, b.plane.Sync(tcp))
		found, err = b.plane.Find(datagram(1))
		require.NoError(t, err)
		_, takes := b.plane.(*userspace).transport.(*afxdpTransport)
		assert.Equal(t, Found{Drop: engine.NoRoute, Here: true, Taken: takes, Placed: -1}, found)
		elsewhere := datagram(1)
		elsewhere[14+19]++
		found, err = b.plane.Find(elsewhere)
		require.NoError(t, err)
		assert.Equal(t, Found{Drop: engine.NoRoute, Placed: -1}, found)
		before := b.plane.Counters()
		for _, vip := range vips {
			ttl, err := testbed.Ping(b.Client, vip, small)
			require.NoError(t, err)
			assert.Equal(t, icmpTTL, ttl, vip)
		}
		c = b.plane.Counters()
		assert.Equal(t, before.In, c.In)
		assert.Greater(t, c.Replies.Frames, before.Replies.Frames)
		assert.Equal(t, before.Dropped, c.Dropped)

		// Where no member takes them, pings are lost as other packets are.
		require.NoError(t, b.plane.Sync([]Service{{Group: b.group, Prefixes: testbed.Prefixes(), Own: true}}))
		b.to(t)
		found, err = b.plane.Find(pingOf(1))
		require.NoError(t, err)
		assert.Equal(t, engine.NoMember, found.Drop)
		b.raw(t)(pingOf(1), pingOf(2))
		require.Eventually(t, func() bool {
			return b.plane.Counters().Dropped[engine.NoMember.String()] >= 2
		}, time.Minute, time.Millisecond)
		assert.Equal(t, c.Replies, b.plane.Counters().Replies)
	})
}

// pingOf returns a frame of a ping to the service, with a number.
func pingOf(number uint16) []byte {
	f := datagram(0)
	f[14+9] = protocolICMP4
	message := f[14+ipv4Size:]
	clear(message)
	message[0] = request4
	binary.BigEndian.PutUint16(message[6:], number)
	binary.BigEndian.PutUint16(message[2:], checksum(0, message))
	return f
}

// No more pings are answered than the rate allows, and those are counted.
func TestPingRate(t *testing.T) {
	const sent = 200
	forEach(t, func(t *testing.T, open func(t *testing.T, c Config, pods int) *bench) {
		b := open(t, Config{ICMP: ICMP{Pings: 1}}, 1)
		send := b.raw(t)
		for i := range uint16(sent) {
			send(pingOf(i))
		}
		var c Counters
		require.Eventually(t, func() bool {
			c = b.plane.Counters()
			return c.Replies.Frames+c.Dropped[tooManyPings] == sent
		}, time.Minute, time.Millisecond)
		assert.NotZero(t, c.Replies.Frames)
		assert.NotZero(t, c.Dropped[tooManyPings])
		assert.Zero(t, c.Members[1].Frames)
	})
}

// connect opens a connection of the client.
func (b *bench) connect(address string) (c net.Conn, err error) {
	err = b.Client.Do(func() error {
		c, err = net.DialTimeout("tcp", net.JoinHostPort(address, fmt.Sprint(servicePort)), time.Minute)
		return err
	})
	return c, err
}

// No more errors are sent than the rate allows, and as many at once.
func TestICMPRate(t *testing.T) {
	var l limit
	count := func(now time.Duration) (n int) {
		for range 100 {
			if l.takes(10, now) {
				n++
			}
		}
		return n
	}
	assert.Equal(t, 10, count(time.Hour))
	assert.Zero(t, count(time.Hour))
	assert.Equal(t, 5, count(time.Hour+500*time.Millisecond))
	assert.Equal(t, 10, count(2*time.Hour), "what was not used is not saved")
}

// A segment is as long as its headers and what the kernel puts in each piece.
func TestSegmentLength(t *testing.T) {
	frame := udp4(func(ip []byte) { ip[9], ip[32] = 6, 8<<4 }) // TCP with 12 bytes of options
	virtio := make([]byte, 10)
	assert.Len(t, frame, segmentLength(virtio, frame), "no segment")
	virtio[1] = 1
	binary.NativeEndian.PutUint16(virtio[4:], 100)
	assert.Equal(t, ethernetSize+ipv4Size+32+100, segmentLength(virtio, frame))
	binary.NativeEndian.PutUint16(virtio[4:], 1448)
	assert.Len(t, frame, segmentLength(virtio, frame), "the whole of it")
}
