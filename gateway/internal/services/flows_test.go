package services_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/fakeplane"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/selector"
)

const (
	waitFor = time.Minute // far more than anything takes
	tick    = time.Millisecond
)

// Flows stay through what adds, drains and weighs members; those of a member
// that is removed are counted as voided and move.
func TestFlowsThroughChanges(t *testing.T) {
	const flows = 600
	f := newRegistry(t)
	went := f.plane.Receive(vip, 0, flows)
	stays := func() {
		t.Helper()
		assert.Equal(t, went, f.plane.Receive(vip, 0, flows))
	}
	require.NoError(t, f.SetMembers(config.Default, pods(1, 2, 3, 4)))
	stays()
	require.NoError(t, f.Drain(config.Default, "pod2"))
	stays()
	assert.NotContains(t, f.plane.Receive(vip, 10_000, 100), "pod2", "no new flow")
	stats := f.Stats()
	of := func(id string) (m services.MemberStats) {
		for _, m = range stats.Services[0].Members {
			if m.ID == id {
				break
			}
		}
		return m
	}
	had := map[string]int{}
	for _, id := range went {
		had[id]++
	}
	assert.Equal(t, had["pod2"], of("pod2").Flows)
	assert.Equal(t, services.Drained, of("pod2").State)
	assert.Equal(t, services.Up, of("pod1").State)
	assert.InDelta(t, 1./3, of("pod1").Due, 1e-9)
	assert.Zero(t, of("pod2").Due)
	assert.Equal(t, 700, stats.Flows.Flows)

	had["pod1"] = of("pod1").Flows // with new ones
	require.NoError(t, f.Delete(config.Default, "pod1"))
	again := f.plane.Receive(vip, 0, flows)
	for i := range went {
		if went[i] != "pod1" {
			assert.Equal(t, went[i], again[i])
		} else {
			assert.NotEqual(t, "pod1", again[i])
			assert.NotEqual(t, "pod2", again[i])
		}
	}
	f.plane.Receive(vip, 10_000, 100)
	stats = f.Stats()
	assert.Equal(t, "pod1 left", stats.Changes[0].What)
	assert.Equal(t, had["pod1"], stats.Changes[0].Voided)
	assert.Equal(t, uint64(had["pod1"]), stats.Changes[0].FlowsMoved)
	assert.InDelta(t, 1./3, stats.Changes[0].Moved, .01)
	assert.Equal(t, "pod2 drained", stats.Changes[1].What)
	assert.Zero(t, stats.Changes[1].FlowsMoved)
}

// A reload changes the strategy, with members or without, and no established
// flow of a member that stays goes elsewhere. A failed one changes it back.
func TestFlowsThroughChangesOfStrategy(t *testing.T) {
	const flows = 600
	f := newRegistry(t)
	went := f.plane.Receive(vip, 0, flows)
	stays := func(what string) {
		t.Helper()
		assert.Equal(t, went, f.plane.Receive(vip, 0, flows), what)
	}
	unequal := pods(1, 2, 3)
	unequal[1].Weight = 5
	for _, c := range []struct {
		strategy string
		members  []config.Member
	}{
		{"bounded", pods(1, 2, 3)},
		{"bounded:slots=4096", pods(1, 2, 3)},
		{"anchor", pods(1, 2, 3, 4)},
		{"bounded", unequal}, // which anchor does not serve
		{"memento", pods(1, 2, 3)},
		{"maglev", pods(1, 2, 3)},
	} {
		next := service(t, config.Default, vip, c.strategy, c.members)
		f.plane.FailSync = errors.New("no")
		require.Error(t, f.Replace([]config.Service{next}, "a failure"))
		stays("failed " + c.strategy)
		f.plane.FailSync = nil
		was := f.Stats().Services[0].Strategy
		require.NoError(t, f.Replace([]config.Service{next}, c.strategy))
		stays(c.strategy)
		stats := f.Stats()
		assert.Equal(t, c.strategy, stats.Services[0].Strategy)
		assert.Contains(t, stats.Changes[0].What, fmt.Sprintf("placed by %s, not %s", c.strategy, was))
		assert.Zero(t, stats.Changes[0].FlowsMoved)
	}
}

// Packets don't wait until a change is written down: what they move meanwhile
// is of that change.
func TestFlowsMovedMeanwhile(t *testing.T) {
	f := newRegistry(t)
	f.plane.Receive(vip, 0, 300)
	f.plane.Synced = func() { f.plane.Receive(vip, 0, 300) }
	require.NoError(t, f.Drain(config.Default, "pod1"))
	require.NoError(t, f.Delete(config.Default, "pod1"))
	require.NoError(t, f.SetCarrier("lp9", false))
	require.NoError(t, f.SetMembers(config.Default, pods(2, 3, 4)))
	changes := f.Stats().Changes
	assert.Equal(t, "pod1 left", changes[1].What)
	assert.Positive(t, changes[1].FlowsMoved)
	assert.Equal(t, uint64(changes[1].Voided), changes[1].FlowsMoved)
	assert.Zero(t, changes[0].FlowsMoved)
	assert.Zero(t, changes[2].FlowsMoved)
}

// A member behind a link without a carrier gets nothing, whenever it joins,
// until the carrier returns.
func TestCarrier(t *testing.T) {
	f := newRegistry(t)
	require.NoError(t, f.SetCarrier("lp2", false))
	assert.Equal(t, map[string]uint32{"pod1": 1, "pod3": 1}, f.weights(config.Default))
	assert.NotContains(t, f.plane.Receive(vip, 0, 100), "pod2")
	assert.Equal(t, services.Down, f.Stats().Services[0].Members[1].State)
	assert.InDelta(t, .5, f.Stats().Services[0].Members[0].Due, 1e-9)
	require.NoError(t, f.SetCarrier("lp4", false))
	require.NoError(t, f.SetMembers(config.Default, pods(2, 3, 4)))
	assert.Equal(t, map[string]uint32{"pod3": 1}, f.weights(config.Default))
	require.NoError(t, f.SetCarrier("lp4", true))
	assert.Equal(t, map[string]uint32{"pod3": 1, "pod4": 1}, f.weights(config.Default))
	f.plane.FailSync = errors.New("no")
	require.Error(t, f.SetCarrier("lp2", true))
	f.plane.FailSync = nil
	require.NoError(t, f.SetCarrier("lp4", false), "the next one puts it right")
	assert.Equal(t, map[string]uint32{"pod2": 1, "pod3": 1}, f.weights(config.Default))
	require.NoError(t, f.SetCarrier("eth9", false), "nobody's")
	// A member that moves behind another link is as that is.
	moved := pod(4, 1)
	moved.Dev = "lp3"
	require.NoError(t, f.SetMembers(config.Default, []config.Member{moved}))
	assert.Equal(t, map[string]uint32{"pod4": 1}, f.weights(config.Default))
}

// The row of a failure says how many flows it sends elsewhere.
func TestFailuresSayHowManyFlowsTheyDetour(t *testing.T) {
	f := newRegistry(t)
	had := map[string]int{}
	for _, id := range f.plane.Receive(vip, 0, 300) {
		had[id]++
	}
	newest := func(what string, flows, all int) {
		t.Helper()
		require.Eventually(t, func() bool { return f.Stats().Changes[0].Flows == all }, waitFor, tick)
		assert.Equal(t, what, f.Stats().Changes[0].What)
		assert.Equal(t, flows, f.Stats().Changes[0].Detoured)
	}
	require.NoError(t, f.SetCarrier("lp3", false))
	newest("lp3 lost its carrier", had["pod3"], 300)
	assert.Zero(t, f.Stats().Flows.Detoured, "no packet came yet")
	f.plane.Receive(vip, 0, 300)
	assert.EqualValues(t, had["pod3"], f.Stats().Flows.Detoured)
	require.NoError(t, f.SetCarrier("lp3", true))
	assert.Equal(t, "lp3 has a carrier again", f.Stats().Changes[0].What)
	require.NoError(t, f.SetDown(config.Default, "pod1", true))
	newest("pod1 is down: it was set down", had["pod1"], 300)

	// In one service or, behind an interface, in all.
	require.NoError(t, f.Replace([]config.Service{
		service(t, config.Default, vip, "maglev", pods(1, 2, 3)), service(t, "dns", other, "maglev", pods(3, 4)),
	}, "two"))
	hadThere := 0
	for _, id := range f.plane.Receive(other, 0, 100) {
		if id == "pod3" {
			hadThere++
		}
	}
	require.Positive(t, hadThere)
	require.NoError(t, f.SetDown("dns", "pod3", true))
	newest("pod3 is down: it was set down", hadThere, 400)
	require.NoError(t, f.SetDown("dns", "pod3", false))
	require.NoError(t, f.SetCarrier("lp3", false))
	newest("lp3 lost its carrier", had["pod3"]+hadThere, 400)
}

// Whoever a number belongs to, every frame is counted once.
func TestTrafficAddsUp(t *testing.T) {
	f := newRegistry(t)
	r := rand.New(rand.NewPCG(1, 2))
	was := map[string]bool{"pod1": true, "pod2": true, "pod3": true}
	for round := range 200 {
		var members []config.Member
		for i := range 6 {
			if r.IntN(2) == 0 {
				members = append(members, pod(i, uint32(r.IntN(3))))
			}
		}
		require.NoError(t, f.SetMembers(config.Default, members))
		before := map[string]uint64{}
		for _, m := range f.Stats().Services[0].Members {
			before[m.ID] = m.Frames
			if !was[m.ID] {
				assert.Zero(t, m.Frames, "round %d: %s has nothing of who had its number", round, m.ID)
			}
		}
		went := map[string]uint64{}
		for _, id := range f.plane.Receive(vip, r.IntN(1000), 20) {
			went[id]++
		}
		f.plane.Drop("not IP")
		s := f.Stats()
		sum, bytes := s.Left.Frames+s.Replies.Frames, s.Left.Bytes
		for _, m := range s.Services[0].Members {
			assert.Equal(t, went[m.ID], m.Frames-before[m.ID], "round %d, %s", round, m.ID)
			sum += m.Frames
			bytes += m.Bytes
		}
		for _, n := range s.Dropped {
			sum += n
		}
		was = map[string]bool{}
		for id := range before {
			was[id] = true
		}
		require.Equal(t, s.In.Frames, sum)
		require.Equal(t, s.In.Bytes, bytes+60*s.Dropped["no member"])
	}
}

// Who reads while others change sees one state or the next, and the plane sees
// no half of either.
func TestConcurrency(t *testing.T) {
	f := newRegistry(t)
	const rounds = 100
	var wait sync.WaitGroup
	wait.Go(func() {
		for i := range rounds {
			next := []config.Service{service(t, config.Default, vip, "maglev", pods(1, 2)),
				service(t, "dns", other, "maglev", pods(1, 2))}
			if i%2 == 0 {
				next[0].Members, next[1].Members = pods(3, 4, 5), pods(3, 4, 5)
			}
			assert.NoError(t, f.Replace(next, "concurrent"))
		}
	})
	wait.Go(func() {
		for i := range rounds {
			_ = f.Health()
			assert.NoError(t, f.SetCarrier("lp9", i%2 == 0))
		}
	})
	wait.Go(func() {
		for range rounds {
			s := f.Stats()
			if len(s.Services) == 2 {
				assert.Len(t, s.Services[1].Members, len(s.Services[0].Members))
			}
		}
	})
	wait.Go(func() {
		for range rounds {
			_, err := f.Save()
			assert.NoError(t, err)
		}
	})
	wait.Wait()
	for _, s := range f.plane.Syncs()[1:] {
		assert.Equal(t, s[config.Default], s["dns"])
	}
}

// A process that is killed is followed by one that has its members, also those
// of later changes, and its flows.
func TestSnapshot(t *testing.T) {
	const flows = 500
	f := newRegistry(t)
	require.NoError(t, f.SetMembers(config.Default, append(pods(1, 2, 4), pod(3, 5))))
	went := f.plane.Receive(vip, 0, flows)
	require.NoError(t, f.SetMembers(config.Default, append(pods(1, 2, 4, 5), pod(3, 5))))
	require.NoError(t, f.Drain(config.Default, "pod3"))
	data, err := f.Save()
	require.NoError(t, err)
	configured := []config.Service{service(t, config.Default, vip, "maglev", pods(1, 2, 3))}

	restart := func(origin string) (fixture, []config.Service) {
		snapshot, err := services.ReadSnapshot(bytes.NewReader(data))
		require.NoError(t, err)
		was, err := snapshot.Services(configured, origin)
		require.NoError(t, err)
		domain := selector.NewDomain()
		p, err := fakeplane.New(domain)
		require.NoError(t, err)
		next := fixture{services.New(p, domain, nil, slog.New(slog.DiscardHandler)), p}
		require.NoError(t, next.Replace(was, origin))
		require.NoError(t, next.Restore(snapshot))
		return next, was
	}
	next, _ := restart("first")
	assert.Equal(t, f.plane.Forwards(), next.plane.Forwards())
	assert.Equal(t, went, next.plane.Receive(vip, 0, flows))
	_, _, err = next.Edit(config.Default, "pod3", func(m *config.Member, drained uint32) (config.Member, error) {
		assert.Equal(t, uint32(5), drained)
		return *m, nil
	})
	require.NoError(t, err)

	next, was := restart("changed meanwhile")
	assert.Equal(t, configured, was, "a configuration that changed wins")
	moved := 0
	for i, id := range next.plane.Receive(vip, 0, flows) {
		if went[i] != "pod4" {
			assert.Equal(t, went[i], id)
		} else {
			moved++
		}
	}
	assert.Positive(t, moved)
	assert.Zero(t, next.Stats().Flows.Moved, "they wait for pod4")

	for _, damaged := range [][]byte{nil, []byte("{}"), []byte("x\n"), data[:len(data)-1]} {
		snapshot, err := services.ReadSnapshot(bytes.NewReader(damaged))
		if err != nil {
			continue
		}
		fresh := newRegistry(t)
		require.Error(t, fresh.Restore(snapshot))
		assert.Zero(t, fresh.Stats().Flows.Flows)
	}
}
