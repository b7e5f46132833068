package engine

import "github.com/ecmp-go/ecmp/flowcache"

// stateless routes every packet by its group's selector alone, as a router
// without a flow table does.
type stateless struct{}

func (stateless) RouteBatch(dst []flowcache.Route, packets []flowcache.Packet, _ int64) {
	for i := range packets {
		p := &packets[i]
		m := p.View.Select(p.Hash)
		dst[i] = flowcache.Route{Member: int32(m), Verdict: flowcache.Unpinned}
		if m < 0 {
			dst[i].Verdict = flowcache.NoMember
		}
	}
}
