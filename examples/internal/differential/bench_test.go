package differential

import (
	"math/rand/v2"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
)

// BenchmarkParse parses the same 4,096 frames by Parse and by gopacket's
// DecodingLayerParser, which is its fastest, into allocated layers. One
// operation is one frame, and the frames are in the cache. Frames with MPLS are
// left out, since the DecodingLayerParser cannot decode them. It is not charged
// for a flow key, which it does not make. The tunnels are of eight kinds in
// random order, so that neither parser profits from branch prediction.
func BenchmarkParse(b *testing.B) {
	m := maker{rand.New(rand.NewPCG(5, 6)), b}
	sets := map[string][][]byte{"frames=plain": nil, "frames=tunnels": nil}
	for _, k := range kinds() {
		switch k.name {
		case "IPIP", "6in4", "4in6", "GRE", "GRE key", "VXLAN", "Geneve", "GTP-U":
			sets["frames=tunnels"] = append(sets["frames=tunnels"], m.many(k, 4096/8)...)
		}
	}
	for _, build := range []func(m maker) []any{
		func(m maker) []any { return []any{m.ether(layers.EthernetTypeIPv4), m.client()} },
		func(m maker) []any { return []any{m.ether(layers.EthernetTypeIPv4), m.client()} },
		func(m maker) []any { return []any{m.ether(layers.EthernetTypeIPv6), m.client6()} },
		func(m maker) []any {
			return []any{m.ether(layers.EthernetTypeDot1Q), &layers.Dot1Q{VLANIdentifier: 7,
				Type: layers.EthernetTypeIPv4}, m.client()}
		},
	} {
		sets["frames=plain"] = append(sets["frames=plain"], m.many(kind{build: build}, 4096/4)...)
	}
	for _, name := range []string{"frames=plain", "frames=tunnels"} {
		set := sets[name]
		require.Len(b, set, 4096) // a remainder by another number would take as long as a header
		m.Shuffle(len(set), func(i, j int) { set[i], set[j] = set[j], set[i] })
		b.Run(name+"/parser=ecmp", func(b *testing.B) {
			headers, i := make([]hash.Headers, 32), 0
			for b.Loop() {
				if err := hash.Parse(set[i&4095], &headers[i&31]); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
		b.Run(name+"/parser=gopacket", func(b *testing.B) {
			parser, decoded := decodingLayerParser(), make([]gopacket.LayerType, 0, 16)
			i := 0
			for b.Loop() {
				if err := parser.DecodeLayers(set[i&4095], &decoded); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}

func (m maker) many(k kind, n int) (all [][]byte) {
	for range n {
		all = append(all, m.frame(k))
	}
	return all
}

func decodingLayerParser() *gopacket.DecodingLayerParser {
	p := gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, new(layers.Ethernet), new(layers.Dot1Q),
		new(layers.IPv4), new(layers.IPv6),
		new(layers.TCP), new(layers.UDP), new(layers.GRE), new(layers.VXLAN), new(layers.Geneve),
		new(layers.GTPv1U), new(gopacket.Payload))
	p.IgnoreUnsupported = true
	return p
}
