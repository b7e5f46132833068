package engine_test

import (
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/dgryski/go-maglev"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/maypok86/otter/v2"
	"github.com/stretchr/testify/require"
)

// peerPipeline is what one writes without this library: gopacket reads a frame,
// otter remembers its flow's member, and go-maglev chooses one for a new flow.
type peerPipeline struct {
	parser  *gopacket.DecodingLayerParser
	decoded []gopacket.LayerType

	ethernet layers.Ethernet
	dot1q    layers.Dot1Q
	ip4      layers.IPv4
	ip6      layers.IPv6
	tcp      layers.TCP
	udp      layers.UDP
	payload  gopacket.Payload

	flows *otter.Cache[peerKey, int32]
	table *maglev.Table
	sum   int32
}

// A peerKey has no more bytes than a flow needs.
type peerKey struct {
	src, dst         [16]byte
	srcPort, dstPort uint16
	proto            uint8
}

func newPeerPipeline(b *testing.B, flows int) *peerPipeline {
	b.Helper()
	p := new(peerPipeline)
	p.parser = gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, &p.ethernet, &p.dot1q, &p.ip4, &p.ip6,
		&p.tcp, &p.udp, &p.payload)
	p.parser.IgnoreUnsupported = true
	var members []string
	for _, h := range pipelineMembers() {
		members = append(members, h.ID)
	}
	p.table = maglev.New(members, maglev.SmallM)
	var err error
	p.flows, err = otter.New(&otter.Options[peerKey, int32]{
		// as many pins as ours has room for
		MaximumSize: flows * 4 / 3, InitialCapacity: flows * 4 / 3,
		ExpiryCalculator: otter.ExpiryAccessing[peerKey, int32](350 * time.Second),
	})
	require.NoError(b, err)
	return p
}

func (p *peerPipeline) forward(frames [][]byte) (known int) {
	for _, frame := range frames {
		if p.parser.DecodeLayers(frame, &p.decoded) != nil {
			continue
		}
		var k peerKey
		for _, l := range p.decoded {
			switch l {
			case layers.LayerTypeIPv4:
				copy(k.src[12:], p.ip4.SrcIP)
				copy(k.dst[12:], p.ip4.DstIP)
				k.proto = uint8(p.ip4.Protocol)
			case layers.LayerTypeIPv6:
				copy(k.src[:], p.ip6.SrcIP)
				copy(k.dst[:], p.ip6.DstIP)
				k.proto = uint8(p.ip6.NextHeader)
			case layers.LayerTypeTCP:
				k.srcPort, k.dstPort = uint16(p.tcp.SrcPort), uint16(p.tcp.DstPort)
			case layers.LayerTypeUDP:
				k.srcPort, k.dstPort = uint16(p.udp.SrcPort), uint16(p.udp.DstPort)
			}
		}
		member, ok := p.flows.GetIfPresent(k)
		if ok {
			known++
		} else {
			member = int32(p.table.Lookup(k.hash()))
			p.flows.Set(k, member)
		}
		p.sum += member
	}
	return known
}

func (k *peerKey) hash() uint64 {
	var b [37]byte
	copy(b[:], k.src[:])
	copy(b[16:], k.dst[:])
	binary.BigEndian.PutUint16(b[32:], k.srcPort)
	binary.BigEndian.PutUint16(b[34:], k.dstPort)
	b[36] = k.proto
	return xxhash.Sum64(b[:])
}

func (p *peerPipeline) forget() {
	p.flows.InvalidateAll()
	runtime.GC() // which is off while time is measured
}
