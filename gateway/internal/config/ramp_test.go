package config_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

func TestRamp(t *testing.T) {
	for text, want := range map[string]config.Ramp{
		`"1m"`:                         {Time: time.Minute, Steps: 10},
		`{"time": "30s"}`:              {Time: 30 * time.Second, Steps: 10},
		`{"time": "30s", "steps": 20}`: {Time: 30 * time.Second, Steps: 20},
	} {
		c, err := config.Parse("f.json", []byte(withServices(`, "slowstart": `+text, `, "protocol": "tcp"`)), kinds())
		require.NoError(t, err)
		assert.Equal(t, want, c.Services[0].Ramp)
		assert.Zero(t, c.Services[1].Ramp)
		other := c.Services[0]
		other.Ramp = config.Ramp{}
		assert.False(t, other.Equal(&c.Services[0]))
	}
	for text, want := range map[string]string{
		`"1"`:                         `f.json:2: a time from 1s to 1h0m0s is needed, such as "30s", not "1"`,
		`"10ms"`:                      `f.json:2: a time from 1s to 1h0m0s is needed, such as "30s", not "10ms"`,
		`0`:                           `f.json:2: a string is needed, not the number 0`,
		`{"steps": 3}`:                `f.json:2: "time" is missing`,
		`{"time": "30s", "steps": 1}`: `f.json:2: a whole number from 2 to 100 is needed, not 1`,
	} {
		_, err := config.Parse("f.json", []byte(withServices(`, "slowstart": `+text, `, "protocol": "tcp"`)), kinds())
		require.EqualError(t, err, want)
	}
}

// A service may do without the slow start of the top level, whose strategy it
// may then have none for.
func TestNoRamp(t *testing.T) {
	const text = `{"in": "lc", "control": "127.0.0.1:80", "slowstart": "1m", "services": [
{"name": "web", "vip": "10.0.0.1", "members": []},
{"name": "dns", "vip": "10.0.0.2", "members": [], "strategy": "ring" %s}
]}`
	_, err := config.Parse("f.json", fmt.Appendf(nil, text, ""), kinds())
	var refused *config.RampError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "dns", refused.Service)
	require.ErrorContains(t, err, `f.json:3: `)
	require.ErrorContains(t, err, `"slowstart": null`)
	for _, none := range []string{`null`, `"0s"`, `{"time": "0s"}`, `{"time": "0s", "steps": 20}`} {
		c, err := config.Parse("f.json", fmt.Appendf(nil, text, `, "slowstart": `+none), kinds())
		require.NoError(t, err, none)
		assert.Equal(t, config.Ramp{Time: time.Minute, Steps: 10}, c.Services[0].Ramp)
		assert.Zero(t, c.Services[1].Ramp, none)
	}
}

// The strategies that have a slow start are those by which the steps move little
// more hashes in all than the member gets; each other one is refused.
func TestRamps(t *testing.T) {
	const steps, others = 10, 10
	for _, row := range catalog.All() {
		_, refusal := config.Parse("f.json", []byte(withServices(
			fmt.Sprintf(`, "slowstart": "1m", "strategy": %q`, row.Name), `, "protocol": "tcp"`)), kinds())
		var refused *config.RampError
		if refusal != nil {
			require.ErrorAs(t, refusal, &refused)
			assert.Equal(t, "web", refused.Service)
		}
		if row.EqualOnly {
			require.Error(t, refusal, row.Name)
			continue
		}
		var before *selector.View
		group, err := selector.NewGroup[int](selector.NewDomain(), selector.GroupConfig{Name: "g",
			Strategy: row.Strategy})
		require.NoError(t, err)
		moved, gained := 0, 0
		const hashes = 20_000
		for step := range steps + 1 {
			hops := []selector.Hop[int]{{ID: "joins", Weight: uint32(step)}}
			for i := range others {
				hops = append(hops, selector.Hop[int]{ID: fmt.Sprint("other", i), Weight: steps})
			}
			snapshot, err := group.Update(hops)
			require.NoError(t, err)
			now := snapshot.View()
			if before != nil {
				for i := range uint64(hashes) {
					h := i * (1<<64/hashes | 1)
					was, is := before.Select(h), now.Select(h)
					if was != is {
						moved++
					}
					if is == 0 {
						gained++
					}
					if was == 0 {
						gained--
					}
				}
			}
			before = now
		}
		ratio := float64(moved) / float64(gained)
		t.Logf("%s: %.2f of what a slow start has to move", row.Name, ratio)
		assert.Equal(t, ratio < 1.5, refusal == nil, "%s moves %.2f times what it has to", row.Name, ratio)
	}
}
