package services_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/hash"
)

// A drain ends at its deadline, for flows without a connection at one of their
// own, and the history says when, and for whom. What takes flows again loses
// none of them.
func TestDrainEnds(t *testing.T) {
	f := newRegistry(t)
	now := &clock{time.Unix(1000, 0)}
	f.Now = func() time.Time { return now.Time }
	at := now.Time
	flows := map[string]int{}
	for _, id := range f.plane.Receive(vip, 0, 300) {
		flows[id]++
	}
	require.NoError(t, f.By("ann").DrainUntil(config.Default, "pod1",
		services.Until{Deadline: at.Add(time.Minute), UDP: at.Add(time.Second)}))
	drain := func() services.Drain { return *f.Stats().Services[0].Members[0].Drain }
	assert.Empty(t, f.plane.Released)
	assert.Equal(t, at.Add(time.Minute), drain().Deadline)
	f.after(t, now, time.Second)
	assert.Equal(t, map[string]plane.Released{"default/pod1": plane.Connectionless}, f.plane.Released)
	assert.Equal(t, now.Time, drain().UDPEnded)
	assert.Equal(t, "the drain of pod1 ended for flows without a connection: they go elsewhere",
		f.Stats().Changes[0].What)
	assert.Equal(t, "ann", f.Stats().Changes[0].By)
	changes := len(f.Stats().Changes)
	f.after(t, now, 58*time.Second)
	assert.Len(t, f.Stats().Changes, changes)
	m, err := f.MemberFlows(config.Default, "pod1")
	require.NoError(t, err)
	assert.Equal(t, flows["pod1"], m.Flows)
	assert.Equal(t, at.Add(time.Minute), m.Drain.Deadline)

	f.after(t, now, time.Second)
	assert.Equal(t, plane.Everything, f.plane.Released["default/pod1"])
	assert.Equal(t, now.Time, drain().Ended)
	assert.Equal(t, "the drain of pod1 ended: its flows go elsewhere", f.Stats().Changes[0].What)
	assert.NotContains(t, f.plane.Receive(vip, 0, 300), "pod1")
	assert.EqualValues(t, flows["pod1"], f.Stats().Changes[0].FlowsMoved)

	f.undrain(t, "pod1")
	assert.Equal(t, plane.Kept, f.plane.Released["default/pod1"])
	require.NoError(t, f.DrainUntil(config.Default, "pod1", services.Until{Deadline: now.Time}))
	assert.Equal(t, plane.Everything, f.plane.Released["default/pod1"], "at once")
	require.NoError(t, f.DrainUntil(config.Default, "pod1", services.Until{Deadline: now.Add(time.Hour)}))
	assert.Equal(t, plane.Kept, f.plane.Released["default/pod1"], "later")
	assert.True(t, drain().Ended.IsZero())
	require.NoError(t, f.Delete(config.Default, "pod1"))
	f.after(t, now, 2*time.Hour)
	assert.Equal(t, plane.Kept, f.plane.Released["default/pod1"])
	require.ErrorIs(t, f.DrainUntil(config.Default, "pod1", services.Until{}), services.ErrNoMember)
}

// What ended before a restart has ended after it, and is not told twice.
func TestEndedDrainOutlivesProcess(t *testing.T) {
	f := newRegistry(t)
	require.NoError(t, f.By("ann").DrainUntil(config.Default, "pod2", services.Until{Deadline: time.Unix(1, 0)}))
	data, err := f.Save()
	require.NoError(t, err)
	snapshot, err := services.ReadSnapshot(bytes.NewReader(data))
	require.NoError(t, err)
	next := newRegistry(t)
	next.RestoreDrains(snapshot)
	require.NoError(t, next.Replace([]config.Service{service(t, config.Default, vip, "maglev", pods(1, 2, 3))},
		"first"))
	changes := len(next.Stats().Changes)
	require.NoError(t, next.Step())
	assert.Equal(t, map[string]plane.Released{"default/pod2": plane.Everything}, next.plane.Released)
	assert.Len(t, next.Stats().Changes, changes)
	assert.False(t, next.Stats().Services[0].Members[1].Drain.Ended.IsZero())
}

// newScope returns a registry with two services of three pods that share flows,
// one and two, and its clock.
func newScope(t *testing.T) (fixture, *clock) {
	t.Helper()
	f, now := newRegistry(t), &clock{time.Unix(1000, 0)}
	f.Now = func() time.Time { return now.Time }
	one, two := service(t, "one", vip, "maglev", pods(1, 2, 3)), service(t, "two", other, "maglev", pods(1, 2, 3))
	one.Scope, two.Scope = "both", "both"
	require.NoError(t, f.Replace([]config.Service{one, two}, "second"))
	return f, now
}

// Drains of one member in several services end each by its own deadline, and
// one of them changes nothing of the others.
func TestDrainsOfAScopeEndApart(t *testing.T) {
	f, now := newScope(t)
	drain := func(service string, end services.Until) {
		t.Helper()
		require.NoError(t, f.DrainUntil(service, "pod1", end))
	}
	at := func(service string) (there bool) {
		to := vip
		if service == "two" {
			to = other
		}
		for _, id := range f.plane.Receive(to, 0, 300) {
			there = there || id == "pod1"
		}
		return there
	}
	require.True(t, at("one"))
	require.True(t, at("two"))
	drain("one", services.Until{Deadline: now.Time})
	drain("two", services.Until{})
	assert.Equal(t, map[string]plane.Released{"one/pod1": plane.Everything}, f.plane.Released)
	assert.False(t, at("one"))
	assert.True(t, at("two"), "without an end")

	drain("two", services.Until{UDP: now.Time})
	both := map[string]plane.Released{"one/pod1": plane.Everything, "two/pod1": plane.Connectionless}
	assert.Equal(t, both, f.plane.Released)
	drain("two", services.Until{Deadline: now.Time})
	both["two/pod1"] = plane.Everything
	assert.Equal(t, both, f.plane.Released)
	_, _, err := f.Edit("two", "pod1", func(m *config.Member, drained uint32) (config.Member, error) {
		m.Weight = drained
		return *m, nil
	})
	require.NoError(t, err)
	delete(both, "two/pod1")
	assert.Equal(t, both, f.plane.Released, "the other takes flows again")
}

// What a plane was told of members that leave is taken back, whichever way they
// leave.
func TestEndedDrainsLeaveWithMembers(t *testing.T) {
	f, now := newScope(t)
	for _, id := range []string{"pod1", "pod2", "pod3"} {
		require.NoError(t, f.DrainUntil("one", id, services.Until{Deadline: now.Time}))
		require.NoError(t, f.DrainUntil("two", id, services.Until{Deadline: now.Time}))
	}
	require.Len(t, f.plane.Released, 6)
	require.NoError(t, f.Delete("one", "pod1"))
	assert.Len(t, f.plane.Released, 5)
	assert.NotContains(t, f.plane.Released, "one/pod1")
	require.NoError(t, f.SetMembers("one", pods(3)))
	assert.Len(t, f.plane.Released, 3)
	two := service(t, "two", other, "maglev", pods(1, 3))
	two.Scope = "both"
	require.NoError(t, f.Replace([]config.Service{two}, "third"))
	assert.Equal(t, map[string]plane.Released{"two/pod1": plane.Everything, "two/pod3": plane.Everything},
		f.plane.Released)
	told := f.plane.Releases
	require.NoError(t, f.Step())
	assert.Equal(t, told, f.plane.Releases, "it knows")
}

// A drain that the plane could not be told the end of has not ended, and is told
// by the next step. So is all of them after a change that was undone: the member
// may have taken flows meanwhile.
func TestDrainEndsLater(t *testing.T) {
	f, now := newScope(t)
	f.plane.FailRelease = assert.AnError
	require.ErrorIs(t, f.DrainUntil("one", "pod1", services.Until{Deadline: now.Time}), assert.AnError)
	ended := func() bool { return !f.Stats().Services[0].Members[0].Drain.Ended.IsZero() }
	assert.False(t, ended())
	assert.Equal(t, "pod1 drained until 1970-01-01T00:16:40Z", f.Stats().Changes[0].What)
	require.ErrorIs(t, f.Step(), assert.AnError)
	assert.False(t, ended())
	f.plane.FailRelease = nil
	require.NoError(t, f.Step())
	assert.True(t, ended())
	assert.Equal(t, map[string]plane.Released{"one/pod1": plane.Everything}, f.plane.Released)

	f.plane.FailSync = assert.AnError
	require.Error(t, f.SetMembers("one", pods(1, 2, 3)))
	f.plane.FailSync = nil
	told := f.plane.Releases
	require.NoError(t, f.Step())
	assert.Equal(t, told+1, f.plane.Releases)
}

// The history says when a drain is to end, and who had it end at another time.
func TestEndsOfDrainsAreInTheHistory(t *testing.T) {
	f := newRegistry(t)
	at := time.Unix(0, 0)
	f.Now = func() time.Time { return at }
	minute, hour := services.Until{Deadline: at.Add(time.Minute)}, services.Until{Deadline: at.Add(time.Hour)}
	minute.UDP = at.Add(time.Second)
	for _, d := range []struct {
		by, id string
		end    services.Until
	}{
		{"ann", "pod1", minute}, {"bob", "pod1", services.Until{}}, {"bob", "pod1", services.Until{}},
		{"dora", "pod1", hour}, {"dora", "pod1", hour}, {"carl", "pod2", services.Until{}},
	} {
		require.NoError(t, f.By(d.by).DrainUntil(config.Default, d.id, d.end))
	}
	var got [][2]string
	for _, c := range f.Stats().Changes[:4] {
		got = append(got, [2]string{c.By, c.What})
	}
	assert.Equal(t, [][2]string{
		{"carl", "pod2 drained"},
		{"dora", "pod1 is drained until 1970-01-01T01:00:00Z, not without an end"},
		{"bob", "pod1 is drained without an end, " +
			"not until 1970-01-01T00:01:00Z, for flows without a connection until 1970-01-01T00:00:01Z"},
		{"ann", "pod1 drained until 1970-01-01T00:01:00Z, for flows without a connection until 1970-01-01T00:00:01Z"},
	}, got)
	at = at.Add(time.Hour)
	require.NoError(t, f.Step())
	assert.Equal(t, "the drain of pod1 ended: its flows go elsewhere", f.Stats().Changes[0].What)
	assert.Equal(t, "dora", f.Stats().Changes[0].By)
}

// Where a flow may be many connections of TCP, none leaves by a deadline for
// UDP, given before the service had that key or since.
func TestNoEndForUDPWhereFlowsAreManyConnections(t *testing.T) {
	f, at := newRegistry(t), time.Unix(1000, 0)
	f.Now = func() time.Time { return at }
	for _, c := range []struct {
		key      placement.Key
		protocol uint8
		can      bool
	}{
		{placement.FiveTuple, 0, true}, {placement.Inner, 0, true}, {placement.Client, hash.UDP, true},
		{placement.ThreeTuple, 0, false}, {placement.Addresses, hash.TCP, false}, {placement.Client, 0, false},
		{placement.TEID, hash.UDP, false}, {placement.InnerClient, hash.UDP, false},
		{placement.InnerAddresses, 0, false},
	} {
		s := service(t, config.Default, vip, "maglev", pods(1, 2, 3))
		require.NoError(t, f.Replace([]config.Service{s}, ""))
		require.NoError(t, f.DrainUntil(config.Default, "pod1", services.Until{UDP: at}))
		require.Len(t, f.plane.Released, 1)
		s.Key, s.Protocol = c.key, c.protocol
		require.NoError(t, f.Replace([]config.Service{s}, ""))
		err := f.DrainUntil(config.Default, "pod2", services.Until{UDP: at})
		if c.can {
			require.NoError(t, err)
			assert.Len(t, f.plane.Released, 2, c.key)
		} else {
			var refused *services.RefusedError
			require.ErrorAs(t, err, &refused, c.key)
			assert.Contains(t, err.Error(), c.key.String())
			assert.EqualValues(t, 1, f.weights(config.Default)["pod2"])
			assert.Empty(t, f.plane.Released, c.key)
		}
		require.NoError(t, f.DrainUntil(config.Default, "pod2", services.Until{Deadline: at}))
		assert.Equal(t, plane.Everything, f.plane.Released["default/pod2"])
		f.undrain(t, "pod1")
		f.undrain(t, "pod2")
	}
}
