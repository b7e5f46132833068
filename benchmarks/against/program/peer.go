package program

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
	"github.com/dgryski/go-maglev"
	"github.com/puzpuzpuz/xsync/v4"
)

// A peer does for plain IPv4 what an engine does, as a good engineer wires it
// by hand: it parses by offsets, hashes by XXH64, remembers by xsync, chooses
// by go-maglev, rewrites MAC addresses, TTL and checksum, counts, and says what
// it decided. It has no routes, no states and no timeouts.
type peer struct {
	flows     *xsync.Map[uint64, int32]
	table     *maglev.Table
	hops      []Hop
	traffic   [][2]uint64
	decisions [Burst]peerDecision
	key       [40]byte
}

type peerDecision struct {
	hop     *Hop
	verdict uint8
}

func newPeer(flows int) *peer {
	p := &peer{hops: services(1)[0].Hops}
	var ids []string
	for _, h := range p.hops {
		ids = append(ids, h.ID)
	}
	p.table = maglev.New(ids, maglev.SmallM)
	p.flows = xsync.NewMap[uint64, int32](xsync.WithPresize(flows * 4 / 3))
	p.traffic = make([][2]uint64, len(p.hops))
	return p
}

// forward returns how many frames were of flows that it knew.
func (p *peer) forward(frames [][]byte) (known int) {
	for len(frames) > 0 {
		burst := frames[:min(Burst, len(frames))]
		frames = frames[len(burst):]
		for i, f := range burst {
			if !parseByHand(f, &p.key) || f[22] <= 1 {
				panic("a frame that is not plain")
			}
			digest := xxhash.Sum64(p.key[:13])
			m, ok := p.flows.Load(digest)
			if ok {
				known++
			} else {
				m = int32(p.table.Lookup(digest))
				p.flows.Store(digest, m)
			}
			h := &p.hops[m]
			copy(f, h.Dst[:])
			copy(f[6:], h.Src[:])
			f[22]--
			sum := uint32(binary.BigEndian.Uint16(f[24:])) + 1<<8
			binary.BigEndian.PutUint16(f[24:], uint16(sum+(sum+1)>>16))
			p.traffic[h.Output][0]++
			p.traffic[h.Output][1] += uint64(len(f))
			p.decisions[i] = peerDecision{h, 0}
		}
	}
	return known
}

// parseByHand reads Ethernet with at most one VLAN tag, whole IPv4 packets and
// the ports of TCP and UDP.
func parseByHand(f []byte, k *[40]byte) bool {
	if len(f) < 34 {
		return false
	}
	off := 14
	t := binary.BigEndian.Uint16(f[12:])
	if t == 0x8100 {
		t = binary.BigEndian.Uint16(f[16:])
		off = 18
	}
	if t != 0x0800 || len(f) < off+24 {
		return false
	}
	ip := f[off:]
	if ip[0]>>4 != 4 {
		return false
	}
	size := int(ip[0]&15) * 4
	if size < 20 || len(ip) < size+4 || binary.BigEndian.Uint16(ip[6:])&0x3fff != 0 {
		return false
	}
	proto := ip[9]
	if proto != 6 && proto != 17 {
		return false
	}
	*k = [40]byte{}
	binary.LittleEndian.PutUint64(k[0:], binary.LittleEndian.Uint64(ip[12:]))
	binary.LittleEndian.PutUint32(k[8:], binary.LittleEndian.Uint32(ip[size:]))
	k[12] = proto
	return true
}

// A handParser finds the flows of frames over IPv6 as plainly as can be.
type handParser struct {
	hashes bool // whether it hashes them, by XXH64
	keys   [Burst][40]byte
}

func (p *handParser) parse(frames [][]byte) (sum uint64) {
	for i, f := range frames {
		k := &p.keys[i%Burst]
		if !parseIPv6ByHand(f, k) {
			panic("a frame that is not plain")
		}
		if p.hashes {
			sum += xxhash.Sum64(k[:])
		} else {
			sum += uint64(k[36])
		}
	}
	return sum
}

// parseIPv6ByHand reads Ethernet with at most one VLAN tag, whole IPv6 packets
// without extension headers, and the ports of TCP and UDP.
func parseIPv6ByHand(f []byte, k *[40]byte) bool {
	if len(f) < 54 {
		return false
	}
	off := 14
	t := binary.BigEndian.Uint16(f[12:])
	if t == 0x8100 {
		t = binary.BigEndian.Uint16(f[16:])
		off = 18
	}
	if t != 0x86dd || len(f) < off+44 {
		return false
	}
	ip := f[off:]
	if ip[0]>>4 != 6 || 40+int(binary.BigEndian.Uint16(ip[4:])) > len(ip) {
		return false
	}
	proto := ip[6]
	if proto != 6 && proto != 17 {
		return false
	}
	copy(k[:32], ip[8:40])
	copy(k[32:36], ip[40:44])
	k[36], k[37] = proto, 0x10
	return true
}
