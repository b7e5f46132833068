package engine

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

// listenerGroup returns a group with one member, of the group's name.
func listenerGroup(t testing.TB, name string) *Group {
	t.Helper()
	return newGroup(t, nil, selector.GroupConfig{Name: name, Strategy: selector.Maglev{}}, name)
}

// A served says, as slowly as it can be read, which listener or prefix a packet
// is for.
type served struct {
	listeners []Listener
	prefixes  map[netip.Prefix]*Group
}

func (s served) group(dst netip.Addr, proto uint8, port uint16) (found *Group) {
	for _, l := range s.listeners {
		if l.Addr == dst && l.Proto == proto && l.Last != 0 && l.First <= port && port <= l.Last {
			return l.Group
		}
	}
	for _, l := range s.listeners {
		if l.Addr == dst && l.Proto == proto && l.Last == 0 {
			return l.Group
		}
	}
	longest := -1
	for p, g := range s.prefixes {
		if p.Contains(dst) && p.Bits() > longest {
			longest, found = p.Bits(), g
		}
	}
	return found
}

// drawServed draws listeners that have no port in common, at a few addresses of
// which some are served by a prefix besides.
func drawServed(t testing.TB, r *rand.Rand) (s served) {
	t.Helper()
	number := 0
	group := func() *Group {
		number++
		return listenerGroup(t, fmt.Sprint("group", number))
	}
	s.prefixes = map[netip.Prefix]*Group{
		prefix("172.16.0.0/31"): group(), prefix("172.16.0.1/32"): group(), prefix("2001:db8:ac10::/127"): group(),
	}
	for _, addr := range servedAddresses() {
		for _, proto := range []uint8{hash.TCP, hash.UDP, hash.SCTP, hash.ICMP, hash.ICMPv6, hash.GRE} {
			if r.IntN(3) == 0 {
				s.listeners = append(s.listeners, Listener{Addr: addr, Proto: proto, Group: group()})
			}
			if proto != hash.TCP && proto != hash.UDP && proto != hash.SCTP {
				continue
			}
			for port := uint16(1 + r.IntN(3)); port < 20 && r.IntN(4) > 0; {
				last := port + uint16(r.IntN(4))
				s.listeners = append(s.listeners, Listener{addr, proto, port, last, group()})
				port = last + 1 + uint16(r.IntN(3))
			}
		}
	}
	r.Shuffle(len(s.listeners), func(i, k int) { s.listeners[i], s.listeners[k] = s.listeners[k], s.listeners[i] })
	return s
}

func servedAddresses() (list []netip.Addr) {
	for i := range 4 {
		list = append(list, netip.AddrFrom4([4]byte{172, 16, 0, byte(i)}))
		six := netip.MustParseAddr("2001:db8:ac10::").As16()
		six[15] = byte(i)
		list = append(list, netip.AddrFrom16(six))
	}
	return list
}

// A sent is a frame and what it is for.
type sent struct {
	frame []byte
	dst   netip.Addr
	proto uint8
	port  uint16
}

// drawSent draws a packet of each kind for one destination: whole, in
// fragments, and an ICMP error about an answer to it.
func drawSent(t testing.TB, r *rand.Rand, dst netip.Addr, id uint32) (list []sent) {
	t.Helper()
	v6 := dst.Is6()
	to := host{v4: net.IP(dst.AsSlice()), v6: net.IP(dst.AsSlice())}
	from, port := uint16(1024+r.IntN(60000)), uint16(r.IntN(22))
	bytes := make(gopacket.Payload, 64)
	udp := func(src, dst host, a, b uint16, payload gopacket.Payload) []byte {
		return frameOf(t, v6, src, dst, layers.IPProtocolUDP, &layers.UDP{SrcPort: layers.UDPPort(a),
			DstPort: layers.UDPPort(b)}, payload)
	}
	tcp := func(src, dst host, a, b uint16) []byte {
		return frameOf(t, v6, src, dst, layers.IPProtocolTCP, &layers.TCP{SrcPort: layers.TCPPort(a),
			DstPort: layers.TCPPort(b), ACK: true}, bytes)
	}
	icmp := uint8(hash.ICMP)
	echo := gopacket.Payload{8, 0, 0, 0, 0, 1, 0, 1}
	if v6 {
		icmp, echo[0] = hash.ICMPv6, 128
	}
	sctp := append(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, from), port), bytes...)
	gre := append(gopacket.Payload{0, 0, 0x65, 0x58}, bytes...)
	list = []sent{
		{tcp(client, to, from, port), dst, hash.TCP, port},
		{udp(client, to, from, port, bytes), dst, hash.UDP, port},
		{frameOf(t, v6, client, to, layers.IPProtocolSCTP, gopacket.Payload(sctp)), dst, hash.SCTP, port},
		{frameOf(t, v6, client, to, layers.IPProtocol(icmp), echo), dst, icmp, 0},
		{frameOf(t, v6, client, to, layers.IPProtocolGRE, gre), dst, hash.GRE, 0},
		{tooBig(t, v6, to, tcp(to, client, port, from)), dst, hash.TCP, port},
		{tooBig(t, v6, to, udp(to, client, port, from, bytes)), dst, hash.UDP, port},
		{tooBig(t, v6, to, frameOf(t, v6, to, client, layers.IPProtocol(icmp), echo)), dst, icmp, 0},
	}
	for _, f := range fragmented(udp(client, to, from, port, make(gopacket.Payload, 300)), id, 104) {
		list = append(list, sent{f, dst, hash.UDP, port})
	}
	return list
}

// Each packet goes to the listener to its port, else to that to its protocol,
// else where the longest prefix leads, as the slow model says: so do fragments
// after the first one, and ICMP errors by what they are about.
func TestListenersAgreeWithModel(t *testing.T) {
	racecheck.OneGoroutine(t)
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := drawServed(t, r)
		routes := new(Routes)
		for p, g := range s.prefixes {
			routes.Insert(p, g)
		}
		listeners, err := NewListeners(s.listeners)
		require.NoError(t, err)
		w := NewWorker(Config{Routes: routes, Listeners: listeners, Fragments: newFragments(t), Hold: true})
		var list []sent
		for id := range uint32(60) {
			for _, addr := range servedAddresses() {
				list = append(list, drawSent(t, r, addr, id)...)
			}
		}
		frames, got := make([][]byte, len(list)), make([]Decision, len(list))
		for i := range list {
			frames[i] = slices.Clone(list[i].frame)
		}
		w.Burst(got, frames, 0)
		elsewhere := uint64(0)
		for i, p := range list {
			want := s.group(p.dst, p.proto, p.port)
			if want == nil {
				require.Equal(t, NoRoute, got[i].Drop, "%v", p)
				require.Equal(t, p.frame, frames[i])
				elsewhere++
				continue
			}
			require.NotNil(t, got[i].Hop, "%v: %v", p, got[i].Drop)
			require.Equal(t, want.Load().View().Member(0).ID, got[i].Hop.ID, "%v", p)
		}
		require.Positive(t, elsewhere)
		require.Equal(t, elsewhere, w.Counters().NoRoute.Frames)
		require.Equal(t, elsewhere, w.Counters().Dropped(NoRoute))
		require.Zero(t, w.Counters().Strays)
		require.Zero(t, testing.AllocsPerRun(5, func() { w.Burst(got, lasting(frames), 0) }))
	}
}

// A fragment whose datagram is not known has no port: it is held for the first
// one, and goes to who serves the protocol or the address if that does not
// come.
func TestListenersOfFragmentsWithoutFirst(t *testing.T) {
	vipAddr := netip.MustParseAddr("172.16.0.20")
	at, whole := listenerGroup(t, "port"), listenerGroup(t, "protocol")
	for _, withWhole := range []bool{true, false} {
		list := []Listener{{vipAddr, hash.UDP, 53, 53, at}}
		if withWhole {
			list = append(list, Listener{Addr: vipAddr, Proto: hash.UDP, Group: whole})
		}
		listeners, err := NewListeners(list)
		require.NoError(t, err)
		w := NewWorker(Config{Routes: new(Routes), Listeners: listeners, Fragments: newFragments(t)})
		fragments := fragmented(frameOf(t, false, client, vip, layers.IPProtocolUDP,
			&layers.UDP{SrcPort: 4000, DstPort: 53}, make(gopacket.Payload, 300)), 7, 104)
		got := make([]Decision, 2)
		w.Burst(got, [][]byte{slices.Clone(fragments[1]), slices.Clone(fragments[0])}, 0)
		require.Equal(t, "port", got[1].Hop.ID)
		if withWhole {
			require.Equal(t, "protocol", got[0].Hop.ID)
			require.EqualValues(t, 1, w.Counters().Strays)
		} else {
			require.Equal(t, NoRoute, got[0].Drop)
			require.Zero(t, w.Counters().Strays)
		}
	}
}

// What an address has no listener for is for nobody, whatever its TTL; and what
// it has one for expires.
func TestListenersAndTTL(t *testing.T) {
	listeners, err := NewListeners([]Listener{{netip.MustParseAddr("172.16.0.20"), hash.TCP, 80, 80,
		listenerGroup(t, "web")}})
	require.NoError(t, err)
	w := NewWorker(Config{Routes: new(Routes), Listeners: listeners})
	for port, want := range map[layers.TCPPort]Drop{80: Expired, 81: NoRoute} {
		frame := frameOf(t, false, client, vip, layers.IPProtocolTCP, &layers.TCP{SrcPort: 4000, DstPort: port},
			make(gopacket.Payload, 20))
		got := make([]Decision, 1)
		w.Burst(got, [][]byte{expiring(frame)}, 0)
		assert.Equal(t, want, got[0].Drop, "port %d", port)
	}
}

func TestListenersRefuseConflicts(t *testing.T) {
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	at := func(addr netip.Addr, proto uint8, first, last uint16) Listener {
		return Listener{Addr: addr, Proto: proto, First: first, Last: last}
	}
	for _, c := range []struct {
		x, y     Listener
		conflict bool
	}{
		{at(a, hash.TCP, 80, 80), at(a, hash.TCP, 80, 80), true},
		{at(a, hash.TCP, 80, 90), at(a, hash.TCP, 90, 95), true},
		{at(a, hash.TCP, 80, 90), at(a, hash.TCP, 85, 85), true},
		{at(a, hash.TCP, 0, 0), at(a, hash.TCP, 0, 0), true},
		{at(a, hash.TCP, 0, 0), at(a, hash.TCP, 80, 80), false},
		{at(a, hash.TCP, 80, 90), at(a, hash.UDP, 80, 90), false},
		{at(a, hash.TCP, 80, 90), at(b, hash.TCP, 80, 90), false},
		{at(a, hash.TCP, 80, 90), at(a, hash.TCP, 91, 99), false},
	} {
		for _, list := range [][]Listener{{c.x, c.y}, {c.y, c.x}} {
			_, err := NewListeners(list)
			if !c.conflict {
				require.NoError(t, err)
				continue
			}
			var conflict *ListenerError
			require.ErrorAs(t, err, &conflict)
			require.ElementsMatch(t, list, []Listener{conflict.Listener, conflict.Other})
		}
	}
}
