package engine

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/golden/packet"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

// Every beginning of every captured frame is decided as the slow parser says:
// damaged, not IP, or whole, since only padding is missing, and then sent.
func TestTruncatedFrames(t *testing.T) {
	racecheck.OneGoroutine(t)
	frames, _ := captured(t)
	routes := new(Routes)
	g := newGroup(t, nil, selector.GroupConfig{Strategy: selector.Modulo{}}, "a", "b", "c")
	routes.Insert(prefix("0.0.0.0/0"), g)
	routes.Insert(prefix("::/0"), g)
	w := NewWorker(Config{Routes: routes})
	count := map[Drop]int{}
	total := 0
	for _, whole := range frames {
		var burst [][]byte
		for n := range len(whole) + 1 {
			burst = append(burst, slices.Clone(whole[:n]))
		}
		got := make([]Decision, len(burst))
		w.Burst(got, burst, 0)
		total += len(burst)
		for n, d := range got {
			want := dropOf(whole[:n])
			if want != d.Drop {
				require.Equal(t, want, d.Drop, "% x", whole[:n])
			}
			count[d.Drop]++
		}
	}
	assert.Greater(t, count[Damaged], 500_000)
	assert.Greater(t, count[0], 10_000)
	assert.Positive(t, count[NotIP])
	assert.Positive(t, count[Expired])
	assertConserved(t, w.Counters(), total)
}

func dropOf(frame []byte) Drop {
	p, err := packet.FromEthernet(frame)
	switch {
	case errors.Is(err, packet.ErrNotIP):
		return NotIP
	case err != nil:
		return Damaged
	case p.Encapsulated:
		return NotIP
	case lifetime(frame[p.Outer.L3:]) <= 1:
		return Expired
	}
	return 0
}
