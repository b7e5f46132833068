package selector_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/golden/place"
	"github.com/ecmp-go/ecmp/selector"
)

// slacks are the slacks that tests try, with those of the model.
var slacks = map[selector.Slack]int{ //nolint:gochecknoglobals // a read-only table
	0: 50, selector.NoSlack: 0, 1: 1, 20: 20, 50: 50, 500: 500, selector.UnlimitedSlack: place.Unlimited,
}

func TestBoundedEqualsModel(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	for _, slots := range []int{64, 128, 256, 1024, 4096} {
		for _, n := range []int{1, 2, 3, 8, 30, 60, 64, 120, 256, 300, 1000} {
			if n > slots || n*slots > 600_000 {
				continue
			}
			for slack, thousandths := range slacks {
				group := randomGroup(r, n)
				model := modelled(group)
				seed := r.Uint64N(2) * r.Uint64()
				b := selector.Bounded{Slots: uint32(slots), Slack: slack, Seed: seed}
				built := build(t, b, group).(selector.Tabled)
				require.Equal(t, slots, built.Slots())
				owners := place.Bounded(model, slots, thousandths, seed)
				for slot, owner := range owners {
					require.Equal(t, owner, built.Owner(slot), "%+v, %v, slot %d", b, group, slot)
				}
				for range 2 {
					h := r.Uint64()
					slot := int(slotOf(h, uint64(slots)))
					want := place.BoundedOrder(model, slots, seed, owners[slot], slot)
					require.Equal(t, want, order(built.(selector.Selector), h), "%+v, %v, %#x", b, group, h)
				}
			}
		}
	}
}
