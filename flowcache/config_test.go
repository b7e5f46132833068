package flowcache_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
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
