package xdp

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// A packet that is on its way by the table before a change goes to the member
// that it was decided for, also if that has left, and into its tunnel.
func TestPacketOnItsWay(t *testing.T) {
	r := newFixture(t, 0, selector.Bounded{})
	r.update(0, hopOf(1, 1), hopBeyond(t, 2, "203.0.113.1", "192.0.2.1"), hopOf(3, 1))
	flows := conversations(50, 1)
	type way struct {
		member byte
		length int
	}
	ways := func() (list []way) {
		for _, c := range flows {
			action, out := r.runLong(c.frame(hash.ACK, 64, 100))
			require.EqualValues(t, xdpRedirect, action)
			list = append(list, way{out[5], len(out)})
		}
		return list
	}
	before, index, table := ways(), r.state.services[0].index, r.state.services[0].table
	r.update(0, hopOf(1, 1))
	r.tables.reclaim(true)
	now := ways()
	assert.NotEqual(t, before, now)
	for _, w := range now {
		assert.EqualValues(t, 1, w.member)
	}
	require.NoError(t, r.tables.inForce.Put(index, uint32(table.FD())))
	assert.Equal(t, before, ways())
}
