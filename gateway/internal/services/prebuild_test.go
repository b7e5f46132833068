package services_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/selector"
)

// noticed is a strategy that says when it builds.
type noticed struct {
	selector.Strategy
	builds *func()
}

func (n noticed) Build(members []selector.Member) (selector.Selector, error) {
	if *n.builds != nil {
		(*n.builds)()
	}
	return n.Strategy.Build(members)
}

// weighs changes the weight of a member.
func weighs(f fixture, service, id string, weight uint32) error {
	_, _, err := f.Edit(service, id, func(m *config.Member, _ uint32) (config.Member, error) {
		next := *m
		next.Weight = weight
		return next, nil
	})
	return err
}

// While the table of a change is built, the registry answers others.
func TestBuildsWithoutTheLock(t *testing.T) {
	for what, change := range map[string]func(f fixture) error{
		"drain":  func(f fixture) error { return f.Drain("service0", "pod1") },
		"weigh":  func(f fixture) error { return weighs(f, "service0", "pod1", 7) },
		"delete": func(f fixture) error { return f.Delete("service0", "pod1") },
		"set":    func(f fixture) error { return f.SetMembers("service0", pods(0)) },
		"log": func(f fixture) error {
			return f.SetMembersAt("service0", 99, services.Logged{Members: pods(0)})
		},
	} {
		t.Run(what, func(t *testing.T) {
			var builds func()
			f := start(t, manyServices(2, 3, noticed{selector.Bounded{}, &builds}))
			times := 0
			var failed error
			builds = func() {
				times++
				failed = meanwhile(func() error {
					_, err := f.Members("service1")
					return err
				})
			}
			require.NoError(t, change(f))
			require.NoError(t, failed)
			assert.Equal(t, 1, times, "tables built")
		})
	}
}

// Changes of one service at the same time each build for what they find: in the
// end everything is told of the members that there are.
func TestChangesAtTheSameTime(t *testing.T) {
	f := start(t, manyServices(1, 8, selector.Maglev{}))
	ids := []string{"pod0", "pod1", "pod2", "pod3"}
	errs := make([]error, len(ids))
	var changing sync.WaitGroup
	for i, id := range ids {
		changing.Go(func() {
			for n := range 20 {
				errs[i] = errors.Join(errs[i], weighs(f, "service0", id, uint32(1+(n+i)%3)))
			}
			errs[i] = errors.Join(errs[i], f.Drain("service0", id))
		})
	}
	changing.Wait()
	require.NoError(t, errors.Join(errs...))
	g, err := f.Group("service0")
	require.NoError(t, err)
	v := g.Load().View()
	shares := v.Shares()
	for _, m := range f.Stats().Services[0].Members {
		i, ok := v.Index(m.ID)
		require.True(t, ok)
		assert.InDelta(t, shares[i], m.Owned, 0, m.ID)
	}
	for _, id := range ids {
		assert.Zero(t, f.weights("service0")[id])
	}
	before := v
	require.NoError(t, f.Drain("service0", "pod4"))
	d := g.Load().View().Diff(before)
	told := f.Stats().Changes[0]
	assert.InDelta(t, float64(d.Moved)/float64(d.Hashes), told.Moved, 0)
	assert.InDelta(t, float64(d.Collateral)/float64(d.Hashes), told.Collateral, 0)
}
