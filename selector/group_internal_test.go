package selector

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// whileReading runs write while two readers check what they see of the group.
func whileReading(t *testing.T, g *Group[int], check func(v *View) (fault string), write func()) {
	t.Helper()
	var done atomic.Bool
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for !done.Load() {
				if fault := check(g.Load().View()); fault != "" {
					t.Error(fault)
					return
				}
			}
		})
	}
	write()
	done.Store(true)
	readers.Wait()
}

func newInternalGroup(t *testing.T) *Group[int] {
	t.Helper()
	g, err := NewGroup[int](NewDomain(), GroupConfig{Name: "g", Strategy: Modulo{}})
	require.NoError(t, err)
	return g
}

// TestNoSnapshotIsNewerThanTheLatest: else a flow table would not trust the
// newest view there is.
func TestNoSnapshotIsNewerThanTheLatest(t *testing.T) {
	g := newInternalGroup(t)
	whileReading(t, g, func(v *View) string {
		if latest := g.builder.latest.Load().view; latest.version < v.version {
			return fmt.Sprintf("version %d can be loaded, and %d is the latest", v.version, latest.version)
		}
		return ""
	}, func() {
		v := g.builder.empty()
		for range 500_000 {
			v.version++
			g.publish(v, nil, nil)
		}
	})
}

// TestMembersOfTheLatestViewHaveSlots: else a flow table would take pins of
// live members for those of members that left.
func TestMembersOfTheLatestViewHaveSlots(t *testing.T) {
	g := newInternalGroup(t)
	const n, first = 2000, 1000 // the first that leaves
	hops := make([]Hop[int], n)
	for i := range hops {
		hops[i] = Hop[int]{ID: fmt.Sprintf("%04d", i), Weight: 1}
	}
	whileReading(t, g, func(v *View) string {
		if v.Len() <= first {
			return ""
		}
		inUse := v.domain.slots.InUse(uint16(v.Slot(first)))
		if v.Latest() && !inUse {
			return fmt.Sprintf("a member of the latest view, version %d, has no slot", v.version)
		}
		return ""
	}, func() {
		for i := range 200 {
			_, err := g.Update(hops[:n-i%2*(n-first)])
			require.NoError(t, err)
		}
	})
}
