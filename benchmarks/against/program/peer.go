package program

import (
	"github.com/cespare/xxhash/v2"

	"github.com/ecmp-go/ecmp/benchmarks/internal/byhand"
)

// newPeer returns what an engineer wires by hand, for the same service.
func newPeer(flows int) *byhand.Forwarder {
	var hops []byhand.Hop
	for _, h := range services(1)[0].Hops {
		hops = append(hops, byhand.Hop{ID: h.ID, Src: h.Src, Dst: h.Dst, Output: h.Output})
	}
	return byhand.NewForwarder(hops, flows)
}

// A handParser finds the flows of frames over IPv6 as plainly as can be.
type handParser struct {
	hashes bool // whether it hashes them, by XXH64
	keys   [Burst]byhand.Key
}

func (p *handParser) parse(frames [][]byte) (sum uint64) {
	for i, f := range frames {
		k := &p.keys[i%Burst]
		if !byhand.ParseIPv6(f, k) {
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
