package suite

import (
	"fmt"
	"math/rand/v2"
	"net"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/ecmp-go/ecmp/hash"
)

const frameCount = 4096

// Parse is the headers of frames.
func Parse() Suite {
	return Suite{
		Name:    "Parse",
		Layouts: true,
		Cases: func(Size) (cases []Case) {
			for _, kind := range []string{"tcp4", "udp4", "tcp6", "vlan-tcp4", "vxlan-tcp4", "mixed"} {
				for _, impl := range []struct {
					name string
					pass func([][]byte) func()
				}{{"ecmp", parse}, {"gopacket", decode}, {"gopacket-lazy", decodeLazily}} {
					cases = append(cases, Case{fmt.Sprintf("frames=%s/impl=%s", kind, impl.name),
						func() (*Work, error) {
							f, err := frames(kind)
							return &Work{Items: len(f), Pass: impl.pass(f)}, err
						}})
				}
			}
			return cases
		},
	}
}

func parse(frames [][]byte) func() {
	headers := make([]hash.Headers, 32)
	return func() {
		for i, f := range frames {
			if hash.Parse(f, &headers[i&31]) != nil {
				panic("a sound frame failed")
			}
		}
	}
}

func decode(frames [][]byte) func() {
	p := gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, new(layers.Ethernet), new(layers.Dot1Q),
		new(layers.IPv4), new(layers.IPv6),
		new(layers.TCP), new(layers.UDP), new(layers.VXLAN), new(gopacket.Payload))
	p.IgnoreUnsupported = true
	decoded := make([]gopacket.LayerType, 0, 16)
	return func() {
		for _, f := range frames {
			if p.DecodeLayers(f, &decoded) != nil {
				panic("a sound frame failed")
			}
		}
	}
}

func decodeLazily(frames [][]byte) func() {
	return func() {
		for _, f := range frames {
			p := gopacket.NewPacket(f, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
			if p.NetworkLayer() == nil || p.TransportLayer() == nil {
				panic("a sound frame failed")
			}
		}
	}
}

// frames returns frames of random flows, in random order where kinds are mixed.
func frames(kind string) ([][]byte, error) {
	r := rand.New(rand.NewPCG(5, 6))
	all := make([][]byte, frameCount)
	for i := range all {
		k := kind
		if k == "mixed" {
			k = []string{"tcp4", "udp4", "tcp6", "vlan-tcp4"}[r.IntN(4)]
		}
		buffer := gopacket.NewSerializeBuffer()
		if err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true},
			stack(r, k)...); err != nil {
			return nil, err
		}
		all[i] = buffer.Bytes()
	}
	return all, nil
}

func stack(r *rand.Rand, kind string) []gopacket.SerializableLayer {
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	ethernet := func(t layers.EthernetType) *layers.Ethernet {
		return &layers.Ethernet{SrcMAC: mac, DstMAC: mac, EthernetType: t}
	}
	ip4 := func(p layers.IPProtocol) *layers.IPv4 {
		return &layers.IPv4{Version: 4, TTL: 64, Protocol: p, SrcIP: randomIP(r, 4), DstIP: randomIP(r, 4)}
	}
	tcp := &layers.TCP{SrcPort: layers.TCPPort(r.Uint32()), DstPort: 443, ACK: true, Seq: r.Uint32()}
	payload := gopacket.Payload(make([]byte, 32))
	switch kind {
	case "udp4":
		return []gopacket.SerializableLayer{ethernet(layers.EthernetTypeIPv4), ip4(layers.IPProtocolUDP),
			&layers.UDP{SrcPort: layers.UDPPort(r.Uint32()), DstPort: 443}, payload}
	case "tcp6":
		return []gopacket.SerializableLayer{ethernet(layers.EthernetTypeIPv6),
			&layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP, SrcIP: randomIP(r, 16),
				DstIP: randomIP(r, 16)}, tcp, payload}
	case "vlan-tcp4":
		return []gopacket.SerializableLayer{ethernet(layers.EthernetTypeDot1Q), &layers.Dot1Q{VLANIdentifier: 7,
			Type: layers.EthernetTypeIPv4},
			ip4(layers.IPProtocolTCP), tcp, payload}
	case "vxlan-tcp4":
		return []gopacket.SerializableLayer{ethernet(layers.EthernetTypeIPv4), ip4(layers.IPProtocolUDP),
			&layers.UDP{SrcPort: layers.UDPPort(r.Uint32()), DstPort: 4789}, &layers.VXLAN{ValidIDFlag: true, VNI: 1},
			ethernet(layers.EthernetTypeIPv4), ip4(layers.IPProtocolTCP), tcp, payload}
	default:
		return []gopacket.SerializableLayer{ethernet(layers.EthernetTypeIPv4), ip4(layers.IPProtocolTCP), tcp, payload}
	}
}

func randomIP(r *rand.Rand, n int) net.IP {
	ip := make(net.IP, n)
	for i := range ip {
		ip[i] = byte(r.Uint32())
	}
	ip[0] = 0x20 // unicast in both families
	return ip
}
