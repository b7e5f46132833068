package selector_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/golden/place"
	"github.com/ecmp-go/ecmp/selector"
)

func TestAnchorEqualsModel(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	for range 30 {
		n := 1 + r.IntN(30)
		capacity := n + r.IntN(20) + 3
		equalsHistory(t, r, selector.Anchor{Capacity: uint32(capacity)}, place.NewAnchor(capacity), n, capacity)
	}
}

func TestAnchorCapacity(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 4))
	group := selector.Equal(names(r, 33)...)
	for _, c := range []struct {
		capacity uint32
		first    int // members built with
		most     int
	}{
		{20, 10, 20}, {20, 20, 20}, {0, 4, 16}, {0, 16, 32},
	} {
		built := build(t, selector.Anchor{Capacity: c.capacity}, group[:c.first])
		full := rebuild(t, built, group[:c.first], group[:c.most])
		next, err := full.(selector.Rebuilder).Rebuild(group[:c.most+1], previousOf(group[:c.most], group[:c.most+1]))
		assert.Nil(t, next)
		var e *selector.GroupError
		require.ErrorAs(t, err, &e)
		assert.Equal(t, selector.GroupError{
			Err: selector.ErrCapacity, Index: -1, Value: uint64(c.most + 1), Limit: uint64(c.most),
		}, *e)
		drained := slices.Clone(group[:c.most+1])
		drained[3].Weight = 0
		rebuild(t, full, group[:c.most], drained)
	}
	_, err := selector.Anchor{Capacity: 3}.Build(group[:4])
	require.ErrorIs(t, err, selector.ErrCapacity)
	require.EqualError(t, err, "selector: more members than the capacity: 4 (limit 3)")
	_, err = selector.Anchor{Capacity: 65536}.Build(group[:4])
	require.ErrorIs(t, err, selector.ErrParameter)
	require.EqualError(t, err, "selector: parameter out of range: 65536 (limit 65535)")
	build(t, selector.Anchor{Capacity: 65535}, group)
}
