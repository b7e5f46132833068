package differential

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
)

// A maker makes packets by gopacket, from the outermost layer to the innermost.
type maker struct {
	*rand.Rand
	t testing.TB
}

func (m maker) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(m.Uint32())
	}
	return b
}

func (m maker) ether(t layers.EthernetType) gopacket.SerializableLayer {
	return &layers.Ethernet{SrcMAC: m.bytes(6), DstMAC: m.bytes(6), EthernetType: t}
}

func (m maker) ip4(p layers.IPProtocol) gopacket.SerializableLayer {
	return &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: p, SrcIP: m.bytes(4), DstIP: m.bytes(4),
		Id: uint16(m.Uint32())}
}

func (m maker) ip6(p layers.IPProtocol) gopacket.SerializableLayer {
	return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: p, SrcIP: m.bytes(16), DstIP: m.bytes(16),
		FlowLabel: m.Uint32() & 0xfffff}
}

func (m maker) udpTo(port layers.UDPPort) gopacket.SerializableLayer {
	return &layers.UDP{SrcPort: layers.UDPPort(49152 + m.IntN(16384)), DstPort: port}
}

// client returns the layers that the tunnels carry: TCP or UDP over IPv4. Its
// ports are none of a tunnel or of a protocol that gopacket decodes.
func (m maker) client() []gopacket.SerializableLayer {
	src, dst := uint16(20000+m.IntN(1000)), uint16(30000+m.IntN(1000))
	if m.IntN(2) == 0 {
		return []gopacket.SerializableLayer{m.ip4(layers.IPProtocolTCP), &layers.TCP{SrcPort: layers.TCPPort(src),
			DstPort: layers.TCPPort(dst)}}
	}
	return []gopacket.SerializableLayer{m.ip4(layers.IPProtocolUDP), &layers.UDP{SrcPort: layers.UDPPort(src),
		DstPort: layers.UDPPort(dst)}}
}

func (m maker) client6() []gopacket.SerializableLayer {
	return []gopacket.SerializableLayer{m.ip6(layers.IPProtocolTCP),
		&layers.TCP{SrcPort: 20001, DstPort: layers.TCPPort(30000 + m.IntN(1000))}}
}

// A kind is a kind of tunnel.
type kind struct {
	name       string
	difference string // the allowed difference, see compare
	tunnels    int
	build      func(m maker) []any // layers and lists of layers, the outermost first
}

func kinds() []kind {
	const v4, v6, bridged = layers.EthernetTypeIPv4, layers.EthernetTypeIPv6,
		layers.EthernetTypeTransparentEthernetBridging
	const ipip, in6, isGRE, isUDP = layers.IPProtocolIPv4, layers.IPProtocolIPv6, layers.IPProtocolGRE,
		layers.IPProtocolUDP
	gre := func(of layers.EthernetType) *layers.GRE { return &layers.GRE{Protocol: of} }
	vxlan := func(m maker) *layers.VXLAN { return &layers.VXLAN{ValidIDFlag: true, VNI: m.Uint32() >> 8} }
	mpls := func(m maker, bottom bool) *layers.MPLS {
		return &layers.MPLS{Label: 16 + m.Uint32()>>13, StackBottom: bottom, TTL: 64}
	}
	gtp := func(m maker) *layers.GTPv1U {
		return &layers.GTPv1U{Version: 1, ProtocolType: 1, MessageType: 255, TEID: m.Uint32(), MessageLength: 0}
	}
	session := func(m maker) *layers.PPPoE {
		return &layers.PPPoE{Version: 1, Type: 1, Code: layers.PPPoECodeSession, SessionId: uint16(m.Uint32())}
	}
	return []kind{
		{"IPIP", "", 1, func(m maker) []any { return []any{m.ether(v4), m.ip4(ipip), m.client()} }},
		{"6in4", "", 1, func(m maker) []any { return []any{m.ether(v4), m.ip4(in6), m.client6()} }},
		{"4in6", "", 1, func(m maker) []any { return []any{m.ether(v6), m.ip6(ipip), m.client()} }},
		{"6in6", "", 1, func(m maker) []any { return []any{m.ether(v6), m.ip6(in6), m.client6()} }},
		{"IPIP twice", "", 2, func(m maker) []any { return []any{m.ether(v4), m.ip4(ipip), m.ip4(ipip), m.client()} }},
		{"GRE", "", 1, func(m maker) []any { return []any{m.ether(v4), m.ip4(isGRE), gre(v4), m.client()} }},
		{"GRE IPv6", "", 1, func(m maker) []any { return []any{m.ether(v4), m.ip4(isGRE), gre(v6), m.client6()} }},
		{"GRE over IPv6", "", 1, func(m maker) []any { return []any{m.ether(v6), m.ip6(isGRE), gre(v4), m.client()} }},
		{"GRE key", "", 1, func(m maker) []any {
			return []any{m.ether(v4), m.ip4(isGRE), &layers.GRE{Protocol: v4, KeyPresent: true, Key: m.Uint32()},
				m.client()}
		}},
		{"GRE everything", "", 1, func(m maker) []any {
			g := &layers.GRE{Protocol: v4, ChecksumPresent: true, KeyPresent: true, SeqPresent: true,
				Key: m.Uint32(), Seq: m.Uint32()}
			return []any{m.ether(v4), m.ip4(isGRE), g, m.client()}
		}},
		{"GRE Ethernet", "", 1, func(m maker) []any {
			return []any{m.ether(v4), m.ip4(isGRE), gre(bridged),
				m.ether(v4), m.client()}
		}},
		{"GRE tagged Ethernet", "", 1, func(m maker) []any {
			tag := &layers.Dot1Q{VLANIdentifier: 7, Type: v4}
			return []any{m.ether(v4), m.ip4(isGRE), gre(bridged), m.ether(layers.EthernetTypeDot1Q), tag, m.client()}
		}},
		{"GRE MPLS", "", 1, func(m maker) []any {
			return []any{m.ether(v4), m.ip4(isGRE), gre(layers.EthernetTypeMPLSUnicast), mpls(m, false),
				mpls(m, true), m.client()}
		}},
		{"VXLAN", "", 1, func(m maker) []any {
			return []any{m.ether(v4), m.ip4(isUDP), m.udpTo(4789), vxlan(m), m.ether(v4), m.client()}
		}},
		{"VXLAN over IPv6", "", 1, func(m maker) []any {
			return []any{m.ether(v6), m.ip6(isUDP), m.udpTo(4789), vxlan(m), m.ether(v6), m.client6()}
		}},
		{"VXLAN in IPIP", "", 2, func(m maker) []any {
			return []any{m.ether(v4), m.ip4(ipip), m.ip4(isUDP), m.udpTo(4789), vxlan(m), m.ether(v4), m.client()}
		}},
		{"Geneve", "", 1, func(m maker) []any {
			return []any{m.ether(v4), m.ip4(isUDP), m.udpTo(6081), &layers.Geneve{Protocol: bridged, VNI: 7},
				m.ether(v4), m.client()}
		}},
		{"Geneve IPv4", "", 1, func(m maker) []any {
			return []any{m.ether(v4), m.ip4(isUDP), m.udpTo(6081), &layers.Geneve{Protocol: v4, VNI: 7}, m.client()}
		}},
		{"GTP-U", "", 1, func(m maker) []any {
			return []any{m.ether(v4), m.ip4(isUDP), m.udpTo(2152), gtp(m),
				m.client()}
		}},
		{"GTP-U with extensions", "", 1, func(m maker) []any {
			g := gtp(m)
			g.ExtensionHeaderFlag, g.GTPExtensionHeaders = true,
				[]layers.GTPExtensionHeader{{Type: 0x85, Content: []byte{0, 9}}}
			return []any{m.ether(v4), m.ip4(isUDP), m.udpTo(2152), g, m.client()}
		}},
		{"MPLS over UDP", overUDP, 1, func(m maker) []any {
			return []any{m.ether(v4), m.ip4(isUDP), m.udpTo(6635),
				mpls(m, true), m.client()}
		}},
		{"MPLS", "", 0, func(m maker) []any {
			return []any{m.ether(layers.EthernetTypeMPLSUnicast), mpls(m, false), mpls(m, true), m.client()}
		}},
		{"pseudo-wire", control, 0, func(m maker) []any {
			return []any{m.ether(layers.EthernetTypeMPLSUnicast), mpls(m, true), gopacket.Payload(make([]byte, 4)),
				m.ether(v4), m.client()}
		}},
		{"PPPoE", "", 0, func(m maker) []any {
			return []any{m.ether(layers.EthernetTypePPPoESession), session(m),
				&layers.PPP{PPPType: layers.PPPTypeIPv4}, m.client()}
		}},
		{"PPPoE IPv6", "", 0, func(m maker) []any {
			return []any{m.ether(layers.EthernetTypePPPoESession), session(m),
				&layers.PPP{PPPType: layers.PPPTypeIPv6}, m.client6()}
		}},
		{"QinQ", "", 0, func(m maker) []any {
			outer, inner := &layers.Dot1Q{VLANIdentifier: 7, Type: layers.EthernetTypeDot1Q},
				&layers.Dot1Q{VLANIdentifier: 8, Type: v4}
			return []any{m.ether(layers.EthernetTypeQinQ), outer, inner, m.client()}
		}},
	}
}

// frame returns one packet of a kind.
func (m maker) frame(k kind) []byte {
	var stack []gopacket.SerializableLayer
	for _, part := range k.build(m) {
		switch part := part.(type) {
		case gopacket.SerializableLayer:
			stack = append(stack, part)
		case []gopacket.SerializableLayer:
			stack = append(stack, part...)
		default:
			require.Failf(m.t, "not a layer", "%T", part)
		}
	}
	var network gopacket.NetworkLayer
	for _, l := range stack {
		if n, ok := l.(gopacket.NetworkLayer); ok {
			network = n
		}
		if c, ok := l.(interface {
			SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
		}); ok {
			require.NoError(m.t, c.SetNetworkLayerForChecksum(network))
		}
	}
	stack = append(stack, gopacket.Payload(m.bytes(1+m.IntN(64))))
	b := gopacket.NewSerializeBuffer()
	require.NoError(m.t, gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, stack...))
	return fixGTP(slices.Clone(b.Bytes()))
}

// fixGTP sets the length of GTP-U, which gopacket does not set.
func fixGTP(frame []byte) []byte {
	if len(frame) > 50 && frame[12] == 8 && frame[13] == 0 && frame[23] == 17 &&
		binary.BigEndian.Uint16(frame[36:]) == 2152 {
		binary.BigEndian.PutUint16(frame[44:], uint16(len(frame)-50))
	}
	return frame
}

// Both parsers agree on tunnels of every kind, written to a capture and read
// back.
func TestCapturesOfTunnels(t *testing.T) {
	m := maker{rand.New(rand.NewPCG(1, 2)), t}
	all := kinds()
	assert.GreaterOrEqual(t, len(all), 20)
	for _, k := range all {
		t.Run(k.name, func(t *testing.T) {
			var file bytes.Buffer
			w := pcapgo.NewWriter(&file)
			require.NoError(t, w.WriteFileHeader(65535, layers.LinkTypeEthernet))
			for range 200 {
				frame := m.frame(k)
				info := gopacket.CaptureInfo{Timestamp: time.Unix(1, 0), CaptureLength: len(frame), Length: len(frame)}
				require.NoError(t, w.WritePacket(info, frame))
			}
			read, err := frames(file.Bytes())
			require.NoError(t, err)
			require.Len(t, read, 200)
			for _, frame := range read {
				require.Equal(t, k.difference, compare(t, frame), "%x", frame)
				var h hash.Headers
				require.NoError(t, hash.Parse(frame, &h))
				require.NoError(t, h.InnerErr())
				require.EqualValues(t, k.tunnels, h.Tunnels)
				require.NotZero(t, h.Inner.Dst().Port(), "the innermost flow has ports")
			}
		})
	}
}
