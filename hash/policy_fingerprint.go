package hash

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Fingerprint returns a digest of all that the hashes of packets depend on: the
// fields, whether the key is symmetric, the hashers with their seeds, and the
// ports of tunnels. Routers whose fingerprints are equal hash packets alike, on
// every architecture, as far as an Extractor or Hasher from elsewhere can be
// told by 256 packets; unequal ones may still do so. With an equal fingerprint
// of their groups they also place flows alike. It is what a flow table is saved
// with and checked against.
//
// Who knows the fingerprint can try seeds against it. That finds one of 64
// random bits no sooner than the hashes do, and a small number at once.
//
// It takes some 20 microseconds, and allocates.
func (p Policy) Fingerprint() uint64 {
	packets := fingerprintPackets()
	flows := make([]Flow, len(packets))
	p.Reader().ReadIP(flows, packets)
	digest := xxhash.New()
	var word [8]byte
	add := func(w uint64) {
		binary.LittleEndian.PutUint64(word[:], w)
		digest.Write(word[:]) //nolint:errcheck // it has none
	}
	for _, f := range flows {
		add(f.Hash)
	}
	for _, port := range p.Ports.orDefault().all() {
		add(uint64(port.layer)<<16 | uint64(port.number))
	}
	return digest.Sum64()
}

type tunnelPort struct {
	number uint16
	layer  Layer
}

// all returns the ports in order.
func (t *portTable) all() []tunnelPort {
	var list []tunnelPort
	for at, layer := range t.layers {
		if layer != 0 {
			list = append(list, tunnelPort{t.ports[at], layer})
		}
	}
	slices.SortFunc(list, func(a, b tunnelPort) int { return cmp.Compare(a.number, b.number) })
	return list
}

// fingerprintPackets returns 256 packets, each of another flow: every field
// that can count differs, and half of them go in the direction that is not the
// canonical one.
func fingerprintPackets() [][]byte {
	next := uint64(0)
	drawn := func(n int) []byte { // bytes of SplitMix64, seed 0
		b := make([]byte, 0, 8*(n+7)/8)
		for len(b) < n {
			next += 0x9e3779b97f4a7c15
			w := (next ^ next>>30) * 0xbf58476d1ce4e5b9
			w = (w ^ w>>27) * 0x94d049bb133111eb
			b = binary.LittleEndian.AppendUint64(b, w^w>>31)
		}
		return b[:n]
	}
	ipv4 := func(proto uint8, payload []byte) []byte {
		b := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, proto, 0, 0}
		binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload)))
		return slices.Concat(b, drawn(8), payload)
	}
	ipv6 := func(proto uint8, payload []byte) []byte {
		b := append([]byte{0x60, 0}, drawn(2)...) // 16 bits of the flow label
		b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
		return slices.Concat(b, []byte{proto, 64}, drawn(32), payload)
	}
	tcp := func() []byte { return slices.Concat(drawn(12), []byte{0x50, uint8(ACK)}, make([]byte, 6)) }
	udp := func(port uint16, payload []byte) []byte {
		b := binary.BigEndian.AppendUint16(drawn(2), port)
		b = binary.BigEndian.AppendUint16(b, uint16(8+len(payload)))
		return slices.Concat(b, []byte{0, 0}, payload)
	}
	echo := func() []byte { return slices.Concat([]byte{8, 0, 0, 0}, drawn(4)) }
	unreachable := func(cited []byte) []byte { return slices.Concat([]byte{3, 1}, make([]byte, 6), cited) }
	vxlan := func(inner []byte) []byte {
		return slices.Concat([]byte{8, 0, 0, 0}, drawn(3), []byte{0}, drawn(12), []byte{8, 0}, inner)
	}
	var packets [][]byte
	for len(packets) < 256 {
		packets = append(packets,
			ipv4(TCP, tcp()),
			ipv6(TCP, tcp()),
			ipv4(UDP, udp(53, nil)),
			ipv6(UDP, udp(443, drawn(32))),
			ipv4(UDP, udp(4789, vxlan(ipv4(TCP, tcp())))),
			ipv4(ESP, drawn(24)),
			ipv4(ICMP, echo()),
			ipv4(ICMP, unreachable(ipv4(TCP, tcp()))),
		)
	}
	return packets
}
