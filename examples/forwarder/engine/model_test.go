package engine

import (
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/internal/capture"
	"github.com/ecmp-go/ecmp/selector"
)

// captured returns the frames of the built-in capture and their times.
func captured(t testing.TB) (frames [][]byte, times []int64) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "testdata", "vip.pcap"))
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck // only read
	r, err := capture.NewReader(f)
	require.NoError(t, err)
	for {
		p, err := r.Next(nil)
		if err != nil {
			require.Greater(t, len(frames), 10000)
			return frames, times
		}
		frames, times = append(frames, p.Frame), append(times, p.Time.UnixNano())
	}
}

// hops returns members with distinct addresses and numbers; weights alternate
// between 1, 2 and 3.
func hops(ids ...string) []Hop {
	list := make([]Hop, len(ids))
	for i, id := range ids {
		last := byte(xxhash.Sum64String(id))
		list[i] = Hop{ID: id, Weight: uint32(i%3 + 1), Value: Adjacency{
			ID: id, Header: NewEthernet(MAC{2, 1, 1, 1, 1, last}, MAC{2, 0, 0, 0, 0, 1}), Output: uint16(i),
		}}
	}
	return list
}

// newGroup makes a group, in a domain of its own if d is nil.
func newGroup(t testing.TB, d *selector.Domain, c selector.GroupConfig, ids ...string) *Group {
	t.Helper()
	if d == nil {
		d = selector.NewDomain()
	}
	g, err := selector.NewGroup[Adjacency](d, c)
	require.NoError(t, err)
	_, err = g.Update(hops(ids...))
	require.NoError(t, err)
	return g
}

// A modelRoute is a prefix and the members behind it.
type modelRoute struct {
	prefix   netip.Prefix
	strategy selector.Strategy
	hops     []Hop

	built    bool
	selector selector.Selector
}

// A model forwards one packet at a time, decoded by gopacket, and remembers
// nothing.
type model struct {
	routes    []modelRoute
	seed      uint64
	symmetric bool
}

// forward returns the member and the frame that it gets, or why there is none.
func (m model) forward(t testing.TB, frame []byte) (hop *Adjacency, sent []byte, drop Drop) {
	t.Helper()
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	if p.NetworkLayer() == nil {
		return nil, nil, NotIP
	}
	f := fiveTupleOf(p)
	route := m.longest(f.dst)
	if route == nil {
		return nil, nil, NoRoute
	}
	if timeToLive(p) <= 1 {
		return nil, nil, Expired
	}
	if m.symmetric {
		f = f.canonical()
	}
	route.build(t)
	if route.selector == nil {
		return nil, nil, NoMember
	}
	h := f.hash(m.seed)
	if _, ok := route.selector.(selector.Tabled); !ok {
		h &^= 1<<30 - 1 // see selector.View.Select
	}
	hop = &route.hops[route.selector.Select(h)].Value
	return hop, routed(t, p, hop), 0
}

// build sorts the members and makes the selector of a route on its first use,
// nil without weight.
func (r *modelRoute) build(t testing.TB) {
	t.Helper()
	if r.built {
		return
	}
	r.built = true
	r.hops = slices.Clone(r.hops)
	slices.SortFunc(r.hops, func(a, b Hop) int { return strings.Compare(a.ID, b.ID) })
	members := make([]selector.Member, len(r.hops))
	for i := range members {
		members[i] = selector.Member{ID: r.hops[i].ID, Weight: r.hops[i].Weight}
	}
	var err error
	if r.selector, err = selector.New(r.strategy, members); err != nil {
		require.ErrorIs(t, err, selector.ErrNoWeight)
	}
}

// longest returns the route of the longest prefix that holds the address.
func (m model) longest(a netip.Addr) (best *modelRoute) {
	for i, r := range m.routes {
		if r.prefix.Contains(a) && (best == nil || r.prefix.Bits() > best.prefix.Bits()) {
			best = &m.routes[i]
		}
	}
	return best
}

type fiveTuple struct {
	src, dst         netip.Addr
	srcPort, dstPort uint16
	proto            byte
}

func fiveTupleOf(p gopacket.Packet) (f fiveTuple) {
	switch ip := p.NetworkLayer().(type) {
	case *layers.IPv4:
		f.proto = byte(ip.Protocol)
	case *layers.IPv6:
		f.proto = byte(ip.NextHeader)
		if h, ok := p.Layer(layers.LayerTypeIPv6HopByHop).(*layers.IPv6HopByHop); ok {
			f.proto = byte(h.NextHeader)
		}
	}
	src, dst := p.NetworkLayer().NetworkFlow().Endpoints()
	f.src, _ = netip.AddrFromSlice(src.Raw())
	f.dst, _ = netip.AddrFromSlice(dst.Raw())
	if l := p.TransportLayer(); l != nil {
		src, dst := l.TransportFlow().Endpoints()
		f.srcPort, f.dstPort = binary.BigEndian.Uint16(src.Raw()), binary.BigEndian.Uint16(dst.Raw())
	}
	return f
}

func (f fiveTuple) canonical() fiveTuple {
	a, b := netip.AddrPortFrom(f.src, f.srcPort), netip.AddrPortFrom(f.dst, f.dstPort)
	if a.Compare(b) > 0 {
		return fiveTuple{f.dst, f.src, f.dstPort, f.srcPort, f.proto}
	}
	return f
}

// hash returns the XXH64 of the 40 bytes that stand for the flow.
func (f fiveTuple) hash(seed uint64) uint64 {
	src, dst := f.src.As16(), f.dst.As16()
	b := append(src[:], dst[:]...)
	b = binary.BigEndian.AppendUint16(b, f.srcPort)
	b = binary.BigEndian.AppendUint16(b, f.dstPort)
	b = append(b, f.proto, 0, 0, 0)
	if f.src.Is6() {
		b[37] = 1 << 4
	}
	d := xxhash.NewWithSeed(seed)
	_, _ = d.Write(b)
	return d.Sum64()
}

func timeToLive(p gopacket.Packet) uint8 {
	if ip, ok := p.NetworkLayer().(*layers.IPv4); ok {
		return ip.TTL
	}
	return p.NetworkLayer().(*layers.IPv6).HopLimit
}

// routed returns the frame that a member gets, serialised anew with checksums
// computed from nothing.
func routed(t testing.TB, p gopacket.Packet, hop *Adjacency) []byte {
	t.Helper()
	ethernet := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	ethernet.DstMAC, ethernet.SrcMAC = hop.Header[:6], hop.Header[6:]
	var ip gopacket.SerializableLayer
	switch l := p.NetworkLayer().(type) {
	case *layers.IPv4:
		l.TTL--
		ip = l
	case *layers.IPv6:
		l.HopLimit--
		l.HopByHop = nil // it stands in the payload as well
		ip = l
	}
	b := gopacket.NewSerializeBuffer()
	require.NoError(t, gopacket.SerializeLayers(b, gopacket.SerializeOptions{ComputeChecksums: true},
		ethernet, ip, gopacket.Payload(p.NetworkLayer().LayerPayload())))
	return b.Bytes()[:len(p.Data())] // without the padding to the least size of a frame
}
