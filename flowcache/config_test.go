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
	"github.com/ecmp-go/ecmp/selector"
)

func TestConfigErrorsNameTheField(t *testing.T) {
	d := selector.NewDomain()
	for field, c := range map[string]flowcache.Config{
		"Domain":         {Flows: 1},
		"Flows":          {Domain: d},
		"Tick":           {Domain: d, Flows: 1, Tick: -1},
		"Probation":      {Domain: d, Flows: 1, Probation: -time.Second},
		"EstablishedTCP": {Domain: d, Flows: 1, EstablishedTCP: 513 * time.Second},
		"Established":    {Domain: d, Flows: 1, Established: 24 * time.Hour},
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
	_, err := flowcache.NewTable(flowcache.Config{Domain: d, Flows: math.MaxInt/64*6 + 1})
	require.Error(t, err)
	_, err = flowcache.NewTable(flowcache.Config{Domain: d, Flows: 1, Tick: time.Hour, EstablishedTCP: 512 * time.Hour})
	require.NoError(t, err)
}

// Whatever is accepted, flows that are not TCP can be promoted.
func TestEveryConfigPromotes(t *testing.T) {
	for _, c := range []flowcache.Config{
		{}, {Tick: time.Millisecond}, {Probation: 2 * time.Second}, {Tick: time.Hour, Probation: 2 * time.Hour},
		{Probation: 3 * time.Second, PromoteAfter: 2 * time.Second},
		{Tick: 15 * time.Second, EstablishedTCP: 124 * time.Minute},
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
	for _, c := range []flowcache.Config{{Probation: time.Second}, {PromoteAfter: 8 * time.Second},
		{Probation: 3 * time.Second, PromoteAfter: 2500 * time.Millisecond}} {
		c.Domain, c.Flows = selector.NewDomain(), 100
		_, err := flowcache.NewTable(c)
		var e *flowcache.ConfigError
		require.ErrorAs(t, err, &e, "%+v", c)
		assert.Equal(t, "PromoteAfter", e.Field)
	}
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
				at     int64
				member string
			}
			moved, followed := 0, 0
			for range 50_000 {
				r.now += rng.Int64N(int64(3 * time.Millisecond))
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
					require.Equal(t, r.view().Select(p.Hash), index(r.view(), m))
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

func index(v *selector.View, id string) int {
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
