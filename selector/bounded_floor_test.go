package selector_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/golden/place"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

var tables = flag.Int("tables", 300, "random tables of Bounded to compare with the model, and to count the slots of")

// drawn returns a random group of n members, with weights of one of several
// kinds, up to 1:1000.
func drawn(r *rand.Rand, n int) []selector.Member {
	group := selector.Equal(names(r, n)...)
	kind, step := r.IntN(4), 1+r.Uint32N(300)
	for i := range group {
		switch kind {
		case 1:
			group[i].Weight = []uint32{1, 2, 3, 10}[i%4] * step
		case 2:
			group[i].Weight = 1 + r.Uint32N(1000)
		case 3:
			group[i].Weight = 1 + r.Uint32N(1<<r.IntN(10))
		}
	}
	return group
}

// TestBoundedFloorEqualsModel compares with the definition, claim by claim, in
// tables where each member has few slots, so that the reserve is used up.
func TestBoundedFloorEqualsModel(t *testing.T) {
	racecheck.OneGoroutine(t)
	usedUp := 0
	for i := range *tables {
		r := rand.New(rand.NewPCG(8, uint64(i)))
		slots := 1 << (6 + r.IntN(7))
		n := min(1+slots/(1+r.IntN(1<<r.IntN(7))), slots)
		slack := []selector.Slack{1, 20, 50, 50, 200, 1000}[r.IntN(6)]
		b := selector.Bounded{Slots: uint32(slots), Slack: slack, Seed: r.Uint64()}
		group := drawn(r, n)
		want, short := place.BoundedMerge(modelled(group), slots, int(b.Slack), b.Seed)
		if short {
			usedUp++
		}
		require.Equal(t, want, owners(build(t, b, group)), "draw %d: %d members, %+v", i, n, b)
	}
	t.Logf("%d tables, reserve used up in %d", *tables, usedUp)
	assert.GreaterOrEqual(t, usedUp, *tables/2)
}

// TestBoundedKeepsBounds: where the slack is limited, each member owns at least
// three quarters of its due, rounded down, and one slot if it is due one, and
// at most its cap.
func TestBoundedKeepsBounds(t *testing.T) {
	racecheck.OneGoroutine(t)
	for i := range *tables {
		r := rand.New(rand.NewPCG(9, uint64(i)))
		n := 1 + r.IntN(1<<(1+r.IntN(12)))
		slots := 64
		for slots < n || slots < 1<<16 && r.IntN(3) > 0 {
			slots *= 2
		}
		slack := slacks[r.IntN(len(slacks)-1)]
		b := selector.Bounded{Slots: uint32(slots), Slack: slack.slack, Seed: r.Uint64()}
		group := drawn(r, n)
		count, sum := make([]int, n), int64(0)
		for _, owner := range owners(build(t, b, group)) {
			count[owner]++
		}
		for _, m := range group {
			sum += int64(m.Weight)
		}
		caps := place.BoundedCaps(modelled(group), slots, slack.model, b.Seed)
		for k, m := range group {
			due := int64(slots) * int64(m.Weight) // times sum
			floor := int(max(3*due/(4*sum), min(due/sum, 1)))
			if count[k] < floor || count[k] > caps[k] {
				require.Fail(t, "out of bounds",
					"draw %d, %d members, slack %d, %+v: member %d of weight %d has %d slots, not %d to %d",
					i, n, slack.model, b, k, m.Weight, count[k], floor, caps[k])
			}
		}
	}
}

// TestBoundedStarvesNobody: in this group a member due four slots owned none
// before there were floors.
func TestBoundedStarvesNobody(t *testing.T) {
	var ids []string
	for i := range 250 {
		ids = append(ids, fmt.Sprintf("pod-%04d", i))
	}
	count := make([]int, len(ids))
	for _, owner := range owners(build(t, selector.Bounded{Slots: 1024, Seed: 8}, selector.Equal(ids...))) {
		count[owner]++
	}
	assert.Equal(t, 3, slices.Min(count))
	assert.Equal(t, 5, slices.Max(count))
}
