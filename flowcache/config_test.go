package flowcache_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

func TestConfigErrorsNameTheField(t *testing.T) {
	d := selector.NewDomain()
	for field, c := range map[string]flowcache.Config{
		"Domain":    {Flows: 1},
		"Flows":     {Domain: d},
		"Tick":      {Domain: d, Flows: 1, Tick: -1},
		"Probation": {Domain: d, Flows: 1, Probation: -time.Second},
		// its default is too long
		"EstablishedTCP": {Domain: d, Flows: 1, Tick: 500 * time.Nanosecond},
		"Established":    {Domain: d, Flows: 1, Tick: time.Microsecond, Established: 9 * time.Minute},
		"RestoreGrace":   {Domain: d, Flows: 1, RestoreGrace: -1},
		"Classes":        {Domain: d, Flows: 1, Classes: []flowcache.ClassConfig{{Name: "dns"}}},
		"Closing":        {Domain: d, Flows: 1, Closing: 1<<63 - 1},
		"PromoteAfter":   {Domain: d, Flows: 1, PromoteAfter: time.Hour},
		"DownGrace":      {Domain: d, Flows: 1, DownGrace: -1},
	} {
		_, err := flowcache.NewTable(c)
		var e *flowcache.ConfigError
		require.ErrorAs(t, err, &e, field)
		assert.Equal(t, field, e.Field)
		assert.Contains(t, err.Error(), field)
	}
	// What follows from a field that was set is not blamed on another.
	_, err := flowcache.NewTable(flowcache.Config{Domain: d, Flows: 1, Probation: time.Millisecond})
	require.ErrorContains(t, err, "Config.Probation is 1ms: ")
	for gap := time.Duration(1); gap < 200; gap++ {
		_, err := flowcache.NewTable(flowcache.Flowlets(d, 1, gap))
		require.NoError(t, err, gap)
	}
	for _, gap := range []time.Duration{0, -1, math.MinInt64} {
		_, err := flowcache.NewTable(flowcache.Flowlets(d, 1, gap))
		require.ErrorContains(t, err, "Config.Tick is "+min(gap, -1).String(), "an eighth of the gap")
	}
	idle := time.Minute
	for _, classes := range [][]flowcache.ClassConfig{make([]flowcache.ClassConfig, 12), {{Idle: idle}},
		{{Name: "dns", Idle: idle}, {Name: "dns", Idle: idle}}} {
		_, err := flowcache.NewTable(flowcache.Config{Domain: d, Flows: 1, Classes: classes})
		require.Error(t, err)
	}
	_, err = flowcache.NewTable(flowcache.Config{Domain: d, Flows: math.MaxInt/64*6 + 1})
	require.Error(t, err)
	_, err = flowcache.NewTable(flowcache.Config{Domain: d, Flows: 1, EstablishedTCP: 365 * 24 * time.Hour})
	require.NoError(t, err)
}

// Whatever is accepted, flows that are not TCP can be promoted.
func TestEveryConfigPromotes(t *testing.T) {
	for _, c := range []flowcache.Config{
		{}, {Tick: time.Millisecond}, {Probation: 2 * time.Second}, {Tick: time.Hour, Probation: 2 * time.Hour},
		{Probation: 3 * time.Second, PromoteAfter: 2 * time.Second},
		{Tick: 15 * time.Second, EstablishedTCP: 124 * time.Minute, Probation: 30 * time.Second},
	} {
		c.Domain, c.Flows = selector.NewDomain(), 100
		r := newRouter(t, c, "a")
		step := max(c.Tick, 250*time.Millisecond)
		for range 30 {
			_, _ = r.send(packet(r.view(), 1, 17, 0))
			r.wait(step)
		}
		assert.EqualValues(t, 1, r.table.Stats().Promoted, "%+v", c)
		assert.EqualValues(t, 1, r.table.Stats().Inserted, "%+v", c)
	}
	for _, c := range []flowcache.Config{{PromoteAfter: 8 * time.Second},
		{Probation: 3 * time.Second, PromoteAfter: 2500 * time.Millisecond}} {
		c.Domain, c.Flows = selector.NewDomain(), 100
		_, err := flowcache.NewTable(c)
		var e *flowcache.ConfigError
		require.ErrorAs(t, err, &e, "%+v", c)
		assert.Equal(t, "PromoteAfter", e.Field)
	}
}

func TestConfigHasItsDefaults(t *testing.T) {
	c := flowcache.Config{Domain: selector.NewDomain(), Flows: 100, Probation: 4 * time.Second,
		Classes: []flowcache.ClassConfig{{Name: "dns", Idle: time.Minute}}}
	table, err := flowcache.NewTable(c)
	require.NoError(t, err)
	want := c
	want.Tick, want.EstablishedTCP, want.Established = time.Second, 350*time.Second, 30*time.Second
	want.Closing, want.PromoteAfter, want.DownGrace = time.Minute, time.Second/2, 30*time.Second
	want.RestoreGrace = 30 * time.Second
	assert.Equal(t, want, table.Config())
	table.Config().Classes[0].Name = "another"
	assert.Equal(t, want, table.Config())
}

// TestTimeoutsOfAnyLength has flows of milliseconds and of weeks in one table.
func TestTimeoutsOfAnyLength(t *testing.T) {
	racecheck.OneGoroutine(t)
	const week = 7 * 24 * time.Hour
	r := newRouter(t, flowcache.Config{
		Tick: 10 * time.Millisecond, Probation: 50 * time.Millisecond, PromoteAfter: 10 * time.Millisecond,
		Classes: []flowcache.ClassConfig{{Name: "brief", Idle: 20 * time.Millisecond, Sure: true},
			{Name: "weeks", Idle: 3 * week, Sure: true}},
	}, "a")
	verdict := func(class flowcache.Class) flowcache.Verdict {
		p := packet(r.view(), uint64(class), hash.UDP, 0)
		p.Class = class
		_, v := r.send(p)
		return v
	}
	brief, weeks := flowcache.FirstClass, flowcache.FirstClass+1
	assert.Equal(t, flowcache.Placed, verdict(brief))
	assert.Equal(t, flowcache.Placed, verdict(weeks))
	r.wait(20 * time.Millisecond)
	assert.Equal(t, flowcache.Pinned, verdict(brief))
	r.wait(50 * time.Millisecond)
	assert.Equal(t, flowcache.Placed, verdict(brief))
	for range 3 {
		for end := r.now + 2*week; r.now < end; r.wait(time.Hour) {
			r.sweepPass()
		}
		assert.Equal(t, flowcache.Pinned, verdict(weeks))
	}
	for end := r.now + 3*week*9/8 + week; r.now < end; r.wait(time.Hour) {
		r.sweepPass()
	}
	assert.Equal(t, flowcache.Placed, verdict(weeks))
	assert.Equal(t, flowcache.Placed, verdict(flowcache.FirstClass+9), "a class that the table does not have")
}

func TestMemoryOfATable(t *testing.T) {
	table, err := flowcache.NewTable(flowcache.Config{Domain: selector.NewDomain(), Flows: 600_000})
	require.NoError(t, err)
	assert.Equal(t, 800_000, table.Cap())
	assert.Equal(t, 100_000, table.Buckets())
}

// TestFlowletsMoveOnlyAfterAGap sends flows whose packets come at random while
// the weights of the uplinks change. Whatever the packets are, a flow stays
// where it is through silences of up to the gap, and follows the selector after
// longer ones.
func TestFlowletsMoveOnlyAfterAGap(t *testing.T) {
	racecheck.OneGoroutine(t)
	const gap = 50 * time.Millisecond
	for name, tt := range map[string]struct {
		proto uint8
		flags []hash.TCPFlags
	}{
		"UDP": {17, []hash.TCPFlags{0}},
		"TCP": {6, []hash.TCPFlags{hash.ACK, hash.ACK | hash.PSH, hash.FIN | hash.ACK}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRouter(t, flowcache.Flowlets(selector.NewDomain(), 1000, gap), "a", "b", "c")
			rng := rand.New(rand.NewPCG(1, 2))
			var last [50]struct {
				at     time.Duration
				member string
			}
			moved, followed := 0, 0
			for range 50_000 {
				r.now += time.Duration(rng.Int64N(int64(3 * time.Millisecond)))
				if rng.IntN(100) == 0 {
					r.set(selector.Member{ID: "a", Weight: rng.Uint32N(3)},
						selector.Member{ID: "b", Weight: rng.Uint32N(3)}, selector.Member{ID: "c", Weight: 1})
				}
				if rng.IntN(20) == 0 {
					r.sweepPass()
				}
				f := rng.IntN(len(last))
				p := packet(r.view(), uint64(f), tt.proto, tt.flags[rng.IntN(len(tt.flags))])
				m, _ := r.send(p)
				silence := time.Duration(r.now - last[f].at)
				if last[f].at != 0 && silence <= gap {
					require.Equal(t, last[f].member, m)
				}
				if silence > gap*3/2 {
					require.Equal(t, r.view().Select(p.hash()), index(r.view(), m))
					followed++
				}
				if m != last[f].member {
					moved++
				}
				last[f].at, last[f].member = r.now, m
			}
			assert.Greater(t, moved, 100)
			assert.Greater(t, followed, 100)
		})
	}
}

func index(v *selector.View, id string) int32 {
	for i, m := range v.All() {
		if m.ID == id {
			return i
		}
	}
	return -1
}

func TestFlowletsHaveLeastGap(t *testing.T) {
	_, err := flowcache.NewTable(flowcache.Flowlets(selector.NewDomain(), 1, 16))
	require.NoError(t, err)
}

// TestHowFarApartPacketsMayBe sends packets of flows that are not TCP, as far
// apart as the documentation allows and less, at any phase of the clock: each
// flow is placed once. A unit more, and some are placed again.
func TestHowFarApartPacketsMayBe(t *testing.T) {
	for _, c := range []flowcache.Config{
		{}, {Tick: 100 * time.Millisecond}, {Probation: 20 * second, PromoteAfter: 5 * second},
		{Tick: 50 * time.Millisecond, Probation: 4 * second, PromoteAfter: 3 * second},
	} {
		r := newRouter(t, c, "a", "b", "c")
		c, unit := r.table.Config(), r.table.Unit(flowcache.Probation)
		apart := c.Probation - c.PromoteAfter
		udp := func(flow uint64) flowcache.Verdict {
			_, verdict := r.send(packet(r.view(), flow, hash.UDP, 0))
			return verdict
		}
		rng := rand.New(rand.NewPCG(1, 2))
		for f := range uint64(1000) {
			r.wait(time.Duration(rng.Int64N(int64(unit))))
			require.Equal(t, flowcache.Placed, udp(f))
			for range 8 {
				gap := apart
				if rng.IntN(2) == 0 {
					gap = time.Duration(rng.Int64N(int64(apart)))
				}
				r.wait(gap)
				require.Equal(t, flowcache.Pinned, udp(f))
			}
		}
		r.now = r.now.Truncate(unit) + unit
		require.Equal(t, flowcache.Placed, udp(1000))
		r.wait(c.PromoteAfter + unit - 1)
		require.Equal(t, flowcache.Pinned, udp(1000), "too early")
		r.wait(apart + unit)
		require.Equal(t, flowcache.Placed, udp(1000))
	}
}
