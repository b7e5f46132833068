package pipeline

import (
	"encoding/binary"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/dgryski/go-maglev"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/maypok86/otter/v2"
	"github.com/phuslu/lru"
)

// idle is how long the caches keep a flow that nobody asks for.
const idle = 350 * time.Second

// A packetParser reads frames by gopacket's fastest form, with layers that are
// allocated before.
type packetParser struct {
	parser  *gopacket.DecodingLayerParser
	decoded []gopacket.LayerType

	ethernet layers.Ethernet
	dot1q    layers.Dot1Q
	ip4      layers.IPv4
	ip6      layers.IPv6
	tcp      layers.TCP
	udp      layers.UDP
	payload  gopacket.Payload
}

// A packetKey is addresses, ports and protocol: the first 13 bytes of an IPv4
// flow, all of an IPv6 flow.
type packetKey [37]byte

func newPacketParser() *packetParser {
	p := new(packetParser)
	p.parser = gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, &p.ethernet, &p.dot1q, &p.ip4, &p.ip6,
		&p.tcp, &p.udp, &p.payload)
	p.parser.IgnoreUnsupported = true
	return p
}

// parse returns the flow of a frame, in as few writes as can be, and how many
// bytes it takes.
func (p *packetParser) parse(frame []byte, k *packetKey) (size int) {
	if p.parser.DecodeLayers(frame, &p.decoded) != nil {
		panic("a sound frame failed")
	}
	ports, proto := uint32(0), uint8(0)
	for _, l := range p.decoded {
		switch l {
		case layers.LayerTypeIPv4:
			src, dst := binary.LittleEndian.Uint32(p.ip4.SrcIP), binary.LittleEndian.Uint32(p.ip4.DstIP)
			binary.LittleEndian.PutUint64(k[:], uint64(src)|uint64(dst)<<32)
			size, proto = 8, uint8(p.ip4.Protocol)
		case layers.LayerTypeIPv6:
			copy(k[:], p.ip6.SrcIP)
			copy(k[16:], p.ip6.DstIP)
			size, proto = 32, uint8(p.ip6.NextHeader)
		case layers.LayerTypeTCP:
			ports = uint32(p.tcp.SrcPort) | uint32(p.tcp.DstPort)<<16
		case layers.LayerTypeUDP:
			ports = uint32(p.udp.SrcPort) | uint32(p.udp.DstPort)<<16
		}
	}
	binary.LittleEndian.PutUint32(k[size:], ports)
	k[size+4] = proto
	return size + 5
}

// withPhuslu remembers members by the fastest cache that has a greatest size.
type withPhuslu struct {
	*packetParser
	room  int
	key   packetKey
	flows *lru.TTLCache[uint64, int32]
	table *maglev.Table
	sum   int32
}

func newPhuslu(flows int) Pipeline {
	p := &withPhuslu{packetParser: newPacketParser(), room: flows * 4 / 3, table: maglevTable()}
	p.Forget()
	return p
}

// Forget implements [Pipeline].
func (p *withPhuslu) Forget() {
	p.flows = lru.NewTTLCache(p.room, lru.WithSliding[uint64, int32](false))
}

// Forward implements [Pipeline].
func (p *withPhuslu) Forward(frames [][]byte) (known int) {
	for _, f := range frames {
		digest := xxhash.Sum64(p.key[:p.parse(f, &p.key)])
		member, ok := p.flows.Get(digest)
		if ok {
			known++
		} else {
			member = int32(p.table.Lookup(digest))
			p.flows.Set(digest, member, idle)
		}
		p.sum += member
	}
	return known
}

// withOtter is the wiring that one finds first: the cache that is known best,
// keyed by the flow.
type withOtter struct {
	*packetParser
	flows *otter.Cache[packetKey, int32]
	table *maglev.Table
	sum   int32
}

func newOtter(flows int) Pipeline {
	return &withOtter{packetParser: newPacketParser(), table: maglevTable(),
		flows: otter.Must(&otter.Options[packetKey, int32]{
			MaximumSize: flows * 4 / 3, InitialCapacity: flows * 4 / 3,
			ExpiryCalculator: otter.ExpiryWriting[packetKey, int32](idle),
		})}
}

// Forget implements [Pipeline].
func (p *withOtter) Forget() { p.flows.InvalidateAll() }

// Forward implements [Pipeline].
func (p *withOtter) Forward(frames [][]byte) (known int) {
	for _, f := range frames {
		var k packetKey
		size := p.parse(f, &k)
		member, ok := p.flows.GetIfPresent(k)
		if ok {
			known++
		} else {
			member = int32(p.table.Lookup(xxhash.Sum64(k[:size])))
			p.flows.Set(k, member)
		}
		p.sum += member
	}
	return known
}
