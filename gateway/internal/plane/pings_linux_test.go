package plane

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/testbed"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// Which addresses' pings are answered: single ones of the gateway's own, whose
// ICMP no service has.
func TestPinged(t *testing.T) {
	domain := selector.NewDomain()
	group := func() *engine.Group {
		g, err := selector.NewGroup[engine.Adjacency](domain, selector.GroupConfig{Strategy: selector.Maglev{}})
		require.NoError(t, err)
		return g
	}
	of := func(prefixes ...string) (list []netip.Prefix) {
		for _, p := range prefixes {
			list = append(list, netip.MustParsePrefix(p))
		}
		return list
	}
	web, rest := group(), group()
	p := newPings([]Service{
		{Group: web, Own: true, Prefixes: of("10.0.0.1/32", "fd00::1/128"), Protocol: hash.TCP,
			Ports: []PortRange{{80, 80}, {443, 443}}},
		{Group: rest, Own: true, Prefixes: of("10.0.0.1/32", "10.0.0.0/24", "fd00::/64", "0.0.0.0/0")},
		{Group: group(), Prefixes: of("10.0.0.2/32", "fd00::2/128")}, // learned
		{Group: group(), Own: true, Prefixes: of("10.0.0.3/32", "fd00::3/128"), Protocol: hash.TCP},
		{Group: group(), Own: true, Prefixes: of("10.0.0.3/32", "fd00::3/128"), Protocol: hash.ICMP},
	})
	assert.Equal(t, pings{
		netip.MustParseAddr("10.0.0.1"): {[]*engine.Group{rest, web}},
		netip.MustParseAddr("fd00::1"):  {[]*engine.Group{web}},
	}, p)
	serving, ok := p[netip.MustParseAddr("10.0.0.1")].serving()
	assert.False(t, ok)
	assert.Same(t, rest, serving)
	_, err := web.Update(testbed.Hops(1))
	require.NoError(t, err)
	serving, ok = p[netip.MustParseAddr("10.0.0.1")].serving()
	assert.True(t, ok)
	assert.Same(t, web, serving)
}

// A deck is a lane whose frames are dealt by the test, which sees what is made
// of them.
type deck struct {
	script
	decisions []engine.Decision
	replies   [][]byte
	losses    losses
}

func (d *deck) receive(time.Duration) ([][]byte, error) { return d.frames, nil }
func (d *deck) lost() *losses                           { return &d.losses }
func (d *deck) segment(i int) int                       { return len(d.frames[i]) }

func (d *deck) send(decisions []engine.Decision, reply func(int) []byte) {
	d.decisions, d.replies = slices.Clone(decisions), nil
	for i := range decisions {
		var r []byte
		if decisions[i].Drop == engine.Answered {
			r = slices.Clone(reply(i))
		}
		d.replies = append(d.replies, r)
	}
}

// Pings are taken out of a burst, and each of its other frames has its own
// decision and reply, wherever it stands among them.
func TestPingsAmongOthers(t *testing.T) {
	domain := selector.NewDomain()
	g, err := selector.NewGroup[engine.Adjacency](domain, selector.GroupConfig{
		Name: "web", Strategy: selector.Maglev{},
	})
	require.NoError(t, err)
	services := []Service{{Group: g, Own: true, Prefixes: testbed.Prefixes()}}
	routing, err := NewRouting(services, 1)
	require.NoError(t, err)
	table, err := flowcache.NewTable(flowcache.Config{Domain: domain, Flows: 1000})
	require.NoError(t, err)
	d := &deck{losses: newLosses()}
	c := ICMP{Pings: 4, Rate: 100, From: []netip.Addr{netip.MustParseAddr("10.9.0.1")}}
	w := newWorker(d, engine.NewWorker(engine.Config{Routes: new(engine.Routes), Flows: table, Reset: true}), c)
	routing.Apply(w.engine)
	w.answers.serve(routing.pings, groupsBut(services))
	tcp := func() []byte {
		f := datagram(5)
		f[14+9], f[14+20+12], f[14+20+13] = hash.TCP, 5<<4, byte(hash.ACK)
		return f
	}
	expired := func() []byte { f := datagram(6); f[14+8] = 1; return f }
	other := func() []byte { f := pingOf(1); f[14+19]++; return f } // a ping of nobody
	now := int64(0)
	deal := func(frames ...[]byte) {
		for i, f := range frames { // with room for an error, as lanes have it
			frames[i] = append(make([]byte, 0, 2048), f...)
		}
		d.frames = frames
		require.NoError(t, w.burst(func() int64 { return now }))
	}
	proto := func(i int) byte { return d.replies[i][14+9] }
	at := func(i int) byte { return d.replies[i][14+20] } // the type of a message

	_, err = g.Update(testbed.Hops(1))
	require.NoError(t, err)
	deal(tcp())
	require.Equal(t, uint16(1), d.decisions[0].Hop.Output)
	_, err = g.Update(testbed.Hops(2))
	require.NoError(t, err)

	deal(pingOf(1), tcp(), other(), pingOf(2), datagram(7), expired(), pingOf(3))
	for _, i := range []int{0, 3, 6} {
		assert.EqualValues(t, protocolICMP4, proto(i), i)
		assert.EqualValues(t, reply4, at(i), i)
		assert.Equal(t, byte(i/3+1), d.replies[i][14+20+7], "its own number")
	}
	assert.EqualValues(t, hash.TCP, proto(1), "a reset")
	assert.Equal(t, engine.NoRoute, d.decisions[2].Drop)
	assert.Equal(t, uint16(2), d.decisions[4].Hop.Output)
	assert.EqualValues(t, protocolICMP4, proto(5))
	assert.EqualValues(t, 11, at(5), "time exceeded")
	counters := newCounters()
	w.addTo(&counters, map[uint16]struct{}{1: {}, 2: {}})
	assert.EqualValues(t, 4, counters.In.Frames, "pings that are answered are no traffic of services")
	assert.EqualValues(t, 1, counters.NotForService.Frames)
	assertConserved(t, counters)

	// Over the rate, and where nothing serves.
	deal(pingOf(4), datagram(7), pingOf(5))
	assert.Equal(t, []engine.Drop{engine.Answered, 0, engine.NoMember},
		[]engine.Drop{d.decisions[0].Drop, d.decisions[1].Drop, d.decisions[2].Drop})
	_, err = g.Update(nil)
	require.NoError(t, err)
	now = int64(time.Hour)
	deal(pingOf(6), pingOf(7))
	counters = newCounters()
	w.addTo(&counters, map[uint16]struct{}{1: {}, 2: {}})
	want := Drops{tooManyPings: 1, engine.NoMember.String(): 2}
	delete(counters.ServiceDrops[g], engine.Answered.String())
	delete(counters.ServiceDrops[g], engine.Expired.String())
	assert.Equal(t, want, counters.ServiceDrops[g])
	assertConserved(t, counters)

	// What was of a service that is gone is still in the sum.
	before := counters.Dropped
	w.answers.serve(nil, groupsBut(nil))
	counters = newCounters()
	w.addTo(&counters, map[uint16]struct{}{1: {}, 2: {}})
	assert.Equal(t, before, counters.Dropped)
	for reason := range want {
		assert.NotContains(t, counters.ServiceDrops[g], reason)
	}
}

// Who pings a service gets no pin, and keeps none alive: neither a flow of its
// own, nor the affinity of a client. A drain of the member ends.
func TestPingsPinNothing(t *testing.T) {
	const sent = 100
	forEach(t, func(t *testing.T, open func(t *testing.T, c Config, pods int) *bench) {
		b := open(t, Config{Sticky: &flowcache.Config{Flows: 1000}, ICMP: ICMP{Pings: sent / 2}}, 1)
		for _, key := range []placement.Key{placement.FiveTuple, placement.Client} {
			service := Service{Group: b.group, Prefixes: testbed.Prefixes(), Own: true, Key: key}
			require.NoError(t, b.plane.Sync([]Service{service}))
			answered := func() uint64 {
				c := b.plane.Counters()
				return c.Replies.Frames + c.Dropped[tooManyPings]
			}
			send, before := b.raw(t), answered()
			for i := range uint16(sent) {
				send(pingOf(i))
			}
			require.Eventually(t, func() bool { return answered() == before+sent }, time.Minute, time.Millisecond)
			stats := b.plane.Flows().Stats()
			assert.Zero(t, stats.Placed, key)
			assert.Zero(t, stats.Flows, key)
			assert.Zero(t, b.plane.Counters().Members[1].Frames, key)
		}
	})
}
