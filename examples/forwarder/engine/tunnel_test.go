package engine

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/golden/tunnel"
	"github.com/ecmp-go/ecmp/selector"
)

func newTunnel(t testing.TB, local, remote string) Tunnel {
	t.Helper()
	made, err := NewTunnel(netip.MustParseAddr(local), netip.MustParseAddr(remote))
	require.NoError(t, err)
	return made
}

// intoTunnel is the frame that a back end sends.
func intoTunnel(t testing.TB, to Tunnel, frame []byte) []byte {
	t.Helper()
	begin, at, ok := to.AppendFrame(nil, frame)
	require.True(t, ok, "% x", frame)
	return append(begin, frame[at:]...)
}

// What workers decide on goes into tunnels as the model has it: packets of both
// versions, in headers of both, plain, tagged, padded, and with bytes that are
// damaged but for what a router refuses.
func TestTunnelsAgreeWithModel(t *testing.T) {
	d := selector.NewDomain()
	g, err := selector.NewGroup[Adjacency](d, selector.GroupConfig{Name: "tunnels", Strategy: selector.Bounded{}})
	require.NoError(t, err)
	list := hops("plain", "four", "six")
	list[1].Value.Tunnel = newTunnel(t, "203.0.113.1", "192.0.2.255")
	list[2].Value.Tunnel = newTunnel(t, "2001:db8:f::1", "2001:db8:ffff::ffff")
	_, err = g.Update(list)
	require.NoError(t, err)
	routes := new(Routes)
	routes.Insert(netip.MustParsePrefix("0.0.0.0/0"), g)
	routes.Insert(netip.MustParsePrefix("::/0"), g)
	w := NewWorker(Config{Routes: routes})

	frames, _ := captured(t)
	frames = slices.Clone(frames[:4000])
	for _, v6 := range []bool{false, true} {
		for i := range 500 {
			udp := &layers.UDP{SrcPort: layers.UDPPort(1024 + i), DstPort: 53}
			frames = append(frames, frameOf(t, v6, client, vip, layers.IPProtocolUDP, udp,
				gopacket.Payload(make([]byte, i))))
		}
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	inTunnel := make(map[[2]bool]int) // by whether the outer and the inner header are of IPv6
	for _, frame := range frames {
		for range 4 {
			sent := slices.Clone(frame)
			switch rnd.IntN(4) {
			case 0:
				sent[untagged+rnd.IntN(len(sent)-untagged)] = byte(rnd.Uint32())
			case 1:
				sent[untagged+rnd.IntN(2)] ^= byte(1 << rnd.IntN(4)) // DSCP and ECN, or the length of the header
			case 2:
				sent = append(sent, make([]byte, rnd.IntN(8))...)
			default:
				if at, _ := packetOf(sent); at == untagged {
					tags := [][]byte{{0x81, 0, 0, 7}, {0x88, 0xa8, 0, 9, 0x81, 0, 0, 7}}
					sent = slices.Insert(sent, 12, tags[rnd.IntN(2)]...)
				}
			}
			var decision [1]Decision
			w.Burst(decision[:], [][]byte{sent}, time.Hour)
			if decision[0].Hop == nil || decision[0].Hop.Tunnel == (Tunnel{}) {
				continue
			}
			to := decision[0].Hop.Tunnel
			local, remote := to.Ends()
			require.Equal(t, tunnel.Put(local, remote, sent), intoTunnel(t, to, sent))
			_, v6 := packetOf(sent)
			inTunnel[[2]bool{local.Is6(), v6}]++
		}
	}
	assert.Len(t, inTunnel, 4)
	for kind, n := range inTunnel {
		assert.Greater(t, n, 200, "%v", kind)
	}
}

// What stands in an outer header is what another decoder reads.
func TestOuterHeader(t *testing.T) {
	text := strings.Repeat("hello", 10) // no padding is needed
	for _, v6 := range []bool{false, true} {
		frame := frameOf(t, v6, client, vip, layers.IPProtocolUDP, &layers.UDP{SrcPort: 7, DstPort: 9},
			gopacket.Payload(text))
		if v6 {
			frame[untagged] |= 0xb
			frame[untagged+1] |= 0xb0 // 0xbb in all
		} else {
			frame[untagged+1] = 0xbb
		}
		length := len(frame) - untagged
		protocol := layers.IPProtocolIPv4
		if v6 {
			protocol = layers.IPProtocolIPv6
		}
		p := gopacket.NewPacket(intoTunnel(t, newTunnel(t, "203.0.113.1", "192.0.2.7"), frame),
			layers.LayerTypeEthernet, gopacket.Default)
		require.Nil(t, p.ErrorLayer())
		four := p.NetworkLayer().(*layers.IPv4)
		assert.Equal(t, "203.0.113.1 192.0.2.7", four.SrcIP.String()+" "+four.DstIP.String())
		assert.EqualValues(t, 0xbb, four.TOS)
		assert.EqualValues(t, 20+length, four.Length)
		assert.Zero(t, four.Id)
		assert.Equal(t, layers.IPv4DontFragment, four.Flags)
		assert.EqualValues(t, 64, four.TTL)
		assert.Equal(t, protocol, four.Protocol)
		assert.Zero(t, checksum(four.Contents))
		assert.Equal(t, text, string(p.ApplicationLayer().Payload()))

		p = gopacket.NewPacket(intoTunnel(t, newTunnel(t, "2001:db8:f::1", "2001:db8::7"), frame),
			layers.LayerTypeEthernet, gopacket.Default)
		require.Nil(t, p.ErrorLayer())
		six := p.NetworkLayer().(*layers.IPv6)
		assert.Equal(t, "2001:db8:f::1 2001:db8::7", six.SrcIP.String()+" "+six.DstIP.String())
		assert.EqualValues(t, 0xbb, six.TrafficClass)
		assert.Zero(t, six.FlowLabel)
		assert.EqualValues(t, length, six.Length)
		assert.EqualValues(t, 64, six.HopLimit)
		assert.Equal(t, protocol, six.NextHeader)
		assert.Equal(t, text, string(p.ApplicationLayer().Payload()))
	}
}

// What can't be in a tunnel is refused, and nothing is read beyond a frame.
func TestNotInTunnel(t *testing.T) {
	to := newTunnel(t, "203.0.113.1", "192.0.2.7")
	whole := frameOf(t, true, client, vip, layers.IPProtocolUDP, &layers.UDP{}, gopacket.Payload("hello"))
	for n := range untagged + ipv6Size {
		b, _, ok := to.AppendFrame([]byte("before"), whole[:n:n])
		assert.False(t, ok, "%d bytes", n)
		assert.Equal(t, "before", string(b))
	}
	arp := slices.Clone(whole)
	arp[12], arp[13] = 0x08, 0x06
	_, _, ok := to.AppendFrame(nil, arp)
	assert.False(t, ok)
	_, _, ok = Tunnel{}.AppendFrame(nil, whole)
	assert.False(t, ok)

	large := frameOf(t, false, client, vip, layers.IPProtocolUDP, gopacket.Payload(make([]byte, 1<<16-1-20)))
	_, _, ok = to.AppendFrame(nil, large)
	assert.False(t, ok, "64 KB and an outer header")
	_, _, ok = newTunnel(t, "2001:db8:f::1", "2001:db8::7").AppendFrame(nil, large)
	assert.True(t, ok, "the length of IPv6 does not count its header")
}

func TestNewTunnel(t *testing.T) {
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	six := netip.MustParseAddr("fe80::1")
	for _, c := range []struct {
		local, remote netip.Addr
		reason        string
	}{
		{a, netip.Addr{}, "two addresses"}, {netip.Addr{}, b, "two addresses"}, {a, six, "different versions"},
		{a, a, "its ends are one"}, {six.WithZone("lo"), six, "a zone"},
	} {
		_, err := NewTunnel(c.local, c.remote)
		var tunnelErr *TunnelError
		require.ErrorAs(t, err, &tunnelErr)
		assert.Equal(t, c.local, tunnelErr.Local)
		require.ErrorContains(t, err, c.reason)
	}
	one, two, other := newTunnel(t, "10.0.0.1", "10.0.0.2"), newTunnel(t, "10.0.0.1", "10.0.0.2"),
		newTunnel(t, "10.0.0.2", "10.0.0.1")
	assert.Equal(t, one, two)
	assert.NotEqual(t, one, other)
	assert.Equal(t, 20, one.Size())
	assert.Equal(t, 40, newTunnel(t, "fe80::1", "fe80::2").Size())
	assert.Zero(t, Tunnel{}.Size())
	local, remote := one.Ends()
	assert.Equal(t, []netip.Addr{a, b}, []netip.Addr{local, remote})
	local, remote = newTunnel(t, "fe80::1", "fe80::2").Ends()
	assert.Equal(t, "fe80::1 fe80::2", local.String()+" "+remote.String())
	local, _ = Tunnel{}.Ends()
	assert.False(t, local.IsValid())
}

func TestTunnelAllocatesNothing(t *testing.T) {
	frame := frameOf(t, false, client, vip, layers.IPProtocolUDP, &layers.UDP{}, gopacket.Payload("hello"))
	for _, to := range []Tunnel{newTunnel(t, "10.0.0.1", "10.0.0.2"), newTunnel(t, "fe80::1", "fe80::2")} {
		b := make([]byte, 0, 100)
		assert.Zero(t, testing.AllocsPerRun(100, func() { _, _, _ = to.AppendFrame(b, frame) }))
	}
}
