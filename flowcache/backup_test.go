package flowcache_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// hopsOf returns members as hops.
func hopsOf(members []selector.Member) []selector.Hop[string] {
	hops := make([]selector.Hop[string], len(members))
	for i, m := range members {
		hops[i] = selector.Hop[string]{ID: m.ID, Weight: m.Weight, Value: m.ID}
	}
	return hops
}

func (r *router) setHops(hops ...selector.Hop[string]) {
	r.t.Helper()
	_, err := r.group.Update(hops)
	require.NoError(r.t, err)
}

// TestFlowsOfBackups: while the primary is down its flows are detoured to the
// backup, and new ones are pinned there. When it is back, the first return, the
// others stay, and what begins then begins at the primary.
func TestFlowsOfBackups(t *testing.T) {
	r := newRouter(t, flowcache.Config{})
	primary, backup := selector.Hop[string]{ID: "p", Weight: 1}, selector.Hop[string]{ID: "z", Weight: 1, Backup: true}
	r.setHops(primary, backup)
	require.Equal(t, "p", r.connect(1))
	r.group.Mark("p").SetDown(true)
	r.expect(1, hash.ACK, "z", flowcache.Detoured)
	require.Equal(t, "z", r.connect(2))
	r.expect(2, hash.ACK, "z", flowcache.Pinned)

	r.group.Mark("p").SetDown(false)
	r.expect(1, hash.ACK, "p", flowcache.Pinned)
	r.expect(2, hash.ACK, "z", flowcache.Pinned)
	r.expect(3, hash.SYN, "p", flowcache.Placed)
	r.expect(2, hash.SYN, "p", flowcache.Placed) // its port is used again
	r.expect(2, hash.ACK, "p", flowcache.Pinned)

	// A drain of the primary lets its flows be.
	r.setHops(selector.Hop[string]{ID: "p"}, backup)
	r.expect(1, hash.ACK, "p", flowcache.Pinned)
	require.Equal(t, "z", r.connect(4))
	r.expect(4, hash.SYN, "z", flowcache.Pinned)
	r.setHops(primary, backup)
	r.expect(4, hash.ACK, "z", flowcache.Pinned)

	// After the grace its flows move to the backup, once.
	r.group.Mark("p").SetDown(true)
	r.wait(50 * time.Second)
	r.expect(1, hash.ACK, "z", flowcache.Moved)
	r.expect(1, hash.ACK, "z", flowcache.Pinned)
	r.group.Mark("p").SetDown(false)
	r.expect(1, hash.ACK, "z", flowcache.Pinned)

	// A backup that becomes a primary keeps its flows, and takes new ones.
	r.setHops(selector.Hop[string]{ID: "p", Weight: 1}, selector.Hop[string]{ID: "z", Weight: 1})
	r.expect(1, hash.ACK, "z", flowcache.Pinned)
	r.expect(1, hash.SYN, "z", flowcache.Pinned)
}

// TestAllDownUseAll: flows stay where they are as if nobody were down, and new
// ones are pinned.
func TestAllDownUseAll(t *testing.T) {
	for _, allDown := range []selector.AllDown{selector.DropAll, selector.UseAll} {
		d := selector.NewDomain()
		r := newRouter(t, flowcache.Config{Domain: d}, "unused")
		var err error
		r.group, err = selector.NewGroup[string](d, selector.GroupConfig{Name: "g", Strategy: selector.Rendezvous{},
			AllDown: allDown})
		require.NoError(t, err)
		r.set(selector.Equal("a", "b")...)
		m := r.connect(1)
		d.Mark("a").SetDown(true)
		r.group.Mark("b").SetDown(true)
		if allDown == selector.DropAll {
			r.expect(1, hash.ACK, "", flowcache.NoMember)
			r.expect(2, hash.SYN, "", flowcache.NoMember)
		} else {
			r.expect(1, hash.ACK, m, flowcache.Pinned)
			other := r.connect(2)
			d.Mark("a").SetDown(false)
			got, verdict := r.tcp(2, hash.ACK)
			assert.Equal(t, "a", got, "with one up, marks count again")
			assert.Equal(t, other != "a", verdict == flowcache.Detoured)
		}
	}
}
