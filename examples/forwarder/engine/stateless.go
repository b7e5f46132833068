package engine

import (
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/selector"
)

// stateless routes every packet by its group's selector alone, as a router
// without a flow table does.
type stateless struct{}

func (stateless) RouteBatch(
	dst []flowcache.Route, packets []flowcache.Packet, views []*selector.View, _ time.Duration,
) {
	for i := range packets {
		p := &packets[i]
		if p.Mode == flowcache.Skip {
			dst[i] = flowcache.Route{Member: -1, Verdict: flowcache.NoMember}
			continue
		}
		v := views[p.Ref]
		m := v.Select(p.Digest ^ v.Salt())
		dst[i] = flowcache.Route{Member: int32(m), Verdict: flowcache.Unpinned}
		if m < 0 {
			dst[i].Verdict = flowcache.NoMember
		}
	}
}
