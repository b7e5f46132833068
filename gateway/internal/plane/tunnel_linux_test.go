package plane

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/decap"
	"github.com/ecmp-go/ecmp/gateway/internal/testbed"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/golden/tunnel"
)

// beyond is an address of a pod that is on no link of the router.
func beyond(pod int, v6 bool) netip.Addr {
	if v6 {
		return netip.MustParseAddr(fmt.Sprintf("2001:db8:ffff::%d", pod))
	}
	return netip.AddrFrom4([4]byte{192, 0, 2, byte(pod)})
}

// through has packets go to these pods in tunnels, those to pods of an odd
// number in tunnels of the version given, the others in the other one.
func (b *bench) through(t *testing.T, v6 bool, pods ...int) {
	t.Helper()
	hops := testbed.Hops(pods...)
	for i := range hops {
		six := v6 == (pods[i]%2 == 1)
		local := netip.MustParseAddr("10.9.0.1")
		if six {
			local = netip.MustParseAddr("2001:db8:9::1")
		}
		var err error
		hops[i].Value.Tunnel, err = engine.NewTunnel(local, beyond(pods[i], six))
		require.NoError(t, err)
	}
	_, err := b.group.Update(hops)
	require.NoError(t, err)
}

// decapsulate has the pods take outer headers off.
func (b *bench) decapsulate(t *testing.T, v6 bool) {
	t.Helper()
	for i, p := range b.Pods {
		var c io.Closer
		require.NoError(t, p.Do(func() (err error) {
			c, err = decap.Attach("eth0", beyond(i+1, v6 == (i%2 == 0)))
			return err
		}))
		t.Cleanup(func() { require.NoError(t, c.Close()) })
	}
}

// drawn returns frames to the service of every kind that there is to be put into
// a tunnel, some of them damaged.
func drawn(r *rand.Rand, n int) (frames [][]byte) {
	to, src := testbed.MAC(0, 1), testbed.MAC(0, 2)
	for i := range n {
		v6 := r.IntN(2) == 0
		from, dst := netip.AddrFrom4([4]byte{10, 9, 0, 2}), netip.MustParseAddr(testbed.Service4)
		if v6 {
			from, dst = netip.MustParseAddr("2001:db8:9::2"), netip.MustParseAddr(testbed.Service6)
		}
		transport := make([]byte, 24+r.IntN(1300))
		for i := range transport {
			transport[i] = byte(r.Uint32())
		}
		binary.BigEndian.PutUint32(transport[20:], uint32(i)) // no two are alike
		transport[12] = 5 << 4
		proto := []byte{6, 17, 47, 50, 132}[r.IntN(5)]
		f := placementFrame(v6, proto, 0, 0, from.AsSlice(), dst.AsSlice(), transport)
		copy(f, to[:])
		copy(f[6:], src[:])
		switch r.IntN(4) {
		case 0:
			f[14+r.IntN(len(f)-14)] = byte(r.Uint32())
		case 1:
			if f[15] = byte(r.Uint32()); v6 { // DSCP and ECN, or a part of it
				f[14] = 0x60 | byte(r.IntN(16))
			}
		case 2:
			f = append(f, make([]byte, r.IntN(20))...)
		default:
		}
		var h hash.Headers
		if err := hash.Parse(f, &h); err == nil && (h.FragFirst || h.FragLater) {
			continue // which may be held
		}
		frames = append(frames, f)
	}
	return frames
}

// capture calls note with each frame that a pod receives for an address beyond
// the link, until the test ends.
func (b *bench) capture(t *testing.T, pod int, note func(frame []byte)) {
	t.Helper()
	var socket int
	require.NoError(t, b.Pods[pod-1].Do(func() (err error) {
		d, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		if socket, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		wait := unix.Timeval{Usec: 10000}
		if err := unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20); err != nil {
			return err
		}
		return unix.Bind(socket, &unix.SockaddrLinklayer{Ifindex: d.Index, Protocol: networkOrder(unix.ETH_P_ALL)})
	}))
	var ends [][]byte
	for _, v6 := range []bool{false, true} {
		ends = append(ends, beyond(pod, v6).AsSlice())
	}
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		frame := make([]byte, 1<<16)
		for {
			select {
			case <-stop:
				return
			default:
			}
			n, _, err := unix.Recvfrom(socket, frame, 0)
			if err == nil && n > 54 && (bytes.Equal(frame[30:34], ends[0]) || bytes.Equal(frame[38:54], ends[1])) {
				note(slices.Clone(frame[:n]))
			}
		}
	})
	t.Cleanup(func() { close(stop); running.Wait(); _ = unix.Close(socket) })
}

// The frames that pods receive are those that the model makes of what the engine
// sends, whatever came in.
func TestTunnelFrames(t *testing.T) {
	forEach(t, func(t *testing.T, open func(*testing.T, Config, int) *bench) {
		b := open(t, Config{}, 2)
		var mu sync.Mutex
		got := make(map[[32]byte]int)
		for pod := 1; pod <= 2; pod++ {
			b.capture(t, pod, func(frame []byte) {
				mu.Lock()
				defer mu.Unlock()
				got[sha256.Sum256(frame)]++
			})
		}
		b.through(t, false, 1, 2)
		send := b.raw(t)

		shared, err := placement.Placement{}.Config(flowcache.FragmentsConfig{})
		require.NoError(t, err)
		shared.Routes = new(engine.Routes)
		for _, p := range testbed.Prefixes() {
			shared.Routes.Insert(p, b.group)
		}
		reference := engine.NewWorker(shared)
		want := make(map[[32]byte]int)
		kinds := make(map[[2]bool]int)
		for i, frame := range drawn(rand.New(rand.NewPCG(1, 2)), 3000) {
			sent := slices.Clone(frame)
			var d [1]engine.Decision
			reference.Burst(d[:], [][]byte{sent}, time.Hour)
			if d[0].Hop != nil {
				local, remote := d[0].Hop.Tunnel.Ends()
				want[sha256.Sum256(tunnel.Put(local, remote, sent))]++
				kinds[[2]bool{local.Is6(), sent[12] == 0x86}]++
			}
			send(frame)
			if i%100 == 99 { // no more than there is room for on the way
				b.settled(t, &mu, got, len(want))
			}
		}
		b.settled(t, &mu, got, len(want))
		mu.Lock()
		defer mu.Unlock()
		missing := 0
		for frame := range want {
			if got[frame] == 0 {
				missing++
			}
		}
		assert.Zero(t, missing, "of %d frames", len(want))
		assert.Len(t, got, len(want))
		assert.Len(t, kinds, 4, "%v", kinds)
		for kind, n := range kinds {
			assert.Greater(t, n, 100, "%v", kind)
		}
	})
}

// settled waits until so many frames came, or none comes any more that should.
func (b *bench) settled(t *testing.T, mu *sync.Mutex, got map[[32]byte]int, n int) {
	t.Helper()
	assert.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got) >= n
	}, time.Minute, time.Millisecond)
}

// Uploads go over TCP through tunnels and come back whole, packets of both
// versions in headers of both. Under afpacket the interfaces are as they are
// made: they leave checksums undone and segments uncut, which the plane has to
// make good.
func TestTunnelTCP(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("v6=%t", v6), func(t *testing.T) {
			forEach(t, func(t *testing.T, open func(*testing.T, Config, int) *bench) {
				b := open(t, Config{Sticky: &flowcache.Config{Flows: 1000}}, 2)
				b.widen(t, 1600)
				b.decapsulate(t, v6)
				b.through(t, v6, 1, 2)
				pods := b.echoes(t, 20, 1<<18)
				assert.Len(t, pods, 2)
				c := b.plane.Counters()
				for _, reason := range []string{overMTU, noRoom, unsupported, noOutput} {
					assert.Zero(t, c.Dropped[reason], reason)
				}
				assertConserved(t, c)
			})
		})
	}
}

// widen gives the links to pods an MTU with room for outer headers, or without.
func (b *bench) widen(t *testing.T, mtu int) {
	t.Helper()
	var all []int
	for i, p := range b.Pods {
		require.NoError(t, p.IP(fmt.Sprintf("link set eth0 mtu %d\n", mtu)))
		require.NoError(t, b.Router.IP(fmt.Sprintf("link set lp%d mtu %d\n", i+1, mtu)))
		all = append(all, i+1)
	}
	b.to(t, all...) // as a gateway follows its links
}

// An upload gets through a tunnel that has less room for packets than the links
// on either side: the sender is told how much there is, less the outer header.
func TestTunnelPathMTU(t *testing.T) {
	const size = 200 << 10
	for _, v6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("v6=%t", v6), func(t *testing.T) {
			forEach(t, func(t *testing.T, open func(*testing.T, Config, int) *bench) {
				b := open(t, answering(), 1)
				b.decapsulate(t, v6)
				b.through(t, v6, 1)
				b.upload(t, size)
				assert.NotZero(t, b.plane.Counters().Dropped[overMTU])
				outer := ipv4Size
				if v6 {
					outer = ipv6Size
				}
				for to, option := range map[string]string{testbed.Service4: "-4", testbed.Service6: "-6"} {
					assert.Contains(t, b.route(t, option, to), fmt.Sprintf("mtu %d", 1500-outer))
				}
			})
		})
	}
}

// route is what the client knows of the way to an address.
func (b *bench) route(t *testing.T, option, to string) (text string) {
	t.Helper()
	require.NoError(t, b.Client.Do(func() error {
		out, err := exec.CommandContext(t.Context(), "ip", option, "route", "get", to).CombinedOutput()
		text = string(out)
		return err
	}))
	return text
}

// What is too long for a tunnel is counted where no sender is told, and nothing
// of it comes to the pod. The MTU is that of the last SetOutputs.
func TestTunnelOverMTU(t *testing.T) {
	forEach(t, func(t *testing.T, open func(t *testing.T, c Config, pods int) *bench) {
		b := open(t, Config{}, 1)
		came := make(chan int, 100)
		b.capture(t, 1, func(frame []byte) { came <- len(frame) })
		send := b.raw(t)
		b.through(t, false, 1)
		send(sized(1495), sized(1514), sized(1494))
		assert.Equal(t, 1514, <-came, "the first that fits")
		assert.Equal(t, Drops{overMTU: 2}, b.plane.Counters().Dropped)
		b.widen(t, 1400)
		b.through(t, true, 1)
		send(sized(1375), sized(1374))
		assert.Equal(t, 1414, <-came, "the first that fits")
		assert.Equal(t, Drops{overMTU: 3}, b.plane.Counters().Dropped)
		b.widen(t, 1520)
		b.through(t, false, 1)
		send(sized(1514))
		assert.Equal(t, 1534, <-came, "the link got wider")
		assert.Equal(t, Drops{overMTU: 3}, b.plane.Counters().Dropped)
		assert.Empty(t, came)
	})
}

// sized returns a frame to the service that is n bytes long.
func sized(n int) []byte {
	f := append(datagram(1)[:42], make([]byte, n-42)...)
	binary.BigEndian.PutUint16(f[16:], uint16(n-14))
	return f
}

// To put packets into tunnels allocates nothing.
func TestTunnelBurstAllocatesNothing(t *testing.T) {
	forEach(t, func(t *testing.T, open func(t *testing.T, c Config, pods int) *bench) {
		b := open(t, Config{Sticky: &flowcache.Config{Flows: 10000}}, 2)
		b.through(t, false, 1, 2)
		send := b.raw(t)
		p := b.plane.(*userspace)
		b.stop() // the test takes the worker's place
		const bursts = 20
		for i := range bursts * 80 {
			if i%8 == 0 { // the first fragment comes last
				f := udpFragments(i%16 == 0, uint16(i/8))
				send(f[2], f[1], f[0])
			}
			send(datagram(uint16(i%1000)), sized(1495))
		}
		for _, w := range p.workers {
			assert.Zero(t, testing.AllocsPerRun(bursts/3, func() { assert.NoError(t, w.burst(p.now)) }))
		}
		assert.Positive(t, b.plane.Counters().In.Frames)
		assert.Positive(t, b.plane.Counters().Fragments.Held)
		assert.Positive(t, b.plane.Counters().Dropped[overMTU])
		assert.Zero(t, b.plane.Counters().Dropped[noRoom], "for fragments that were held either")
	})
}

// Neither does the cutting of what the sender left to be cut.
func TestSegmentsAllocateNothing(t *testing.T) {
	frame, o := uncut(rand.New(rand.NewPCG(1, 1)), false, false, false, 60000, 1400)
	virtio := native(virtioNeedsSum, virtioTCP4, 0, uint16(o.size), uint16(o.start), uint16(o.offset))
	whole := append(virtio, frame...)
	to, err := engine.NewTunnel(netip.MustParseAddr("10.9.0.1"), beyond(1, false))
	require.NoError(t, err)
	l := &afpacketLane{losses: newLosses()}
	l.whole[0], l.burst[0] = whole, whole[virtioSize:]
	decisions := []engine.Decision{{Hop: &engine.Adjacency{Tunnel: to}}}
	l.send(decisions, nil) // to nobody, which is counted
	once := engine.Traffic{Frames: 1, Bytes: uint64(len(frame))}
	assert.Equal(t, map[loss]engine.Traffic{{reason: noOutput}: once}, l.unsent)
	assert.Zero(t, testing.AllocsPerRun(100, func() { l.send(decisions, nil) }))
}
