package plane

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/testbed"
)

// raw returns a function that sends frames from the client as they are.
func (b *bench) raw(t *testing.T) func(frames ...[]byte) {
	t.Helper()
	var socket int
	require.NoError(t, b.Client.Do(func() (err error) {
		d, err := net.InterfaceByName("c0")
		if err != nil {
			return err
		}
		if socket, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return unix.Bind(socket, &unix.SockaddrLinklayer{Ifindex: d.Index})
	}))
	t.Cleanup(func() { _ = unix.Close(socket) })
	return func(frames ...[]byte) {
		for _, f := range frames {
			_, err := unix.Write(socket, f)
			require.NoError(t, err)
		}
	}
}

// datagram returns a frame to the service, from a port.
func datagram(from uint16) []byte {
	f := make([]byte, 60)
	to, src := testbed.MAC(0, 1), testbed.MAC(0, 2)
	copy(f, to[:])
	copy(f[6:], src[:])
	binary.BigEndian.PutUint16(f[12:], unix.ETH_P_IP)
	ip := f[14:]
	ip[0], ip[8], ip[9] = 0x45, 64, unix.IPPROTO_UDP
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
	copy(ip[12:], netip.MustParseAddr("10.9.0.2").AsSlice())
	copy(ip[16:], netip.MustParseAddr(testbed.Service4).AsSlice())
	binary.BigEndian.PutUint16(ip[20:], from)
	binary.BigEndian.PutUint16(ip[24:], uint16(len(ip)-20))
	return f
}

// datagram6 returns a frame of IPv6 to the service, with the first byte of a
// payload of this protocol.
func datagram6(proto, first byte) []byte {
	f := append(datagram(0)[:14], make([]byte, 48)...)
	binary.BigEndian.PutUint16(f[12:], unix.ETH_P_IPV6)
	ip := f[14:]
	ip[0], ip[6], ip[7] = 0x60, proto, 255
	binary.BigEndian.PutUint16(ip[4:], 8)
	copy(ip[8:], netip.MustParseAddr("2001:db8:9:0::2").AsSlice())
	copy(ip[24:], netip.MustParseAddr(testbed.Service6).AsSlice())
	ip[40] = first
	return f
}

// A plane takes what is for it to forward, and leaves to the kernel what is
// not.
func TestWhatIsTaken(t *testing.T) {
	forEach(t, func(t *testing.T, open func(*testing.T, Config, int) *bench) {
		b := open(t, Config{}, 1)
		send := b.raw(t)
		other, broadcast, tagged := datagram(1), datagram(1), datagram(1)
		other[5] = 9
		copy(broadcast, []byte{255, 255, 255, 255, 255, 255})
		tagged = append(tagged[:12:12], append([]byte{0x81, 0, 0, 5}, tagged[12:]...)...)
		arp := datagram(1)
		binary.BigEndian.PutUint16(arp[12:], unix.ETH_P_ARP)
		send(other, broadcast, tagged, arp, arp[:20], datagram6(unix.IPPROTO_ICMPV6, firstOfND),
			datagram6(unix.IPPROTO_ICMPV6, lastOfND))
		taken := [][]byte{datagram(1), datagram6(unix.IPPROTO_UDP, 1), datagram6(unix.IPPROTO_ICMPV6, firstOfND-1),
			datagram6(unix.IPPROTO_ICMPV6, lastOfND+1)}
		send(taken...)
		c := b.plane.Counters()
		for deadline := time.Now().Add(time.Minute); c.In.Frames < uint64(len(taken)) &&
			time.Now().Before(deadline); c = b.plane.Counters() {
			time.Sleep(time.Millisecond)
		}
		assert.Equal(t, uint64(len(taken)), c.Members[1].Frames, "%+v", c)
		assert.Equal(t, uint64(len(taken)), c.In.Frames, "%+v", c)
	})
}

// To forward a burst allocates nothing, from receiving to sending, new flows
// and known ones, fragments that are held, and pings, answered or not.
func TestBurstAllocatesNothing(t *testing.T) {
	forEach(t, func(t *testing.T, open func(*testing.T, Config, int) *bench) {
		b := open(t, Config{Sticky: &flowcache.Config{Flows: 10000}, ICMP: ICMP{Pings: 100}}, 2)
		send := b.raw(t)
		p := b.plane.(*userspace)
		b.stop() // the test takes the worker's place
		const bursts = 20
		for i := range bursts * 80 {
			if i%8 == 0 { // the first fragment comes last
				f := udpFragments(i%16 == 0, uint16(i/8))
				send(f[2], f[1], f[0])
			}
			send(datagram(uint16(i%1000)), pingOf(uint16(i)))
		}
		for _, w := range p.workers {
			// not so many that it has to wait
			assert.Zero(t, testing.AllocsPerRun(bursts/3, func() { assert.NoError(t, w.burst(p.now)) }))
		}
		assert.Positive(t, b.plane.Counters().In.Frames)
		assert.Positive(t, b.plane.Counters().Fragments.Held)
		assert.Positive(t, b.plane.Counters().Replies.Frames)
	})
}
