package services_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/fakeplane"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/selector"
)

// heavier returns services with the first member of each, from a given one on,
// three times as heavy as before.
func heavier(list []config.Service, from int) []config.Service {
	list = slices.Clone(list)
	for i := range list[from:] {
		s := &list[from+i]
		s.Members = slices.Clone(s.Members)
		s.Members[0].Weight *= 3
	}
	return list
}

// While the tables of many services are built, a mark and a drain of another
// service are in force at once, and each table is built once. So it is for
// whatever changes many.
func TestBuildsManyWithoutTheLock(t *testing.T) {
	const changed = 4
	var builds func()
	slow := noticed{selector.Bounded{}, &builds}
	list := manyServices(1+changed, 3, slow)
	list[0].Strategy = selector.Maglev{} // of the other service
	learned := manyServices(1+2*changed, 3, slow)[1+changed:]
	for i := range learned {
		learned[i].Learned = true
	}
	for what, change := range map[string]struct {
		before func(f fixture) error
		change func(f fixture) error
	}{
		"reload": {nil, func(f fixture) error { return f.Replace(heavier(list, 1), "second") }},
		"new": {nil, func(f fixture) error {
			more := manyServices(1+3*changed, 3, slow)[1+2*changed:]
			return f.Replace(append(slices.Clone(list), more...), "second")
		}},
		"learned": {nil, func(f fixture) error { return f.SetLearned(learned, nil) }},
		"learned anew": {
			func(f fixture) error { return f.SetLearned(learned, nil) },
			func(f fixture) error { return f.SetLearned(heavier(learned, 0), nil) },
		},
		"other strategies": {nil, func(f fixture) error {
			next := slices.Clone(list)
			for i := range next[1:] {
				next[1+i].Strategy = noticed{selector.Maglev{}, &builds}
			}
			return f.Replace(next, "second")
		}},
		"step": {
			func(f fixture) error {
				began := time.Unix(1000, 0)
				f.Now = func() time.Time { return began }
				next := slices.Clone(list)
				for i := range next[1:] {
					next[1+i].Ramp = config.Ramp{Time: time.Minute, Steps: 10}
					next[1+i].Members = append(slices.Clone(next[1+i].Members), pod(100+i, 1))
				}
				if err := f.Replace(next, "ramped"); err != nil {
					return err
				}
				f.Now = func() time.Time { return began.Add(30 * time.Second) }
				return nil
			},
			func(f fixture) error { return f.Step() },
		},
	} {
		t.Run(what, func(t *testing.T) {
			builds = nil
			f := start(t, list)
			if change.before != nil {
				require.NoError(t, change.before(f))
			}
			var times atomic.Int64
			var others sync.Once
			var failed error
			builds = func() {
				times.Add(1)
				others.Do(func() {
					failed = meanwhile(func() error {
						return errors.Join(f.SetDown("service0", "pod0", true), f.Drain("service0", "pod1"))
					})
				})
			}
			require.NoError(t, change.change(f))
			builds = nil
			require.NoError(t, failed)
			assert.EqualValues(t, changed, times.Load(), "tables built")
			assert.Equal(t, map[string]uint32{"pod1": 0, "pod2": 1}, f.weights("service0"), "what came between holds")
		})
	}
}

// meanwhile has something done by another goroutine, and returns its error, or
// one if it waits for who calls.
func meanwhile(do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-time.After(10 * time.Second):
		return errors.New("nobody answers while tables are built")
	}
}

// Reloads, drains and marks at the same time each build for what they find: in
// the end everything is told of the members that there are.
func TestReloadsAtTheSameTime(t *testing.T) {
	list := manyServices(4, 4, selector.Maglev{})
	f := start(t, list)
	errs := make([]error, 4)
	var changing sync.WaitGroup
	changing.Go(func() {
		for n := range 20 {
			errs[0] = errors.Join(errs[0], f.Replace(heavier(list, n%len(list)), "file"))
		}
		errs[0] = errors.Join(errs[0], f.Replace(list[:3], "file"), f.Replace(list, "file"))
	})
	changing.Go(func() {
		learned := manyServices(6, 4, selector.Maglev{})[4:]
		for i := range learned {
			learned[i].Learned = true
		}
		for n := range 20 {
			errs[1] = errors.Join(errs[1], f.SetLearned(heavier(learned, n%2), nil))
		}
	})
	changing.Go(func() {
		for n := range 40 {
			errs[2] = errors.Join(errs[2], f.SetDown("service0", "pod1", n%2 == 0))
		}
	})
	changing.Go(func() {
		for n := range 20 {
			errs[3] = errors.Join(errs[3], weighs(f, "service1", "pod5", uint32(n%3)))
		}
		errs[3] = errors.Join(errs[3], f.Drain("service1", "pod5"))
	})
	changing.Wait()
	require.NoError(t, errors.Join(errs...))
	require.NoError(t, f.Replace(list, "last"))
	assert.Equal(t, map[string]uint32{"pod4": 1, "pod5": 0, "pod6": 1, "pod7": 1}, f.weights("service1"))
	stats := f.Stats().Services
	require.Len(t, stats, 6)
	for _, s := range stats {
		g, err := f.Group(s.Name)
		require.NoError(t, err)
		v := g.Load().View()
		shares := v.Shares()
		for _, m := range s.Members {
			i, ok := v.Index(m.ID)
			require.True(t, ok)
			assert.InDelta(t, shares[i], m.Owned, 0, m.ID)
		}
	}
}

// A reload that is refused changes nothing, and the next one builds what it
// needs.
func TestRefusedReload(t *testing.T) {
	list := manyServices(3, 3, selector.Bounded{})
	f := start(t, list)
	versions := f.versions()
	next := heavier(list, 0)
	next[2].Strategy = selector.Anchor{Capacity: 2}
	next = append(next, service(t, "fresh", other, "maglev", pods(90)))
	var refused *services.RefusedError
	require.ErrorAs(t, f.Replace(next, "second"), &refused)
	assert.Equal(t, "service2", refused.Service)
	assert.Equal(t, versions, f.versions())
	next[2].Strategy = selector.Bounded{}
	require.NoError(t, f.Replace(next, "third"))
	for i := range 3 {
		assert.Equal(t, uint32(3), f.weights(fmt.Sprint("service", i))[fmt.Sprint("pod", 3*i)])
	}
	assert.Len(t, f.weights("fresh"), 1)
}

// failing is a plane that fails the next calls of Sync, each when it has taken
// everything over.
type failing struct {
	*fakeplane.Plane
	times int
}

func (p *failing) Sync(services []plane.Service) error {
	err := p.Plane.Sync(services)
	if p.times == 0 {
		return err
	}
	p.times--
	return errors.Join(err, assert.AnError)
}

// After a change that failed the plane has the marks of before, too: at once, or
// with the next step if it fails again.
func TestMarksAfterFailure(t *testing.T) {
	for _, times := range []int{1, 2} {
		t.Run(fmt.Sprint(times), func(t *testing.T) {
			domain := selector.NewDomain()
			fake, err := fakeplane.New(domain)
			require.NoError(t, err)
			p := &failing{Plane: fake}
			f := fixture{services.New(p, domain, []string{"lc"}, slog.New(slog.DiscardHandler)), fake}
			list := manyServices(2, 2, selector.Bounded{})
			require.NoError(t, f.Replace(list, "first"))
			require.NoError(t, f.SetCarrier("lp9", false))
			next := slices.Clone(list)
			next[0].Members = slices.Clone(next[0].Members)
			next[0].Members[0].Dev = "lp9"
			p.times = times
			require.ErrorIs(t, f.Replace(next, "second"), assert.AnError)
			if times > 1 {
				require.Len(t, f.weights("service0"), 2)
				p.times = 1
				require.ErrorIs(t, f.Step(), assert.AnError)
			}
			require.NoError(t, f.Step())
			assert.Equal(t, map[string]uint32{"pod0": 1, "pod1": 1}, f.weights("service0"))
			syncs := len(fake.Syncs())
			require.NoError(t, f.Step())
			assert.Len(t, fake.Syncs(), syncs, "there is nothing left to do")
		})
	}
}
