package xdp

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/decap"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/golden/tunnel"
	"github.com/ecmp-go/ecmp/selector"
)

// hopBeyond makes a member in a tunnel.
func hopBeyond(t *testing.T, number uint16, local, remote string) engine.Hop {
	t.Helper()
	h := hopOf(number, 1)
	var err error
	h.Value.Tunnel, err = engine.NewTunnel(netip.MustParseAddr(local), netip.MustParseAddr(remote))
	require.NoError(t, err)
	return h
}

// runLong is run for a program that makes frames longer.
func (r *fixture) runLong(frame []byte) (action uint32, out []byte) {
	r.t.Helper()
	options := &ebpf.RunOptions{Data: frame, DataOut: make([]byte, len(frame)+engine.MaxTunnel)}
	action, err := r.program().Run(options)
	require.NoError(r.t, err)
	return action, options.DataOut
}

// Frames for members in tunnels are those that the model makes of what the
// engine sends, byte for byte: packets of both versions in headers of both, with
// every DSCP and ECN, of every length, padded and damaged. Members on the link
// get theirs as ever.
func TestTunnelsAgree(t *testing.T) {
	for _, flows := range []int{0, 10000} {
		r := newFixture(t, flows, selector.Bounded{}, selector.Maglev{})
		for i := range r.groups {
			r.update(i, hopOf(1, 1), hopBeyond(t, 2, "203.0.113.255", "192.0.2.254"),
				hopBeyond(t, 3, "2001:db8:f::ffff", "2001:db8:ffff::1"))
		}
		rng := rand.New(rand.NewPCG(8, 9))
		kinds := make(map[string]int)
		for i, c := range conversations(3000, len(r.groups)) {
			if i%7 == 0 {
				c.proto = []uint8{hash.GRE, protoIPv4, protoIPv6}[rng.IntN(3)]
			}
			frame := c.frame(hash.SYN, uint8(1+rng.IntN(64)), rng.IntN(1400))
			if c.dst.Addr().Is6() {
				frame[ipAt] = 0x60 | byte(rng.IntN(16))
			}
			frame[ipAt+1] = byte(rng.Uint32())
			switch rng.IntN(4) {
			case 0:
				frame[ipAt+rng.IntN(len(frame)-ipAt)] = byte(rng.Uint32())
			case 1:
				frame = append(frame, make([]byte, rng.IntN(20))...)
			case 2:
				if c.dst.Addr().Is6() { // as long as there is
					binary.BigEndian.PutUint16(frame[ipAt+4:], 0)
				}
			}
			action, out := r.runLong(frame)
			var d [1]engine.Decision
			want := append([]byte(nil), frame...)
			r.engine.Burst(d[:], [][]byte{want}, time.Duration(r.time))
			kind := fmt.Sprint("action ", action)
			if action == xdpRedirect {
				require.NotNil(t, d[0].Hop, "%x: the engine: %v", frame, d[0].Drop)
				kind = "on the link"
				if d[0].Hop.Tunnel != (engine.Tunnel{}) {
					local, remote := d[0].Hop.Tunnel.Ends()
					kind = fmt.Sprintf("%x in IPv6 %t", want[12:14], local.Is6())
					want = tunnel.Put(local, remote, want)
				}
				require.Equal(t, want, out, "%x", frame)
			}
			kinds[kind]++
		}
		assert.Greater(t, len(kinds), 5, "%v", kinds)
		for _, kind := range []string{"on the link", "0800 in IPv6 false", "0800 in IPv6 true", "86dd in IPv6 false",
			"86dd in IPv6 true"} {
			assert.Greater(t, kinds[kind], 200, "%v", kinds)
		}
		c := r.Counters()
		total := c.Members[1].Frames + c.Members[2].Frames + c.Members[3].Frames
		for _, n := range c.Dropped {
			total += n
		}
		assert.Equal(t, c.In.Frames, total, "%+v", c)
	}
}

// A member gets a tunnel, another one, and none, as its group has it. There is
// room for one in each slot, also of a member that has none any more.
func TestTunnelChanges(t *testing.T) {
	r := newFixture(t, 0, selector.Bounded{})
	c := conversations(1, 1)[0]
	frame := c.frame(hash.ACK, 64, 100)
	size := func(hops ...engine.Hop) int {
		r.update(0, hops...)
		action, out := r.runLong(frame)
		require.EqualValues(t, xdpRedirect, action)
		return len(out) - len(frame)
	}
	four := hopBeyond(t, 1, "203.0.113.1", "192.0.2.1")
	six := hopBeyond(t, 1, "2001:db8:f::1", "2001:db8::1")
	entries := func() (n int) {
		var key uint32
		var entry tunnelEntry
		for list := r.maps.tunnels.Iterate(); list.Next(&key, &entry); n++ {
		}
		return n
	}
	assert.Zero(t, size(hopOf(1, 1)))
	assert.Zero(t, entries())
	assert.Equal(t, 20, size(four))
	assert.Equal(t, 40, size(six))
	assert.Equal(t, 1, entries())
	assert.Equal(t, 20, size(four))
	assert.Zero(t, size(hopOf(1, 1)))
	assert.Equal(t, 1, entries())
}

// The MTU of the member's interface has to hold the outer header, too, also when
// it shrinks.
func TestTunnelMTU(t *testing.T) {
	r := newFixture(t, 0, selector.Bounded{})
	var drops uint64
	for _, mtu := range []int{1500, 1400} {
		require.NoError(t, r.ns.IP(fmt.Sprint("link set lo mtu ", mtu)))
		require.NoError(t, r.ns.Do(func() error { return setOutputs(r, map[uint16]string{1: "lo"}) }))
		for _, hop := range []engine.Hop{
			hopBeyond(t, 1, "203.0.113.1", "192.0.2.1"), hopBeyond(t, 1, "2001:db8:f::1", "2001:db8::1"),
		} {
			require.NoError(t, r.ns.Do(func() error {
				r.update(0, hop)
				return nil
			}))
			for _, c := range conversations(20, 1) {
				c.proto = hash.UDP
				headers := len(c.frame(0, 64, 0)) - ipAt
				for _, more := range []int{-500, 0, 1, 30, 100} {
					frame := c.frame(0, 64, mtu-headers-hop.Value.Tunnel.Size()+more)
					want := xdpRedirect
					if more > 0 {
						want = xdpDrop
						drops++
					}
					var action uint32
					require.NoError(t, r.ns.Do(func() error { // whose lo the kernel asks
						action, _ = r.runLong(frame)
						return nil
					}))
					require.EqualValues(t, want, action, "%d bytes, MTU %d", len(frame)-ipAt, mtu)
				}
			}
		}
	}
	assert.Equal(t, drops, r.Counters().Dropped["over the MTU"])
}

// An upload gets through tunnels, and packets that are too long for one are the
// slow path's to tell of, with what is left for them; fragments go its way, too.
func TestTunnelLive(t *testing.T) {
	const size, from = 200 << 10, "10.9.0.1"
	for outer, ends := range map[string][2]string{"mtu 1480": {"203.0.113.1", "192.0.2.1"},
		"mtu 1460": {"2001:db8:f::1", "2001:db8:ffff::1"}} {
		t.Run(outer, func(t *testing.T) {
			client, ns, pods := newNetwork(t, 1)
			var end io.Closer
			require.NoError(t, pods[0].Do(func() (err error) {
				end, err = decap.Attach("eth0", netip.MustParseAddr(ends[1]))
				return err
			}))
			t.Cleanup(func() { require.NoError(t, end.Close()) })
			count(t, pods[0])
			domain := selector.NewDomain()
			g, err := selector.NewGroup[engine.Adjacency](domain, selector.GroupConfig{Strategy: selector.Bounded{}})
			require.NoError(t, err)
			var p plane.Plane
			err = ns.Do(func() (err error) {
				p, err = New(plane.Config{
					In: []string{"lc"}, Seed: 1, Domain: domain, Sticky: &flowcache.Config{Flows: 1000},
					ICMP: plane.ICMP{Rate: 1000, From: []netip.Addr{netip.MustParseAddr(from)}},
				})
				if err != nil {
					return err
				}
				return setOutputs(p, map[uint16]string{0: "lp0"})
			})
			skipWithout(t, err)
			_, err = g.Update([]engine.Hop{hopBeyond(t, 0, ends[0], ends[1])})
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

			var upload, datagrams net.Conn
			var way []byte
			require.NoError(t, client.Do(func() (err error) {
				if upload, err = net.DialTimeout("tcp", vip+":80", time.Minute); err != nil {
					return err
				}
				datagrams, err = net.Dial("udp", vip+":80")
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
			require.NoError(t, client.Do(func() (err error) {
				way, err = exec.CommandContext(t.Context(), "ip", "route", "get", vip).CombinedOutput()
				return err
			}))
			assert.Contains(t, string(way), outer)
			assert.NotZero(t, p.Counters().Dropped["over the MTU"])

			// By now the client knows how long fragments may be.
			require.NoError(t, datagrams.SetDeadline(time.Now().Add(time.Minute)))
			slow := p.Counters().Slow.Frames
			_, err = datagrams.Write(make([]byte, 5000))
			require.NoError(t, err)
			n, err := datagrams.Read(make([]byte, 100))
			require.NoError(t, err)
			assert.Equal(t, 4, n)
			assert.GreaterOrEqual(t, p.Counters().Slow.Frames-slow, uint64(4))
			require.NoError(t, datagrams.Close())
		})
	}
}

// count has a pod say how many bytes came, by TCP and by UDP.
func count(t *testing.T, pod *netns.Namespace) {
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
			c, err := l.Accept()
			if err != nil {
				return
			}
			n, _ := io.Copy(io.Discard, c)
			_, _ = fmt.Fprint(c, n)
			_ = c.Close()
		}()
		go func() {
			b := make([]byte, 1<<16)
			n, from, err := u.ReadFrom(b)
			if err == nil {
				_, _ = u.WriteTo([]byte(fmt.Sprint(n)), from)
			}
		}()
		return nil
	}))
}
