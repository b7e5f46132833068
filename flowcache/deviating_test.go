package flowcache_test

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

func (r *router) scan(s flowcache.Scan) []flowcache.Pin {
	if s.View == nil {
		s.View = r.view()
	}
	return slices.Collect(r.table.Deviating(s, r.now))
}

// TestScanFindsAllThatDeviates compares the scan with what each flow's member
// and the selector say, for every strategy.
func TestScanFindsAllThatDeviates(t *testing.T) {
	racecheck.OneGoroutine(t)
	for _, row := range catalog.All() {
		d := selector.NewDomain()
		r := newRouter(t, flowcache.Config{Domain: d})
		var err error
		r.group, err = selector.NewGroup[string](d, selector.GroupConfig{Name: row.Name, Strategy: row.Strategy})
		require.NoError(t, err)
		r.set(selector.Equal("a", "b", "c")...)
		for f := range uint64(flows) {
			r.connect(f)
		}
		require.Empty(t, r.scan(flowcache.Scan{}), row.Name)
		old := r.view()
		r.set(selector.Equal("a", "b", "c", "d")...)
		r.domain.Mark("a").SetDown(true) // marks are no reason
		deviating := 0
		for f := range uint64(flows) {
			p := packet(r.view(), f, hash.TCP, hash.ACK)
			if h := p.hash(); old.Member(old.Unmarked(h)) != r.view().Member(r.view().Unmarked(h)) {
				deviating++
			}
		}
		assert.Positive(t, deviating, row.Name)
		assert.Len(t, r.scan(flowcache.Scan{}), deviating, row.Name)
		first := r.scan(flowcache.Scan{To: 10})
		assert.Equal(t, r.scan(flowcache.Scan{}), append(first, r.scan(flowcache.Scan{From: 10})...), row.Name)
		assert.Empty(t, r.scan(flowcache.Scan{From: 10, To: 10}), row.Name)
		assert.Len(t, r.scan(flowcache.Scan{To: r.table.Buckets() + 1}), deviating, row.Name)
		assert.Len(t, r.scan(flowcache.Scan{View: old, Planned: r.view()}), deviating, row.Name)
		assert.Len(t, r.scan(flowcache.Scan{Since: old}), deviating, row.Name)
		assert.Empty(t, r.scan(flowcache.Scan{Since: r.view()}), row.Name)
		r.wait(10 * time.Second)
		assert.Empty(t, r.scan(flowcache.Scan{MaxAge: 10 * time.Second}), row.Name)
		assert.Len(t, r.scan(flowcache.Scan{MaxAge: 11 * time.Second}), deviating, row.Name)
		assert.Len(t, r.scan(flowcache.Scan{Since: r.view(), MaxAge: 11 * time.Second}), deviating, row.Name)
		r.set(selector.Equal("b", "c", "d")...)
		for _, p := range r.scan(flowcache.Scan{}) {
			_, known := r.view().BySlot(p.Slot)
			require.True(t, known, "pins of a member that left are nobody's business")
		}
	}
}

// TestScanOfWhatWasSeenHere scans for pins that a packet may have refreshed
// within a quarter of their timeout, each state by its own: imported ones are
// not, until a packet comes.
func TestScanOfWhatWasSeenHere(t *testing.T) {
	r := newRouter(t, flowcache.Config{Closing: 40 * time.Second}, "a", "b")
	pin := func(flow uint64, s flowcache.State, age time.Duration) flowcache.Pin {
		p := packet(r.view(), flow, hash.TCP, hash.ACK)
		member := 1 - r.view().Unmarked(p.hash())
		return flowcache.Pin{Key: r.table.KeyOf(p.Digest), Slot: r.view().Slot(member), State: s, Age: age}
	}
	assert.Equal(t, second, r.table.Unit(flowcache.EstablishedTCP))
	assert.Equal(t, 350*second, r.table.Timeout(flowcache.EstablishedTCP))
	assert.Equal(t, 40*second, r.table.Timeout(flowcache.Closing))
	lease := r.table.Lease(flowcache.EstablishedTCP)
	assert.Equal(t, 88*second+6*second, lease, "a quarter of 350 s, and a refresh up to 7 s late")
	assert.Equal(t, 10*second+4*second, r.table.Lease(flowcache.Closing))
	r.Import([]flowcache.Pin{pin(1, flowcache.EstablishedTCP, 0)}, r.now)
	seen := []flowcache.Pin{pin(2, flowcache.EstablishedTCP, lease), pin(3, flowcache.Closing, 14*second)}
	older := []flowcache.Pin{pin(4, flowcache.EstablishedTCP, lease+second), pin(5, flowcache.Closing, 15*second)}
	for _, p := range slices.Concat(seen, older) {
		flowcache.PutPin(r.table, p, r.now)
	}
	assert.Len(t, r.scan(flowcache.Scan{}), 5)
	assert.ElementsMatch(t, seen, r.scan(flowcache.Scan{Seen: true}))
	assert.ElementsMatch(t, seen, r.scan(flowcache.Scan{Seen: true, Since: r.view()}))
	assert.ElementsMatch(t, seen[1:], r.scan(flowcache.Scan{Seen: true, MaxAge: 20 * second}))
	r.tcp(1, hash.ACK)
	assert.Len(t, r.scan(flowcache.Scan{Seen: true}), 3)
}

// TestScanOfAllPins scans for those that do not deviate too.
func TestScanOfAllPins(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a", "b")
	for f := range uint64(flows) {
		r.connect(f)
	}
	assert.Empty(t, r.scan(flowcache.Scan{}))
	assert.Len(t, r.scan(flowcache.Scan{All: true}), flows)
	assert.Len(t, r.scan(flowcache.Scan{All: true, Since: r.view()}), flows)
	r.set(selector.Equal("a")...)
	for _, p := range r.scan(flowcache.Scan{All: true}) {
		require.Equal(t, r.view().Slot(0), p.Slot, "pins of a member that left are nobody's business")
	}
	r.wait(second)
	assert.Empty(t, r.scan(flowcache.Scan{All: true, MaxAge: second}))
}

// TestScanOfAMillionPins compares each pin that a scan yields with the flow's
// own hash, of which the table keeps a part. Maglev's number of slots is a
// prime, so that a slot may end between two hashes with the same part.
func TestScanOfAMillionPins(t *testing.T) {
	racecheck.OneGoroutine(t)
	const n, ahead = 1_000_000, 64
	for strategy, most := range map[selector.Strategy]int{selector.Maglev{}: 1, selector.Bounded{}: 0} {
		d := selector.NewDomain()
		r := newRouter(t, flowcache.Config{Domain: d, Flows: n * 5 / 4}) // so that none is refused or evicted
		var err error
		r.group, err = selector.NewGroup[string](d, selector.GroupConfig{Name: "scanned", Strategy: strategy})
		require.NoError(t, err)
		old := r.set(selector.Equal("a", "b", "c", "d", "e", "f", "g", "h", "i", "j")...)
		packets, routes := make([]flowcache.Packet, ahead), make([]flowcache.Route, ahead)
		views := []*selector.View{old}
		for f := uint64(0); f < n; f += ahead {
			for i := range packets {
				packets[i] = packet(old, f+uint64(i), hash.TCP, hash.SYN).Packet
			}
			r.RouteBatch(routes, packets, views, r.now)
		}
		now := r.set(selector.Equal("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k")...)
		flowOf, deviating := make(map[flowcache.Key]uint64), 0
		for f := range uint64(n) {
			p := packet(now, f, hash.TCP, hash.ACK)
			if h := p.hash(); old.Member(old.Unmarked(h)) != now.Member(now.Unmarked(h)) {
				deviating++
				for _, key := range flowcache.PinKeys(r.table, p.Digest) {
					flowOf[key] = f
				}
			}
		}
		wrong := 0
		for _, pin := range r.scan(flowcache.Scan{}) {
			if _, ok := flowOf[pin.Key]; ok {
				deviating--
			} else {
				wrong++
			}
		}
		stats := r.table.Stats()
		require.Zero(t, stats.Refused+stats.Evicted)
		assert.LessOrEqual(t, wrong, most, "%v: too many", strategy)
		assert.LessOrEqual(t, deviating, most, "%v: not found", strategy)
	}
}

// TestScanAtTheEndsOfSlots scans pins of flows whose hash is near the end of
// one of Maglev's slots, on either side: the part of the hash that a pin keeps
// is that of the other side as well, and its bucket tells the rest.
func TestScanAtTheEndsOfSlots(t *testing.T) {
	d := selector.NewDomain()
	r := newRouter(t, flowcache.Config{Domain: d, Flows: 200_000}) // so that pins are in their first bucket
	var err error
	r.group, err = selector.NewGroup[string](d, selector.GroupConfig{Name: "scanned", Strategy: selector.Maglev{}})
	require.NoError(t, err)
	old := r.set(selector.Equal("a", "b", "c", "d", "e")...)
	const n = 20_000
	hashes := make([]uint64, n)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range hashes {
		end, _ := bits.Div64(uint64(i+1), 0, selector.DefaultTableSize)
		hashes[i] = end + 1<<17 + rng.Uint64N(1<<28)
		if i%2 == 0 {
			hashes[i] = end - 1<<17 - rng.Uint64N(1<<28)
		}
		r.Route(flowcache.Packet{Digest: hashes[i] ^ old.Salt(), Class: flowcache.ClassTCP, Flags: hash.SYN}, old,
			r.now)
	}
	now := r.set(selector.Equal("a", "b", "c", "d", "e", "f")...)
	deviating := make(map[flowcache.Key]bool)
	for _, h := range hashes {
		if old.Member(old.Unmarked(h)) != now.Member(now.Unmarked(h)) {
			deviating[r.table.KeyOf(h^old.Salt())] = true
		}
	}
	wrong := 0
	for _, pin := range r.scan(flowcache.Scan{}) {
		if !deviating[pin.Key] {
			wrong++
		}
		delete(deviating, pin.Key)
	}
	// A bucket tells the rest of a hash to a few parts in ten thousand.
	assert.LessOrEqual(t, wrong, n/500)
	assert.LessOrEqual(t, len(deviating), n/500)
}

// TestScanOfAnotherDomain scans with views whose slots are those of other
// members.
func TestScanOfAnotherDomain(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a", "b")
	for f := range uint64(100) {
		r.connect(f)
	}
	other := newRouter(t, flowcache.Config{}, "x", "y", "z").view()
	here := r.set(selector.Equal("a", "b", "c")...)
	require.NotEmpty(t, r.scan(flowcache.Scan{}))
	assert.Empty(t, r.scan(flowcache.Scan{View: other}))
	assert.Empty(t, r.scan(flowcache.Scan{View: here, Planned: other}))
	assert.Empty(t, r.scan(flowcache.Scan{View: here, Since: other}))
}
