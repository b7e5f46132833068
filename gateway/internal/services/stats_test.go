package services_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// Packets and flows of a member that two services have are told apart, and
// those of one go on counting when the other loses the member.
func TestTrafficIsToldByService(t *testing.T) {
	f := newRegistry(t)
	web := service(t, config.Default, vip, "maglev", pods(1, 2))
	dns := service(t, "dns", other, "maglev", pods(1, 2))
	require.NoError(t, f.Replace([]config.Service{web, dns}, "both"))
	of := func(n int, id string) services.MemberStats {
		for _, m := range f.Stats().Services[n].Members {
			if m.ID == id {
				return m
			}
		}
		return services.MemberStats{}
	}
	went := map[string]int{}
	for _, id := range f.plane.Receive(vip, 0, 100) {
		went[id]++
	}
	for _, id := range []string{"pod1", "pod2"} {
		require.NotZero(t, went[id])
		assert.EqualValues(t, went[id], of(0, id).Frames)
		assert.Equal(t, went[id], of(0, id).Flows)
		assert.Zero(t, of(1, id).Frames, "of another service")
		assert.Zero(t, of(1, id).Flows, "of another service")
	}
	f.plane.Receive(other, 0, 7)
	assert.EqualValues(t, 100, f.Stats().Services[0].Frames)
	assert.EqualValues(t, 7, f.Stats().Services[1].Frames)
	assert.EqualValues(t, 7*60, f.Stats().Services[1].Bytes)

	require.NoError(t, f.Delete("dns", "pod1"))
	assert.Equal(t, went["pod1"], of(0, "pod1").Flows, "it stays in the other service")
	f.plane.Receive(vip, 0, 100)
	assert.EqualValues(t, 2*went["pod1"], of(0, "pod1").Frames)
	assert.Zero(t, f.Stats().Flows.Moved, "no flow of the other service moved")
}

// What a member did not get counts for it in the service that it was for, and
// what had no member for the service. One that comes anew begins at zero, also
// if it has the number of another one, while the sum goes on.
func TestDropsAreToldByServiceAndMember(t *testing.T) {
	f := newRegistry(t)
	web := service(t, config.Default, vip, "maglev", pods(1, 2))
	dns := service(t, "dns", other, "maglev", pods(1, 2))
	require.NoError(t, f.Replace([]config.Service{web, dns}, "both"))
	type drops = map[string]uint64
	told := func() map[string]drops {
		all := make(map[string]drops)
		for _, s := range f.Stats().Services {
			all[s.Name] = s.Dropped
			for _, m := range s.Members {
				all[s.Name+"/"+m.ID] = m.Dropped
			}
		}
		return all
	}
	for range 3 {
		f.plane.Lose("dns", "pod1", "over the MTU")
	}
	f.plane.Lose("dns", "pod1", "sender full")
	f.plane.Lose(config.Default, "pod1", "sender full")
	f.plane.Drop("not IP")
	assert.Equal(t, map[string]drops{
		config.Default: nil, config.Default + "/pod1": {"sender full": 1}, config.Default + "/pod2": nil,
		"dns": nil, "dns/pod1": {"over the MTU": 3, "sender full": 1}, "dns/pod2": nil,
	}, told())
	assert.Equal(t, drops{"over the MTU": 3, "sender full": 2, "not IP": 1}, f.Stats().Dropped)

	require.NoError(t, f.Delete("dns", "pod1"))
	require.NoError(t, f.SetMembers("dns", pods(2, 3, 4)))
	require.Contains(t, f.plane.Counters().MemberDrops, f.plane.Hops()["pod4"].Output, "it has the number of pod1")
	assert.Empty(t, told()["dns/pod4"])
	f.plane.Lose("dns", "pod4", "sender full")
	assert.Equal(t, drops{"sender full": 1}, told()["dns/pod4"])
	require.NoError(t, f.SetMembers("dns", nil))
	f.plane.Receive(other, 0, 5)
	assert.Equal(t, map[string]drops{
		config.Default: nil, config.Default + "/pod1": {"sender full": 1}, config.Default + "/pod2": nil,
		"dns": {"no member": 5},
	}, told())

	dns.Members = nil
	require.NoError(t, f.Replace([]config.Service{web}, "without"))
	require.NoError(t, f.Replace([]config.Service{web, dns}, "again"))
	f.plane.Receive(other, 0, 2)
	assert.Equal(t, drops{"no member": 2}, told()["dns"], "another service of that name")
	assert.Equal(t, drops{"over the MTU": 3, "sender full": 3, "not IP": 1, "no member": 7}, f.Stats().Dropped)
}
