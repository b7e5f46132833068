package xdp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

func TestConfigErrors(t *testing.T) {
	d := selector.NewDomain()
	good := plane.Config{In: []string{"lo"}, Domain: d}
	for field, spoil := range map[string]func(*plane.Config){
		"Reset":  func(c *plane.Config) { c.Reset = true },
		"In":     func(c *plane.Config) { c.In = nil },
		"Domain": func(c *plane.Config) { c.Domain = nil },
	} {
		c := good
		spoil(&c)
		_, err := New(c)
		var e *plane.ConfigError
		require.ErrorAs(t, err, &e, field)
		assert.Equal(t, field, e.Field)
	}
	for field, sticky := range map[string]flowcache.Config{
		"Flows": {}, "Probation": {Flows: 1, Probation: -1}, "Closing": {Flows: 1, Closing: maxTimeout + 1},
		"PromoteAfter": {Flows: 1, PromoteAfter: 8 * time.Second},
		"Classes":      {Flows: 1, Classes: make([]flowcache.ClassConfig, 2)},
	} {
		c := good
		c.Sticky = &sticky
		_, err := New(c)
		var e *flowcache.ConfigError
		require.ErrorAs(t, err, &e, field)
		assert.Equal(t, field, e.Field)
	}
}

// What can't be put in force is refused by name, and what was in force stays.
func TestSyncErrors(t *testing.T) {
	r := newFixture(t, 0, selector.Bounded{}, selector.Bounded{})
	r.update(0, hopsFor(1, 2, 3)...)
	flows := conversations(100, 1)
	var at []uint16
	for _, c := range flows {
		at = append(at, r.member(c.frame(hash.ACK, 64, 0)))
	}
	service := func(s selector.Strategy, d *selector.Domain, hops ...engine.Hop) plane.Service {
		g, err := selector.NewGroup[engine.Adjacency](d, selector.GroupConfig{Name: "other", Strategy: s})
		require.NoError(t, err)
		_, err = g.Update(hops)
		require.NoError(t, err)
		t.Cleanup(func() { _, _ = g.Update(nil) })
		return plane.Service{Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/17")}, Group: g}
	}
	for _, s := range []selector.Strategy{selector.Modulo{}, selector.Rendezvous{}, selector.Threshold{},
		selector.Jump{}, selector.Ring{}} {
		refused := service(s, r.domain, hopsFor(4)...)
		var e *Error
		require.ErrorAs(t, r.Sync(append(r.list, refused)), &e)
		require.ErrorIs(t, e, ErrStrategy)
		assert.Equal(t, "other", e.Group)
		require.ErrorContains(t, e, "*selector.")
		_, err := refused.Group.Update(nil)
		require.NoError(t, err)
	}
	for _, refused := range []struct {
		err     error
		service plane.Service
	}{
		{ErrTableSize, service(selector.Bounded{Slots: 1 << 18}, r.domain, hopsFor(4)...)},
		{ErrDomain, service(selector.Bounded{}, selector.NewDomain(), hopsFor(4)...)},
	} {
		require.ErrorIs(t, r.Sync(append(r.list, refused.service)), refused.err)
		_, err := refused.service.Group.Update(nil)
		require.NoError(t, err)
	}
	absent := service(selector.Bounded{}, r.domain, hopsFor(4, 200)...)
	var e *Error
	require.ErrorAs(t, r.Sync(append(r.list, absent)), &e)
	require.ErrorIs(t, e, ErrOutput)
	assert.Equal(t, "m200", e.Member)

	var c *plane.ConfigError
	var twice *plane.ConflictError
	require.ErrorAs(t, r.Sync(append(r.list, r.list[0])), &twice)
	assert.Equal(t, "group 0", twice.Before)
	require.ErrorAs(t, r.Sync([]plane.Service{{}}), &c)
	assert.Equal(t, "Group", c.Field)
	require.ErrorAs(t, r.Sync([]plane.Service{{Group: r.groups[0], Prefixes: make([]netip.Prefix, 1)}}), &c)

	for i, f := range flows {
		require.Equal(t, at[i], r.member(f.frame(hash.ACK, 64, 0)))
	}
}

// As many prefixes as there may be can all be changed for others, and back; one
// more is refused, and what is in force stays.
func TestAllPrefixesChange(t *testing.T) {
	r := newFixture(t, 0, selector.Bounded{})
	r.update(0, hopsFor(1)...)
	of := func(first byte, n int) []plane.Service {
		s := plane.Service{Group: r.groups[0], Prefixes: make([]netip.Prefix, n)}
		for i := range s.Prefixes {
			a := netip.AddrFrom4([4]byte{first, byte(i >> 16), byte(i >> 8), byte(i)})
			s.Prefixes[i] = netip.PrefixFrom(a, a.BitLen())
		}
		return []plane.Service{s}
	}
	serves := func(first byte) bool {
		to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{first, 0, 1, 2}), 80)
		frame := conversation{netip.MustParseAddrPort("192.0.2.1:1"), to, hash.UDP}.frame(0, 64, 0)
		action, _ := r.run(frame)
		return action == xdpRedirect
	}
	for _, now := range []byte{20, 30, 20} {
		require.NoError(t, r.Sync(of(now, MaxPrefixes)))
		require.Equal(t, []bool{now == 20, now == 30}, []bool{serves(20), serves(30)})
	}
	require.ErrorIs(t, r.Sync(of(30, MaxPrefixes+1)), ErrLimit)
	require.True(t, serves(20))
}

func TestOutputErrors(t *testing.T) {
	r := newFixture(t, 0, selector.Bounded{})
	r.update(0, hopsFor(1)...)
	frame := conversations(1, 1)[0].frame(hash.ACK, 64, 0)
	_, err := r.SetOutputs(map[uint16]string{MaxOutput + 1: "lo"})
	require.ErrorIs(t, err, ErrLimit)
	r.member(frame)

	faults, err := r.SetOutputs(map[uint16]string{1: "lo", 2: "no such device"})
	require.NoError(t, err)
	assert.Equal(t, plane.Faults{"no such device": plane.ErrNoInterface}, faults)
	r.member(frame)

	require.NoError(t, setOutputs(r, nil))
	action, _ := r.run(frame)
	assert.EqualValues(t, xdpDrop, action)
	assert.EqualValues(t, 1, r.Counters().Dropped["no output"])
}

// Prefixes and groups come and go, the longest prefix counts, and tables and
// numbers of what is gone are used again.
func TestServicesComeAndGo(t *testing.T) {
	r := newFixture(t, 0, selector.Bounded{}, selector.Bounded{}, selector.Bounded{})
	for i := range r.groups {
		r.update(i, hopsFor(uint16(i+1))...)
	}
	flow := conversation{netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("10.0.3.4:5"), hash.UDP}
	frame := flow.frame(0, 64, 0)
	require.EqualValues(t, 1, r.member(frame))
	host := plane.Service{Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.3.4/32"),
		netip.MustParsePrefix("::ffff:10.0.3.0/120")}, Group: r.groups[1]}
	count := func() int { return len(r.tables.spare) + len(r.tables.parked) + len(r.state.services) }
	made := 0
	type drops = map[*engine.Group]plane.Drops
	expired := flow.frame(0, 1, 0)
	for i := range uint64(10) {
		require.NoError(t, r.Sync([]plane.Service{r.list[0], host}))
		require.EqualValues(t, 2, r.member(frame))
		require.NotEmpty(t, r.tables.parked, "of the group that is gone")
		r.tables.reclaim(true)
		r.run(expired)
		told := r.Counters().ServiceDrops
		assert.Equal(t, plane.Drops{"TTL expired": 1}, told[r.groups[1]], "none of before it left")
		require.NoError(t, r.Sync([]plane.Service{r.list[2], r.list[0]}))
		require.EqualValues(t, 1, r.member(frame))
		r.tables.reclaim(true)
		r.run(expired)
		assert.Equal(t, drops{r.groups[0]: {"TTL expired": i + 1}}, r.Counters().ServiceDrops)
		assert.Equal(t, plane.Drops{"TTL expired": 2 * (i + 1)}, r.Counters().Dropped)
		if i == 1 {
			made = count()
		}
	}
	assert.Equal(t, made, count(), "tables are used again")
	assert.Len(t, r.state.services, 2)
	require.NoError(t, r.Sync(nil))
	action, _ := r.run(frame)
	assert.EqualValues(t, xdpPass, action)
}

// Slots of members that left are given again once every pin to them has
// expired, and not before.
func TestSlotsAreGivenBack(t *testing.T) {
	r := newFixture(t, 100, selector.Bounded{})
	r.update(0, hopsFor(1, 2)...)
	r.update(0, hopsFor(2)...)
	quarantined := func() int {
		r.flows.release()
		return r.domain.SlotStats().Quarantined
	}
	assert.Equal(t, 1, quarantined())
	r.advance(300 * time.Second)
	assert.Equal(t, 1, quarantined())
	r.advance(200 * time.Second)
	// The engine's flow table has a say as well: it sweeps, and waits on its
	// own.
	table := r.table
	for range 3 {
		table.Sweep(r.time - time.Minute)
		table.Sweep(r.time) // as long as a pass takes
		r.advance(500 * time.Second)
		require.NoError(t, r.Sync(r.list))
	}
	assert.Zero(t, quarantined())
}
