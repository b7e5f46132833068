package hash_test

import (
	"encoding/binary"
	"fmt"

	"github.com/ecmp-go/ecmp/hash"
)

// serverID is an [hash.Extractor] for QUIC whose servers write an ID of their
// own into the connection IDs that they give out, as in QUIC-LB
// (draft-ietf-quic-load-balancers). Packets with a short header go by that ID,
// whatever address the client has moved to. A server takes an ID whose key its
// selector places on the server itself.
//
// The first packets have a long header and an ID that the client drew: they go
// by their five-tuple, and so does all that is not QUIC.
type serverID struct{}

const (
	quicUDPPort  = 443
	quicLong     = 0x80 // the header is a long one
	quicFixedBit = 0x40
	idAt         = 2 // behind the first byte, and the first one of the connection ID
	idSize       = 4
)

func (serverID) Extract(h *hash.Headers, packet []byte) hash.FlowKey {
	payload := int(h.L4Offset) + 8
	if h.Proto != hash.UDP || h.Outer.Dst().Port() != quicUDPPort || len(packet) < payload+idAt+idSize ||
		packet[payload]&(quicLong|quicFixedBit) != quicFixedBit {
		return hash.FiveTuple.Extract(h, packet)
	}
	id := binary.BigEndian.Uint32(packet[payload+idAt:])
	return hash.FlowKeyFromWords(uint64(id), 0, 0, 0, 0)
}

// quicPacket is an IPv4 packet from client 10.0.0.client:port with a short
// header.
func quicPacket(client byte, port uint16, id uint32) []byte {
	p := make([]byte, 20+8+24)
	copy(p, "\x45\x00\x00\x34\x00\x00\x40\x00\x40\x11\x00\x00\x0a\x00\x00\x00\xc6\x33\x64\x01")
	p[15] = client
	binary.BigEndian.PutUint16(p[20:], port)
	binary.BigEndian.PutUint16(p[22:], quicUDPPort)
	binary.BigEndian.PutUint16(p[24:], 8+24)
	p[28] = quicFixedBit
	binary.BigEndian.PutUint32(p[28+idAt:], id)
	return p
}

// A client changes its address and its port, and its packets still go to the
// server that knows the connection.
func ExampleExtractor_connectionID() {
	policy := hash.Policy{Extractor: serverID{}}
	reader, flows := policy.Reader(), make([]hash.Flow, 3)
	reader.ReadIP(flows, [][]byte{quicPacket(1, 50000, 7), quicPacket(99, 60001, 7), quicPacket(1, 50000, 8)})
	fmt.Println("after migration:", flows[0].Hash == flows[1].Hash)
	fmt.Println("another server:", flows[0].Hash == flows[2].Hash)
	// A server asks where an ID leads to without any packet.
	fmt.Println("the key alone:", flows[0].Hash == policy.Hash(hash.FlowKeyFromWords(7, 0, 0, 0, 0)))
	// Output:
	// after migration: true
	// another server: false
	// the key alone: true
}
