// Package byhand is what a good engineer wires by hand in the place of an
// engine: the strongest peer of one, since it does no more than it must.
package byhand

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
	"github.com/dgryski/go-maglev"
	"github.com/puzpuzpuz/xsync/v4"
)

// burst is how many frames a forwarder takes at a time.
const burst = 64

// A Hop is a member, and how frames reach it.
type Hop struct {
	ID       string
	Src, Dst [6]byte
	Output   uint16
}

// A Forwarder does for plain IPv4 what an engine does: it parses by offsets,
// hashes by XXH64, remembers by xsync, chooses by go-maglev, rewrites MAC
// addresses, TTL and checksum, counts, and says what it decided. It has no
// routes, no states and no timeouts.
type Forwarder struct {
	flows     *xsync.Map[uint64, int32]
	table     *maglev.Table
	hops      []Hop
	traffic   [][2]uint64
	decisions [burst]decision
	key       Key
}

type decision struct {
	hop     *Hop
	verdict uint8
}

// NewForwarder returns a forwarder with room for so many flows. Outputs are
// numbered from 0.
func NewForwarder(hops []Hop, flows int) *Forwarder {
	var ids []string
	for _, h := range hops {
		ids = append(ids, h.ID)
	}
	return &Forwarder{
		flows: xsync.NewMap[uint64, int32](xsync.WithPresize(flows * 4 / 3)), table: maglev.New(ids, maglev.SmallM),
		hops: hops, traffic: make([][2]uint64, len(hops)),
	}
}

// Forward returns how many frames were of flows that it knew.
func (p *Forwarder) Forward(frames [][]byte) (known int) {
	for len(frames) > 0 {
		list := frames[:min(burst, len(frames))]
		frames = frames[len(list):]
		for i, f := range list {
			if !ParseIPv4(f, &p.key) || f[22] <= 1 {
				panic("a frame that is not plain")
			}
			digest := xxhash.Sum64(p.key[:FlowSize])
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
			p.decisions[i] = decision{h, 0}
		}
	}
	return known
}

// Forget forgets all flows.
func (p *Forwarder) Forget() { p.flows.Clear() }
