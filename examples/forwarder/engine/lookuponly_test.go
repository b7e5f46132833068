package engine

import (
	"net"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
)

// A router between service and client says that a packet from the service is too big. The error goes to the member that sent the
// packet, which the client's flow is pinned to, though by now the group would place the flow elsewhere.
func TestICMPErrorsFollowTheirFlow(t *testing.T) {
	client, vip := net.IP{198, 51, 100, 7}, net.IP{172, 16, 0, 20}
	p := newPlane(t, true, nil)
	_, err := p.group.Update(hops("pod1"))
	require.NoError(t, err)
	w := NewWorker(p.Config)
	got := make([]Decision, 1)
	moved := 0
	for port := range layers.TCPPort(50) {
		tcp := &layers.TCP{SrcPort: 1000 + port, DstPort: 443, SYN: true, DataOffset: 5}
		w.Burst(got, [][]byte{ipv4(t, client, vip, layers.IPProtocolTCP, tcp)}, 0)
		require.Equal(t, Decision{Hop: got[0].Hop, Verdict: flowcache.Placed}, got[0])
	}
	_, err = p.group.Update(hops("pod1", "pod2", "pod3"))
	require.NoError(t, err)
	for port := range layers.TCPPort(50) {
		reply := &layers.TCP{SrcPort: 443, DstPort: 1000 + port, ACK: true, DataOffset: 5}
		cited := ipv4(t, vip, client, layers.IPProtocolTCP, reply)[14:]
		tooBig := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 4)}
		w.Burst(got, [][]byte{ipv4(t, net.IP{203, 0, 113, 1}, vip, layers.IPProtocolICMPv4, tooBig, gopacket.Payload(cited))}, 0)
		assert.Equal(t, "pod1", got[0].Hop.ID)
		assert.Equal(t, flowcache.Pinned, got[0].Verdict)

		other := &layers.TCP{SrcPort: 5000 + port, DstPort: 443, SYN: true, DataOffset: 5}
		w.Burst(got, [][]byte{ipv4(t, client, vip, layers.IPProtocolTCP, other)}, 0)
		if got[0].Hop.ID != "pod1" {
			moved++
		}
	}
	assert.Positive(t, moved, "the group places new flows elsewhere")
}

func ipv4(t *testing.T, src, dst net.IP, proto layers.IPProtocol, rest ...gopacket.SerializableLayer) []byte {
	t.Helper()
	ip := &layers.IPv4{Version: 4, TTL: 64, SrcIP: src, DstIP: dst, Protocol: proto}
	list := []gopacket.SerializableLayer{
		&layers.Ethernet{SrcMAC: make(net.HardwareAddr, 6), DstMAC: make(net.HardwareAddr, 6), EthernetType: layers.EthernetTypeIPv4}, ip,
	}
	for _, l := range rest {
		if tcp, ok := l.(*layers.TCP); ok {
			require.NoError(t, tcp.SetNetworkLayerForChecksum(ip))
		}
	}
	b := gopacket.NewSerializeBuffer()
	require.NoError(t, gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, append(list, rest...)...))
	return b.Bytes()
}
