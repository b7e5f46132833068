package joined

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/cluster"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// What is read from the log is written as it was, so that it is no change; of an
// entry from before drains had ends, too.
func TestMembersAreWrittenAsTheyWere(t *testing.T) {
	m := config.Member{ID: "pod1", Dev: "lp1", Addr: netip.MustParseAddr("10.9.1.2")}
	here := time.FixedZone("here", 3600)
	drain := services.Drain{By: "ann", At: time.Unix(1, 2).In(here), Flows: 7}
	drain.Deadline, drain.UDPEnded = time.Unix(60, 0).In(here), time.Unix(50, 0).In(here)
	drains := map[string]services.Drain{"pod1": drain}
	written, err := encode(m, 3, drains)
	require.NoError(t, err)
	old := cluster.Member{ID: "pod1", Data: `{"id":"pod1","dev":"lp1","addr":"10.9.1.2","weight":3}`}
	for _, e := range []cluster.Member{written, old} {
		l, err := decode([]cluster.Member{e})
		require.NoError(t, err)
		assert.Equal(t, map[string]uint32{"pod1": 3}, l.Drained)
		again, err := encodeAll(l.Members, l.Drained, l.Drains)
		require.NoError(t, err)
		assert.Equal(t, []cluster.Member{e}, again)
		if e == old {
			assert.Empty(t, l.Drains)
			continue
		}
		assert.True(t, l.Drains["pod1"].Deadline.Equal(drain.Deadline))
		assert.Zero(t, l.Drains["pod1"].Flows, "it is each gateway's own")
	}
	m.Weight = 1
	again, err := encode(m, 0, drains)
	require.NoError(t, err)
	assert.NotContains(t, again.Data, "drain", "it takes flows")
	_, err = decode([]cluster.Member{{ID: "pod1", Data: `{"id":"pod1","dev":"lp1","drain":7}`}})
	assert.ErrorContains(t, err, `member "pod1" of the log: drain`)
}
