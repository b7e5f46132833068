package engine

import (
	"encoding/binary"
	"net"
	"slices"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"
)

// A host is one end of the conversations in these tests, with an address of
// each version.
type host struct{ v4, v6 net.IP }

var (
	client = host{net.IP{198, 51, 100, 7}, net.ParseIP("2001:db8:c::7")}
	router = host{net.IP{203, 0, 113, 1}, net.ParseIP("2001:db8:f::1")}
	vip    = host{net.IP{172, 16, 0, 20}, net.ParseIP("2001:db8:ac10::14")}
)

// frameOf returns a frame with what follows IP, whose first layer has the
// protocol proto.
func frameOf(t testing.TB, v6 bool, src, dst host, proto layers.IPProtocol, rest ...gopacket.SerializableLayer) []byte {
	t.Helper()
	ethernet := &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 7}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}}
	var ip interface {
		gopacket.SerializableLayer
		gopacket.NetworkLayer
	}
	if v6 {
		ethernet.EthernetType = layers.EthernetTypeIPv6
		ip = &layers.IPv6{Version: 6, HopLimit: 63, SrcIP: src.v6, DstIP: dst.v6, NextHeader: proto}
	} else {
		ethernet.EthernetType = layers.EthernetTypeIPv4
		ip = &layers.IPv4{Version: 4, TTL: 63, SrcIP: src.v4, DstIP: dst.v4, Protocol: proto}
	}
	for _, l := range rest {
		if l, ok := l.(interface {
			SetNetworkLayerForChecksum(l gopacket.NetworkLayer) error
		}); ok {
			require.NoError(t, l.SetNetworkLayerForChecksum(ip))
		}
	}
	return serialized(t, append([]gopacket.SerializableLayer{ethernet, ip}, rest...)...)
}

func serialized(t testing.TB, list ...gopacket.SerializableLayer) []byte {
	t.Helper()
	b := gopacket.NewSerializeBuffer()
	require.NoError(t, gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true,
		ComputeChecksums: true}, list...))
	return b.Bytes()
}

// tooBig returns the error by which a router says that a packet, an Ethernet
// frame here, is too big for a link of its own.
func tooBig(t testing.TB, v6 bool, dst host, frame []byte) []byte {
	t.Helper()
	cited := gopacket.Payload(frame[14:])
	if v6 {
		icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypePacketTooBig, 0)}
		return frameOf(t, v6, router, dst, layers.IPProtocolICMPv6, icmp, append(gopacket.Payload{0, 0, 5, 0},
			cited...))
	}
	icmp := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeDestinationUnreachable,
		layers.ICMPv4CodeFragmentationNeeded)}
	return frameOf(t, v6, router, dst, layers.IPProtocolICMPv4, icmp, cited)
}

// fragmented cuts the packet of a frame into fragments with size bytes each, a
// multiple of 8, but for the last.
func fragmented(frame []byte, id uint32, size int) (fragments [][]byte) {
	v6 := frame[12] == 0x86
	start := 14 + ipv4Size
	if v6 {
		start = 14 + ipv6Size
	}
	payload := frame[start:]
	for at := 0; at < len(payload); at += size {
		part := payload[at:min(at+size, len(payload))]
		more := uint16(0)
		if at+size < len(payload) {
			more = 1
		}
		f := slices.Clone(frame[:start])
		if v6 {
			f = append(f, f[14+6], 0)
			f[14+6] = byte(layers.IPProtocolIPv6Fragment)
			f = binary.BigEndian.AppendUint16(f, uint16(at)|more)
			f = binary.BigEndian.AppendUint32(f, id)
			binary.BigEndian.PutUint16(f[14+4:], uint16(8+len(part)))
		} else {
			ip := f[14:]
			binary.BigEndian.PutUint16(ip[2:], uint16(ipv4Size+len(part)))
			binary.BigEndian.PutUint16(ip[4:], uint16(id))
			binary.BigEndian.PutUint16(ip[6:], uint16(at/8)|more<<13)
			binary.BigEndian.PutUint16(ip[10:], 0)
			binary.BigEndian.PutUint16(ip[10:], checksum(ip[:ipv4Size]))
		}
		fragments = append(fragments, append(f, part...))
	}
	return fragments
}
