package pipeline

import (
	"github.com/cespare/xxhash/v2"
	"github.com/dgryski/go-maglev"
	"github.com/puzpuzpuz/xsync/v4"

	"github.com/ecmp-go/ecmp/benchmarks/internal/byhand"
	"github.com/ecmp-go/ecmp/hash"
)

// A Peer is what others write. All choose the members of new flows by
// go-maglev.
type Peer struct {
	Name string
	New  func(flows int) Pipeline
}

// Peers returns them, the strongest first. All but the last are keyed by a
// digest of the flow, which they make in the time, and no look-up refreshes
// anything, as none of the engine does while its clock stands still.
func Peers() []Peer {
	return []Peer{
		{"byhand+xsync", func(flows int) Pipeline { return &byHand{mapped: newMapped(flows)} }},
		{"byhand+xsync+rewrite", func(flows int) Pipeline {
			var list []byhand.Hop
			for i, h := range hops() {
				list = append(list, byhand.Hop{ID: h.ID, Output: h.Value.Output,
					Src: [6]byte{2, 0, 0, 0, 0, 1}, Dst: [6]byte{2, 1, 0, 0, 0, byte(i)}})
			}
			return byhand.NewForwarder(list, flows)
		}},
		{"parse+mix+xsync", func(flows int) Pipeline {
			return &byParse{mapped: newMapped(flows), mix: hash.NewMix(1)}
		}},
		{"gopacket+phuslu", newPhuslu},
		{"gopacket+otter", newOtter},
	}
}

func maglevTable() *maglev.Table {
	var ids []string
	for _, h := range hops() {
		ids = append(ids, h.ID)
	}
	return maglev.New(ids, maglev.SmallM)
}

// mapped remembers members by xsync.
type mapped struct {
	flows *xsync.Map[uint64, int32]
	table *maglev.Table
	sum   int32
}

func newMapped(flows int) mapped {
	return mapped{flows: xsync.NewMap[uint64, int32](xsync.WithPresize(flows * 4 / 3)), table: maglevTable()}
}

// Forget implements [Pipeline].
func (m *mapped) Forget() { m.flows.Clear() }

// route reports whether the flow was known.
func (m *mapped) route(digest uint64) bool {
	member, ok := m.flows.Load(digest)
	if !ok {
		member = int32(m.table.Lookup(digest))
		m.flows.Store(digest, member)
	}
	m.sum += member
	return ok
}

// byHand parses by offsets and hashes by XXH64.
type byHand struct {
	mapped
	key byhand.Key
}

// Forward implements [Pipeline].
func (p *byHand) Forward(frames [][]byte) (known int) {
	for _, f := range frames {
		if !byhand.ParseIPv4(f, &p.key) {
			panic("a frame that is not plain")
		}
		if p.route(xxhash.Sum64(p.key[:byhand.FlowSize])) {
			known++
		}
	}
	return known
}

// byParse parses and hashes by this library, in bursts.
type byParse struct {
	mapped
	mix     *hash.Mix
	headers [32]hash.Headers
}

// Forward implements [Pipeline].
func (p *byParse) Forward(frames [][]byte) (known int) {
	for len(frames) > 0 {
		burst := frames[:min(len(p.headers), len(frames))]
		frames = frames[len(burst):]
		for i, f := range burst {
			if hash.Parse(f, &p.headers[i]) != nil {
				panic("a sound frame failed")
			}
		}
		for i := range burst {
			if p.route(p.mix.Hash(p.headers[i].Inner)) {
				known++
			}
		}
	}
	return known
}
