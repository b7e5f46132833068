package flowcache_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

const (
	second = time.Second

	// gone is when the pin of an established TCP flow has expired for sure, at
	// the defaults: an eighth and two ticks later.
	gone = 350*time.Second*9/8 + 2*time.Second
)

// A router is what the tests route with: one group, one table and one worker.
type router struct {
	*flowcache.Sticky
	t      *testing.T
	domain *selector.Domain
	group  *selector.Group[string]
	table  *flowcache.Table
	now    time.Duration
}

func newRouter(t *testing.T, c flowcache.Config, ids ...string) *router {
	t.Helper()
	if c.Domain == nil {
		c.Domain = selector.NewDomain()
	}
	if c.Flows == 0 {
		c.Flows = 10_000
	}
	table, err := flowcache.NewTable(c)
	require.NoError(t, err)
	group, err := selector.NewGroup[string](c.Domain, selector.GroupConfig{Name: "vip",
		Strategy: selector.Rendezvous{}})
	require.NoError(t, err)
	r := &router{Sticky: flowcache.NewSticky(table), t: t, domain: c.Domain, group: group, table: table,
		now: 1000 * second}
	r.set(selector.Equal(ids...)...)
	return r
}

func (r *router) set(members ...selector.Member) *selector.View {
	r.t.Helper()
	s, err := r.group.Update(hopsOf(members))
	require.NoError(r.t, err)
	return s.View()
}

func (r *router) view() *selector.View { return r.group.Load().View() }

// tcp routes a TCP packet of the flow and returns its member's ID.
func (r *router) tcp(flow uint64, flags hash.TCPFlags) (string, flowcache.Verdict) {
	return r.send(packet(r.view(), flow, 6, flags))
}

func (r *router) send(p sent) (string, flowcache.Verdict) {
	route := r.Route(p.Packet, p.View, r.now)
	if route.Member < 0 {
		return "", route.Verdict
	}
	return p.View.Member(route.Member).ID, route.Verdict
}

func (r *router) wait(d time.Duration) { r.now += d }

// connect establishes flow and returns its member.
func (r *router) connect(flow uint64) string {
	r.t.Helper()
	member, verdict := r.tcp(flow, hash.SYN)
	require.Equal(r.t, flowcache.Placed, verdict)
	r.expect(flow, hash.ACK, member, flowcache.Pinned)
	return member
}

func (r *router) expect(flow uint64, flags hash.TCPFlags, member string, verdict flowcache.Verdict) {
	r.t.Helper()
	m, v := r.tcp(flow, flags)
	require.Equal(r.t, verdict, v)
	require.Equal(r.t, member, m)
}

// sent is a packet and the view that it is routed by.
type sent struct {
	flowcache.Packet
	View *selector.View
}

// burst returns packets of one view.
func burst(list []sent) (packets []flowcache.Packet, views []*selector.View) {
	for _, p := range list {
		packets, views = append(packets, p.Packet), []*selector.View{p.View}
	}
	return packets, views
}

// hash is what a selector sees of the packet's flow.
func (p *sent) hash() uint64 { return p.Digest ^ p.View.Salt() }

func packet(v *selector.View, flow uint64, proto uint8, flags hash.TCPFlags) sent {
	return sent{flowcache.NewPacket(&hash.Flow{Hash: mix(flow), Proto: proto, Flags: flags}, v.Salt(), 0), v}
}

func mix(x uint64) uint64 {
	return rand.New(rand.NewPCG(x, 1)).Uint64()
}
