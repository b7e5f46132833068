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
