package flowcache

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// TestReleaseEndsWhileAWorkerRoutes has the only release begin and end all the
// time, while a worker routes a flow of its member.
func TestReleaseEndsWhileAWorkerRoutes(t *testing.T) {
	d := selector.NewDomain()
	table, err := NewTable(Config{Domain: d, Flows: 1})
	require.NoError(t, err)
	g, err := selector.NewGroup[int](d, selector.GroupConfig{Name: "g", Strategy: selector.Modulo{}})
	require.NoError(t, err)
	_, err = g.Update([]selector.Hop[int]{{ID: "a", Weight: 1}})
	require.NoError(t, err)
	p := Packet{Digest: 1 << 63, Class: ClassTCP, Flags: hash.ACK}
	require.Equal(t, Route{0, Placed}, NewSticky(table).Route(p, g.Load().View(), 0))
	s, err := g.Update([]selector.Hop[int]{{ID: "a"}, {ID: "b", Weight: 1}})
	require.NoError(t, err)
	v := s.View()
	table.Release(v, 0, ReleaseConfig{Deadline: time.Hour}, 0)
	release := table.releases.Load()

	var working sync.WaitGroup
	var end atomic.Bool
	working.Go(func() {
		defer end.Store(true)
		s := NewSticky(table)
		assert.NotPanics(t, func() {
			for !end.Load() {
				if r := s.Route(p, v, 0); r != (Route{0, Pinned}) {
					t.Errorf("%+v", r)
					return
				}
			}
		})
	})
	for begin := time.Now(); !end.Load() && time.Since(begin) < time.Second/2; {
		for range 1000 {
			table.releases.Store(release)
			table.releases.Store(nil)
		}
	}
	end.Store(true)
	working.Wait()
}
