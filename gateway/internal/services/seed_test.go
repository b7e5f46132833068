package services_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// Another seed is one change of all services, which says what it moves: of three
// equal members two flows of three, of one member none, and none where there is
// no member.
func TestReseed(t *testing.T) {
	f := newRegistry(t)
	three := service(t, config.Default, vip, "maglev", pods(1, 2, 3))
	one := service(t, "one", netip.MustParseAddr("10.7.0.1"), "maglev", pods(1))
	none := service(t, "none", netip.MustParseAddr("10.7.0.2"), "maglev", nil)
	require.NoError(t, f.Replace([]config.Service{three, one, none}, ""))
	f.plane.Receive(vip, 0, 300)
	f.plane.Receive(one.Prefixes[0].Addr(), 0, 50)
	before := len(f.Stats().Changes)
	var seed uint64
	f.By("file").Reseed(3, 4, func(s uint64) { seed = s })
	assert.EqualValues(t, 4, seed)
	changes := f.Stats().Changes
	require.Len(t, changes, before+1)
	c := changes[0]
	assert.Empty(t, c.Service)
	assert.Equal(t, "seed 4, not 3: every flow is placed anew", c.What)
	assert.Equal(t, "file", c.By)
	assert.InDelta(t, 2./9, c.Moved, .01)
	assert.InDelta(t, c.Moved, c.Collateral, 1e-9)
	assert.Equal(t, 350, c.Voided)
}

// Another key places all flows of a service anew, and those of no other. Of
// those that move, none had to but for a member that leaves at the same time.
func TestRekey(t *testing.T) {
	f := newRegistry(t)
	three := service(t, config.Default, vip, "maglev", pods(1, 2, 3))
	one := service(t, "one", netip.MustParseAddr("10.7.0.1"), "maglev", pods(1))
	require.NoError(t, f.Replace([]config.Service{three, one}, ""))
	f.plane.Receive(vip, 0, 300)
	f.plane.Receive(one.Prefixes[0].Addr(), 0, 50)
	three.Key = placement.Client
	require.NoError(t, f.Replace([]config.Service{three, one}, ""))
	c := f.Stats().Changes[0]
	assert.Equal(t, config.Default, c.Service)
	assert.Equal(t, "flows told apart by client, not five-tuple: all are placed anew", c.What)
	assert.InDelta(t, 2./3, c.Moved, .02)
	assert.InDelta(t, c.Moved, c.Collateral, 1e-9)
	assert.Equal(t, 300, c.Voided)

	three.Key, three.Members = placement.FiveTuple, pods(1, 2)
	require.NoError(t, f.Replace([]config.Service{three, one}, ""))
	c = f.Stats().Changes[0]
	assert.InDelta(t, 2./3, c.Moved, .02, "a third loses its member, and half of the rest another one")
	assert.InDelta(t, 1./3, c.Collateral, .02)
	assert.Equal(t, 300, c.Voided)
}
