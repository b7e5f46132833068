package engine

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/ecmp-go/ecmp/symmetric"
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// routesFor returns the routes of a model.
func routesFor(t testing.TB, list []modelRoute) *Routes {
	t.Helper()
	routes := new(Routes)
	for i, r := range list {
		g, err := selector.NewGroup[Adjacency](selector.NewDomain(), selector.GroupConfig{Name: fmt.Sprint(i),
			Strategy: r.strategy})
		require.NoError(t, err)
		_, err = g.Update(r.hops)
		require.NoError(t, err)
		routes.Insert(r.prefix, g)
	}
	return routes
}

// expiring returns a copy of the frame whose time to live is used up, if it is
// a plain IPv4 or IPv6 frame.
func expiring(frame []byte) []byte {
	frame = slices.Clone(frame)
	switch {
	case frame[12] == 0x08 && frame[13] == 0:
		frame[14+8] = 1
	case frame[12] == 0x86:
		frame[14+7] = 0
	}
	return frame
}

// Every captured frame goes where the model says, and looks as the model says.
func TestAgreesWithModel(t *testing.T) {
	frames, _ := captured(t)
	for i := 0; i < len(frames); i += 50 {
		frames = append(frames, expiring(frames[i]))
	}
	var drained = hops("away", "gone")
	for i := range drained {
		drained[i].Weight = 0
	}
	m := model{seed: 42, routes: []modelRoute{
		{prefix: prefix("172.16.0.0/12"), strategy: selector.Modulo{}, hops: hops("never")},
		{prefix: prefix("172.16.0.20/32"), strategy: selector.Maglev{}, hops: hops("pod3", "pod1", "pod4", "pod2")},
		{prefix: prefix("2001:db8::/32"), strategy: selector.Rendezvous{}, hops: hops("pod2", "pod6")},
		{prefix: prefix("2001:db8:ac10::14/128"), strategy: selector.Threshold{}, hops: hops("pod5", "pod1", "pod4")},
		{prefix: prefix("198.51.100.0/28"), strategy: selector.Maglev{}, hops: drained},
	}}
	for _, m.symmetric = range []bool{false, true} {
		var hasher hash.Hasher = hash.XX{Seed: m.seed}
		if m.symmetric {
			hasher = symmetric.Hasher{Base: hasher}
		}
		w := NewWorker(Config{Routes: routesFor(t, m.routes), Policy: hash.Policy{Hasher: hasher}})
		burst := make([][]byte, len(frames))
		for i, f := range frames {
			burst[i] = slices.Clone(f)
		}
		got := make([]Decision, len(frames))
		w.Burst(got, burst, 0)
		drops, unrouted := map[Drop]int{}, Traffic{}
		for i, f := range frames {
			hop, sent, drop := m.forward(t, f)
			require.Equal(t, drop, got[i].Drop, "frame %d: % x", i, f)
			drops[drop]++
			if drop == NoRoute {
				unrouted.add(f)
			}
			if drop != 0 {
				require.Nil(t, got[i].Hop)
				require.Equal(t, f, burst[i], "a dropped frame is left as it is")
				continue
			}
			require.Equal(t, *hop, *got[i].Hop, "frame %d: % x", i, f)
			require.Equal(t, sent, burst[i], "frame %d", i)
		}
		for drop := range drops {
			if drop != 0 {
				assert.EqualValues(t, drops[drop], w.Counters().Dropped(drop), drop)
			}
		}
		assert.Equal(t, unrouted, w.Counters().NoRoute)
		for _, drop := range []Drop{0, NotIP, NoRoute, Expired, NoMember} {
			assert.Positive(t, drops[drop], "the frames hold no case of %v", drop)
		}
		assertConserved(t, w.Counters(), len(frames))
	}
}

// assertConserved checks that every frame was sent or dropped, and that drops
// for a group add up.
func assertConserved(t testing.TB, c *Counters, in int) {
	t.Helper()
	out := uint64(0)
	for _, m := range c.members {
		out += m.Frames
	}
	for _, n := range c.Drops() {
		out += n
	}
	assert.EqualValues(t, in, c.In.Frames)
	assert.Equal(t, c.In.Frames, out)
	groups := make(map[Drop]uint64)
	for _, dropped := range c.Groups() {
		for reason, n := range dropped {
			groups[reason] += n
		}
	}
	for _, reason := range []Drop{Expired, NoMember, Answered} {
		assert.Equal(t, c.Dropped(reason), groups[reason], reason)
		delete(groups, reason)
	}
	assert.Empty(t, groups, "reasons that are of no group")
}

// How frames are cut into bursts changes nothing.
func TestBurstsOfAnySize(t *testing.T) {
	frames, _ := captured(t)
	frames = frames[:1000]
	routes := new(Routes)
	routes.Insert(prefix("0.0.0.0/0"), newGroup(t, nil, selector.GroupConfig{Strategy: selector.Maglev{}}, "a", "b",
		"c"))
	play := func(size int) (decisions []Decision) {
		w := NewWorker(Config{Routes: routes})
		for part := range slices.Chunk(frames, size) {
			burst := make([][]byte, len(part))
			for i, f := range part {
				burst[i] = slices.Clone(f)
			}
			got := make([]Decision, len(part)+1)
			w.Burst(got, burst, 0)
			assert.Zero(t, got[len(part)], "what is not of the burst stays as it is")
			decisions = append(decisions, got[:len(part)]...)
		}
		assertConserved(t, w.Counters(), len(frames))
		return decisions
	}
	want := play(1)
	for _, size := range []int{2, MaxBurst - 1, MaxBurst, MaxBurst + 1, 2 * MaxBurst, 1000} {
		assert.Equal(t, want, play(size), size)
	}
	NewWorker(Config{Routes: routes}).Burst(nil, nil, 0)
}

func TestVLANTagsStay(t *testing.T) {
	frames, _ := captured(t)
	routes := new(Routes)
	routes.Insert(prefix("172.16.0.20/32"), newGroup(t, nil, selector.GroupConfig{Strategy: selector.Maglev{}}, "a",
		"b", "c"))
	plain, tagged := NewWorker(Config{Routes: routes}), NewWorker(Config{Routes: routes})
	tag := []byte{0x88, 0xa8, 0, 7, 0x81, 0, 0x20, 9}
	for _, f := range frames[:500] {
		a := slices.Clone(f)
		b := slices.Concat(f[:12], tag, f[12:])
		got := make([]Decision, 2)
		plain.Burst(got[:1], [][]byte{a}, 0)
		tagged.Burst(got[1:], [][]byte{b}, 0)
		assert.Equal(t, got[0], got[1])
		assert.Equal(t, slices.Concat(a[:12], tag, a[12:]), b)
	}
}

// A frame with labels is for another router, even if IP is behind them.
func TestLabelledFramesAreDropped(t *testing.T) {
	frames, _ := captured(t)
	routes := new(Routes)
	routes.Insert(prefix("0.0.0.0/0"), newGroup(t, nil, selector.GroupConfig{Strategy: selector.Maglev{}}, "a", "b",
		"c"))
	w := NewWorker(Config{Routes: routes})
	got := make([]Decision, 1)
	i := slices.IndexFunc(frames, func(f []byte) bool { return f[12] == 8 && f[13] == 0 })
	require.GreaterOrEqual(t, i, 0)
	w.Burst(got, [][]byte{slices.Concat(frames[i][:12], []byte{0x88, 0x47, 0, 1, 1, 64}, frames[i][14:])}, 0)
	assert.Equal(t, uint64(1), w.Counters().Dropped(NotIP))
}

// A flow stays where it is for as long as its member is in the group, and is
// reported as moved once when that is gone. The timeouts are longer than the
// capture, so that a map of flows is the model.
func TestStickyFlows(t *testing.T) {
	frames, times := captured(t)
	domain := selector.NewDomain()
	g := newGroup(t, domain, selector.GroupConfig{Name: "vip", Strategy: selector.Maglev{}}, "pod1", "pod2", "pod3")
	routes := new(Routes)
	routes.Insert(prefix("172.16.0.20/32"), g)
	routes.Insert(prefix("2001:db8:ac10::14/128"), g)
	const long = 400e9
	flows, err := flowcache.NewTable(flowcache.Config{
		Domain: domain, Flows: 4096, Probation: long, EstablishedTCP: long, Established: long, Closing: long,
	})
	require.NoError(t, err)
	w := NewWorker(Config{Routes: routes, Flows: flows})

	updates := map[int][]Hop{
		3000:  hops("pod1", "pod2", "pod3", "pod4"),
		6000:  hops("pod2", "pod3", "pod4"),
		9000:  hops("pod4"),
		12000: hops("pod1", "pod2", "pod3", "pod4", "pod5"),
	}
	// drained
	updates[9000] = append(updates[9000], Hop{ID: "pod3", Value: hops("pod3")[0].Value})
	present := map[string]bool{"pod1": true, "pod2": true, "pod3": true}
	where := map[hash.FlowKey]string{}
	verdicts := map[flowcache.Verdict]int{}
	for i, frame := range frames {
		if u, ok := updates[i]; ok {
			_, err := g.Update(u)
			require.NoError(t, err)
			clear(present)
			for _, h := range u {
				present[h.ID] = true
			}
		}
		got := make([]Decision, 1)
		w.Burst(got, [][]byte{frame}, time.Duration(times[i]))
		if got[0].Drop != 0 {
			continue
		}
		var h hash.Headers
		require.NoError(t, hash.Parse(frame, &h))
		key := hash.FiveTuple.Extract(&h, nil)
		was, known := where[key]
		id := got[0].Hop.ID
		// Reused by a new connection or not, a pin that is there is followed:
		// none expires here.
		switch want := got[0].Verdict; {
		case !known:
			require.Equal(t, flowcache.Placed, want)
			require.NotEqual(t, "pod3", map[bool]string{true: id}[i >= 9000 && i < 12000],
				"a drained member takes no new flow")
		case present[was]:
			require.Equal(t, was, id, "frame %d", i)
			require.Equal(t, flowcache.Pinned, want)
		default:
			require.Equal(t, flowcache.Moved, want)
			require.True(t, present[id])
		}
		where[key] = id
		verdicts[got[0].Verdict]++
	}
	assert.Greater(t, verdicts[flowcache.Moved], 100)
	assert.Greater(t, verdicts[flowcache.Placed], 500)
	assert.EqualValues(t, verdicts[flowcache.Moved], flows.Stats().Moved)
}

// A burst may be for as many groups as it has frames, and they may change
// between bursts. It allocates nothing then either.
func TestManyGroups(t *testing.T) {
	const n = 3 * MaxBurst
	domain := selector.NewDomain()
	routes := new(Routes)
	groups, frames := make([]*Group, n), make([][]byte, n)
	for i := range n {
		groups[i] = newGroup(t, domain, selector.GroupConfig{Name: fmt.Sprint(i), Strategy: selector.Modulo{}},
			fmt.Sprint("a", i))
		to := host{net.IP{10, 0, 0, byte(i)}, nil}
		routes.Insert(netip.PrefixFrom(netip.AddrFrom4([4]byte(to.v4)), 32), groups[i])
		frames[i] = frameOf(t, false, client, to, layers.IPProtocolUDP, &layers.UDP{SrcPort: 1, DstPort: 2})
	}
	flows, err := flowcache.NewTable(flowcache.Config{Domain: domain, Flows: 4096})
	require.NoError(t, err)
	w := NewWorker(Config{Routes: routes, Flows: flows})
	got := make([]Decision, n)
	for _, members := range []string{"a", "b"} {
		for i, g := range groups {
			_, err := g.Update(hops(fmt.Sprint(members, i)))
			require.NoError(t, err)
		}
		w.Burst(got, lasting(frames), 0)
		for i, d := range got {
			require.Equal(t, fmt.Sprint(members, i), d.Hop.ID)
		}
	}
	assert.Zero(t, testing.AllocsPerRun(20, func() {
		w.snaps[0] = nil // as if the group had changed
		w.Burst(got, lasting(frames), 0)
	}))
}

// Counters say what went to each member, in frames and bytes.
func TestCounters(t *testing.T) {
	frames, _ := captured(t)
	routes := new(Routes)
	routes.Insert(prefix("172.16.0.20/32"), newGroup(t, nil, selector.GroupConfig{Strategy: selector.Modulo{}}, "a",
		"b", "c"))
	w := NewWorker(Config{Routes: routes})
	got := make([]Decision, len(frames))
	w.Burst(got, frames, 0)
	want := make([]Traffic, 3)
	size := uint64(0)
	for i, d := range got {
		size += uint64(len(frames[i]))
		if d.Hop != nil {
			want[d.Hop.Output].Frames++
			want[d.Hop.Output].Bytes += uint64(len(frames[i]))
		}
	}
	c := w.Counters()
	for i := range want {
		assert.Positive(t, want[i].Frames)
		assert.Equal(t, want[i], c.Member(uint16(i)))
	}
	assert.Zero(t, c.Member(65535))
	assert.Equal(t, Traffic{uint64(len(frames)), size}, c.In)
}

func TestDropsHaveNames(t *testing.T) {
	var names []string
	for d := range Held + 1 {
		names = append(names, d.String())
	}
	assert.Equal(t, []string{"none", "not IP", "damaged", "no route", "TTL expired", "no member",
		"answered by a reset", "held"}, names)
}

// Routes can be replaced between bursts, by a table that shares what did not
// change.
func TestSetRoutes(t *testing.T) {
	frames, _ := captured(t)
	i := slices.IndexFunc(frames, func(f []byte) bool { return bytes.Equal(f[30:34], []byte{172, 16, 0, 20}) })
	routes := new(Routes)
	w := NewWorker(Config{Routes: routes})
	got := make([]Decision, 1)
	w.Burst(got, frames[i:i+1], 0)
	assert.Equal(t, NoRoute, got[0].Drop)
	w.SetRoutes(routes.InsertPersist(prefix("172.16.0.0/16"),
		newGroup(t, nil, selector.GroupConfig{Strategy: selector.Modulo{}}, "a")))
	w.Burst(got, frames[i:i+1], 0)
	assert.Equal(t, "a", got[0].Hop.ID)
}
