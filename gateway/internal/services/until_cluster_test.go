package services_test

import (
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

// Whoever comes to the deadline goes by what the log says then: another end that
// was given meanwhile counts.
func TestEndGoesByTheLog(t *testing.T) {
	f, l := newClustered(t)
	now := &clock{time.Unix(1000, 0)}
	f.Now = func() time.Time { return now.Time }
	minute := services.Until{Deadline: now.Add(time.Minute)}
	require.NoError(t, f.By("ann").DrainUntil(config.Default, "pod1", minute))
	now.Time = now.Add(2 * time.Minute)
	require.NoError(t, f.Step())
	assert.Empty(t, f.plane.Released, "the clock alone ends nothing")
	other := l.drains["pod1"]
	other.Deadline = now.Add(time.Hour)
	l.drains["pod1"] = other
	require.NoError(t, f.EndOverdue())
	assert.Empty(t, f.plane.Released)
	now.Time = other.Deadline
	require.NoError(t, f.EndOverdue())
	assert.Equal(t, plane.Everything, f.plane.Released["default/pod1"])
	version := l.version
	require.NoError(t, f.EndOverdue())
	assert.Equal(t, version, l.version, "nothing is due")
}

// A drain may end with the entry that makes it. What the log says nothing of has
// no end.
func TestDrainsOfTheLog(t *testing.T) {
	f, l := newClustered(t)
	now := time.Unix(1000, 0)
	f.Now = func() time.Time { return now }
	require.NoError(t, f.By("ann").DrainUntil(config.Default, "pod1", services.Until{Deadline: now}))
	assert.Equal(t, uint64(1001), l.version)
	assert.Equal(t, plane.Everything, f.plane.Released["default/pod1"])
	assert.Equal(t, "the drain of pod1 ended: its flows go elsewhere", f.Stats().Changes[0].What)
	assert.Equal(t, "pod1 is drained until 1970-01-01T00:16:40Z", f.Stats().Changes[1].What)
	assert.Equal(t, "ann", f.Stats().Changes[1].By)
	require.NoError(t, f.Drain(config.Default, "pod2"))
	assert.Equal(t, "pod2 drained", f.Stats().Changes[0].What, "what ended is not told again")
	require.ErrorIs(t, f.DrainUntil(config.Default, "pod9", services.Until{}), services.ErrNoMember)
	require.ErrorIs(t, f.DrainUntil("none", "pod1", services.Until{}), services.ErrNoService)

	drained := pods(1, 2, 3)
	drained[0].Weight = 0
	require.NoError(t, f.SetMembersAt(config.Default, 1003, services.Logged{Members: drained}))
	assert.Empty(t, f.plane.Released)
	assert.Equal(t, "ann", f.Stats().Services[0].Members[0].Drain.By)
	require.NoError(t, f.EndOverdue())
	assert.Equal(t, uint64(1002), l.version)
}

// Flows without a connection end at a gateway that can tell them from others,
// and a deadline for them is refused by one that can't.
func TestEndForUDPInCluster(t *testing.T) {
	f, _ := newClustered(t)
	now := time.Unix(1000, 0)
	f.Now = func() time.Time { return now }
	udp := services.Until{UDP: now}
	require.NoError(t, f.DrainUntil(config.Default, "pod1", udp))
	assert.Equal(t, plane.Connectionless, f.plane.Released["default/pod1"])
	s := service(t, config.Default, vip, "maglev", pods(1, 2, 3))
	s.Key, s.Protocol = placement.Client, hash.TCP
	require.NoError(t, f.Replace([]config.Service{s}, ""))
	var refused *services.RefusedError
	require.ErrorAs(t, f.DrainUntil(config.Default, "pod2", udp), &refused)
	assert.Contains(t, refused.Error(), placement.Client.String())
	assert.Empty(t, f.plane.Released)
}
