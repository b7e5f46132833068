package program

import (
	"fmt"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/internal/golden/sticky"
	"github.com/ecmp-go/ecmp/selector"
)

// A modelled router routes over a flow table with room for all flows, and holds
// every route to the slow model of the table.
type modelled struct {
	sticky *flowcache.Sticky
	model  *sticky.Model
	routes int
	err    error // the first route that the model would not have given
}

// over makes m the router over a table, if it is one of the library as it
// stands. Else it returns nil.
func (m *modelled) over(table any) any {
	t, ok := table.(*flowcache.Table)
	if !ok {
		return nil
	}
	m.sticky, m.model = flowcache.NewSticky(t), sticky.New(t.Config())
	return m
}

// RouteBatch implements engine.Router.
func (m *modelled) RouteBatch(
	dst []flowcache.Route, packets []flowcache.Packet, views []*selector.View, now time.Duration,
) {
	m.sticky.RouteBatch(dst, packets, views, now)
	for i := range packets {
		p := &packets[i]
		if p.Mode == flowcache.Skip {
			continue
		}
		m.routes++
		if want := m.model.Route(p, views[p.Ref], now); dst[i] != want && m.err == nil {
			m.err = fmt.Errorf("packet %+v at %v: routed as %v, by the model as %v", *p, now, dst[i], want)
		}
	}
}
