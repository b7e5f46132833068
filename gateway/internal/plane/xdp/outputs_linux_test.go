package xdp

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
)

// breaks puts a map in place of another one that fails in whatever it is asked
// for, until the function that it returns is called.
func breaks(t *testing.T, m **ebpf.Map) (mend func()) {
	t.Helper()
	whole := *m
	broken, err := whole.Clone()
	require.NoError(t, err)
	require.NoError(t, broken.Close())
	*m = broken
	return func() { *m = whole }
}

// After a call of SetOutputs that failed half-way the members that there are get
// their frames, and the next call does what that one did not.
func TestOutputsAfterAFailure(t *testing.T) {
	r := newFixture(t, 0, selector.Bounded{}, selector.Bounded{})
	require.NoError(t, r.ns.IP("link add va type veth peer name vb"))
	set := func(devices map[uint16]string) error {
		return r.ns.Do(func() error { return setOutputs(r, devices) })
	}
	r.update(0, hopsFor(1, 2)...)
	require.NoError(t, set(map[uint16]string{1: "lo", 2: "va"}))
	flows := conversations(50, 1)
	forwards := func(want ...uint16) {
		t.Helper()
		seen := make(map[uint16]bool)
		for _, c := range flows {
			seen[r.member(c.frame(0, 64, 0))] = true
		}
		assert.Len(t, seen, len(want))
		for _, number := range want {
			assert.True(t, seen[number], number)
		}
	}
	fits := func(number uint16) uint16 {
		v := r.groups[0].Load().View()
		i, ok := v.Index(hopOf(number, 1).ID)
		require.True(t, ok)
		var h hopEntry
		require.NoError(t, r.maps.hops.Lookup(uint32(v.Slot(i)), &h))
		return h.Fits
	}
	has := func(number uint32) bool {
		var index uint32
		return r.maps.outputs.Lookup(number, &index) == nil
	}
	forwards(1, 2)
	assert.EqualValues(t, 1514, fits(2))

	// A new output, and an interface whose MTU shrinks, which can't be told.
	require.NoError(t, r.ns.IP("link set va mtu 1400"))
	next := map[uint16]string{1: "lo", 2: "va", 3: "vb"}
	mend := breaks(t, &r.maps.hops)
	require.Error(t, set(next))
	mend()
	forwards(1, 2)
	require.NoError(t, r.Sync(r.list), "the services before are in force again")
	forwards(1, 2)
	require.NoError(t, set(next))
	assert.EqualValues(t, 1414, fits(2))
	require.NoError(t, r.Sync(r.list))
	assert.EqualValues(t, 1414, fits(2))
	r.update(1, hopsFor(1, 3)...)
	assert.EqualValues(t, 1414, fits(2), "while another group changes")
	r.update(0, hopsFor(1, 2, 3)...)
	forwards(1, 2, 3)

	// Outputs that are not set any more, and can't be deleted.
	r.update(0, hopsFor(1)...)
	r.update(1, hopsFor(1)...)
	mend = breaks(t, &r.maps.outputs)
	require.Error(t, set(map[uint16]string{1: "lo"}))
	mend()
	forwards(1)
	require.NoError(t, set(map[uint16]string{1: "lo"}))
	forwards(1)
	assert.True(t, has(1))
	assert.False(t, has(2))
	assert.False(t, has(3))
	_, err := r.groups[0].Update(hopsFor(1, 2))
	require.NoError(t, err)
	require.ErrorIs(t, r.Sync(r.list), ErrOutput)
}
