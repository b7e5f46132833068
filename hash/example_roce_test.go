package hash_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/ecmp-go/ecmp/hash"
)

// queuePair is an [hash.Extractor] for RoCEv2: packets to one queue pair of one
// host are a flow, whatever UDP source port the sender draws for them. All
// other packets go by their five-tuple.
type queuePair struct{}

const (
	roceUDPPort = 4791
	udpSize     = 8
	bthSize     = 12 // base transport header
	queuePairAt = 5  // in it: three bytes, the destination queue pair
)

func (queuePair) Extract(h *hash.Headers, packet []byte) hash.FlowKey {
	bth := int(h.L4Offset) + udpSize
	if h.Proto != hash.UDP || h.Outer.Dst().Port() != roceUDPPort || len(packet) < bth+bthSize {
		return hash.FiveTuple.Extract(h, packet)
	}
	qp := binary.BigEndian.Uint32(packet[bth+queuePairAt-1:]) & 0xffffff
	// 24 bits fit into the 32 of both ports.
	return hash.NewFlowKey(hash.UDP,
		netip.AddrPortFrom(h.Outer.Src().Addr(), uint16(qp>>16)),
		netip.AddrPortFrom(h.Outer.Dst().Addr(), uint16(qp)))
}

// rocePacket is an IPv4 packet of RoCEv2.
func rocePacket(srcPort uint16, qp uint32) []byte {
	p := make([]byte, 20+udpSize+bthSize+4)
	copy(p, "\x45\x00\x00\x2c\x00\x00\x40\x00\x40\x11\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02")
	binary.BigEndian.PutUint16(p[20:], srcPort)
	binary.BigEndian.PutUint16(p[22:], roceUDPPort)
	binary.BigEndian.PutUint16(p[24:], udpSize+bthSize+4)
	binary.BigEndian.PutUint32(p[20+udpSize+queuePairAt-1:], qp)
	return p
}

// Extractors see the packet: here the queue pair of RoCEv2, which is in no
// header that Parse knows.
func ExampleExtractor_queuePair() {
	reader := hash.Policy{Extractor: queuePair{}}.Reader()
	flows := make([]hash.Flow, 3)
	reader.ReadIP(flows, [][]byte{rocePacket(49152, 0x11), rocePacket(50000, 0x11), rocePacket(49152, 0x12)})
	fmt.Println("same queue pair:", flows[0].Hash == flows[1].Hash)
	fmt.Println("another one:", flows[0].Hash == flows[2].Hash)
	// Output:
	// same queue pair: true
	// another one: false
}
