package services_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/fakeplane"
	"github.com/ecmp-go/ecmp/gateway/internal/links"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/selector"
)

// What routers announce is served beside the configuration, outlives its
// reload, and is not announced to routers again.
func TestLearned(t *testing.T) {
	f := newRegistry(t)
	require.NoError(t, f.SetLink(links.Link{Name: "lc", Index: 9, Carrier: true}))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- f.Run(ctx) }()
	defer func() {
		stop()
		require.NoError(t, <-ended)
	}()
	for f.Health() != nil {
		require.NoError(t, t.Context().Err())
	}
	learned := service(t, "bgp-a", other, "bounded", pods(2, 3))
	learned.Learned = true
	require.NoError(t, f.SetLearned([]config.Service{learned}, nil))
	assert.Equal(t, map[string]uint32{"pod2": 1, "pod3": 1}, f.weights("bgp-a"))

	own := []netip.Prefix{netip.PrefixFrom(vip, 32)}
	prefixes, others := f.Forwarding()
	assert.Equal(t, own, prefixes)
	assert.Zero(t, others)

	configured := []config.Service{service(t, config.Default, vip, "maglev", pods(1))}
	require.NoError(t, f.Replace(configured, "second"))
	members, err := f.Members("bgp-a")
	require.NoError(t, err)
	assert.Len(t, members, 2)

	configured = append(configured, service(t, "ours", other, "maglev", pods(1)))
	require.NoError(t, f.Replace(configured, "third"))
	_, err = f.Members("bgp-a")
	require.Error(t, err, "the configuration wins")

	require.NoError(t, f.Replace(configured[:1], "fourth"))
	_, err = f.Members("bgp-a")
	require.NoError(t, err)
	require.NoError(t, f.SetLearned(nil, nil))
	_, err = f.Members("bgp-a")
	require.Error(t, err)
}

// The drain of a learned member holds while routes come and go and the
// configuration is read again, and ends with the member or by its own way.
func TestLearnedDrain(t *testing.T) {
	f := newRegistry(t)
	configured := []config.Service{service(t, config.Default, vip, "maglev", pods(1))}
	learn := func(members ...config.Member) {
		t.Helper()
		learned := service(t, "bgp-a", other, "bounded", members)
		learned.Learned = true
		require.NoError(t, f.SetLearned([]config.Service{learned}, nil))
	}
	learn(pods(2, 3)...)
	require.NoError(t, f.Drain("bgp-a", "pod2"))
	require.NoError(t, f.Drain(config.Default, "pod1"))
	learn(pod(2, 7), pod(3, 1), pod(4, 1))
	assert.Equal(t, map[string]uint32{"pod2": 0, "pod3": 1, "pod4": 1}, f.weights("bgp-a"), "a route changed")
	require.NoError(t, f.Replace(configured, "second"))
	assert.Equal(t, map[string]uint32{"pod2": 0, "pod3": 1, "pod4": 1}, f.weights("bgp-a"), "a reload")
	assert.Equal(t, map[string]uint32{"pod1": 0}, f.weights(config.Default))
	_, _, err := f.Edit("bgp-a", "pod2", func(m *config.Member, drained uint32) (config.Member, error) {
		assert.Equal(t, uint32(7), drained, "what the route says now")
		m.Weight = drained
		return *m, nil
	})
	require.NoError(t, err)
	learn(pod(2, 7), pod(3, 1))
	assert.Equal(t, map[string]uint32{"pod2": 7, "pod3": 1}, f.weights("bgp-a"))

	require.NoError(t, f.Drain("bgp-a", "pod3"))
	learn(pods(2)...)
	learn(pods(2, 3)...)
	assert.Equal(t, map[string]uint32{"pod2": 1, "pod3": 1}, f.weights("bgp-a"), "it left meanwhile")
}

// A learned member that is lost, and not withdrawn, is down: no placement
// changes, its flows return with it, and its drain holds.
func TestLostMemberIsDown(t *testing.T) {
	const flows, why = 300, "the session with its router ended"
	f := newRegistry(t)
	learn := func(lost services.Lost, members ...config.Member) {
		t.Helper()
		learned := service(t, "bgp-a", other, "bounded", members)
		learned.Learned = true
		require.NoError(t, f.SetLearned([]config.Service{learned}, lost))
	}
	lost := services.Lost{"bgp-a": {"pod3": errors.New(why)}}
	learn(nil, pods(2, 3, 4)...)
	require.NoError(t, f.Drain("bgp-a", "pod4"))
	went := f.plane.Receive(other, 0, flows)
	version := f.Stats().Services[1].Version

	learn(lost, pods(2, 3, 4)...)
	assert.Equal(t, why, f.reasonIn("bgp-a", "pod3"))
	assert.Equal(t, "pod3 is down: "+why, f.Stats().Changes[0].What)
	for i, id := range f.plane.Receive(other, 0, flows) {
		if went[i] != "pod3" {
			assert.Equal(t, went[i], id, "flows of others")
		}
		assert.NotEqual(t, "pod3", id)
	}
	configured := []config.Service{service(t, config.Default, vip, "maglev", pods(1))}
	require.NoError(t, f.Replace(configured, "a reload"))
	assert.Equal(t, why, f.reasonIn("bgp-a", "pod3"))

	learn(nil, pods(2, 3, 4)...)
	assert.Equal(t, "pod3 is up again", f.Stats().Changes[0].What)
	assert.Equal(t, went, f.plane.Receive(other, 0, flows), "they return")
	assert.Equal(t, version, f.Stats().Services[1].Version)
	assert.Zero(t, f.Stats().Flows.Moved)
	assert.Equal(t, map[string]uint32{"pod2": 1, "pod3": 1, "pod4": 0}, f.weights("bgp-a"))
}

// Who is lost counts for what is served, whatever else is served meanwhile and
// whether or not the data plane could follow.
func TestLostMembers(t *testing.T) {
	f := newRegistry(t)
	learned := service(t, "bgp-a", other, "bounded", pods(2, 3))
	learned.Learned = true
	lost := services.Lost{"bgp-a": {"pod3": errors.New("lost")}, "bgp-b": {"pod1": errors.New("lost")}}
	f.plane.FailSync = errors.New("no")
	require.Error(t, f.SetLearned([]config.Service{learned}, lost))
	f.plane.FailSync = nil
	require.NoError(t, f.SetLearned([]config.Service{learned}, nil))
	assert.Len(t, f.weights("bgp-a"), 2, "the one that failed counts for nothing")
	require.NoError(t, f.SetLearned([]config.Service{learned}, lost))
	assert.Equal(t, map[string]uint32{"pod2": 1}, f.weights("bgp-a"))

	configured := []config.Service{service(t, config.Default, vip, "maglev", pods(1)),
		service(t, "ours", other, "maglev", pods(2, 3))}
	require.NoError(t, f.Replace(configured, "the configuration wins"))
	assert.Len(t, f.weights("ours"), 2)
	require.NoError(t, f.Replace(configured[:1], "and ends"))
	assert.Equal(t, map[string]uint32{"pod2": 1}, f.weights("bgp-a"))

	// Somebody may say, too, that it is down.
	require.NoError(t, f.SetDown("bgp-a", "pod3", true))
	require.NoError(t, f.SetLearned([]config.Service{learned}, nil))
	assert.Equal(t, services.ErrDown.Error(), f.reasonIn("bgp-a", "pod3"))
}

// The drain of a learned member outlives the process, and the next one, whenever
// routers announce the member again.
func TestLearnedDrainOutlivesProcess(t *testing.T) {
	configured := []config.Service{service(t, config.Default, vip, "maglev", pods(1))}
	learned := func(members ...config.Member) []config.Service {
		s := service(t, "bgp-a", other, "bounded", members)
		s.Learned = true
		return []config.Service{s}
	}
	f := newRegistry(t)
	require.NoError(t, f.SetLearned(learned(pods(2, 3)...), nil))
	require.NoError(t, f.By("ann").Drain("bgp-a", "pod3"))
	was := map[string][]string{"bgp-a": {"pod2", "pod3"}}
	for range 2 {
		data, err := f.Save()
		require.NoError(t, err)
		snapshot, err := services.ReadSnapshot(bytes.NewReader(data))
		require.NoError(t, err)
		assert.Equal(t, was, snapshot.Learned())
		was = map[string][]string{}
		domain := selector.NewDomain()
		p, err := fakeplane.New(domain)
		require.NoError(t, err)
		f = fixture{services.New(p, domain, nil, slog.New(slog.DiscardHandler)), p}
		f.RestoreDrains(snapshot)
		require.NoError(t, f.Replace(configured, ""))
		require.NoError(t, f.Restore(snapshot))
	}
	require.NoError(t, f.SetLearned(learned(pod(2, 1)), nil))
	require.NoError(t, f.Replace(configured, "a reload"))
	require.NoError(t, f.SetLearned(learned(pod(2, 1), pod(3, 7)), nil))
	assert.Equal(t, map[string]uint32{"pod2": 1, "pod3": 0}, f.weights("bgp-a"))
	require.NoError(t, f.SetLearned(learned(pod(2, 1)), nil))
	require.NoError(t, f.SetLearned(learned(pod(2, 1), pod(3, 7)), nil))
	assert.Equal(t, map[string]uint32{"pod2": 1, "pod3": 7}, f.weights("bgp-a"), "it left meanwhile")
}

// Who is a learned member is the routers' to say: a change that the next route
// would undo is refused.
func TestLearnedMembersAreTheRouters(t *testing.T) {
	f := newRegistry(t)
	learned := service(t, "bgp-a", other, "bounded", pods(2, 3))
	learned.Learned = true
	require.NoError(t, f.SetLearned([]config.Service{learned}, nil))
	elsewhere := pod(3, 1)
	elsewhere.Dev = "lp9"
	for what, members := range map[string][]config.Member{
		"none": nil, "one left": pods(2), "one joined": pods(2, 3, 4), "another": pods(2, 4),
		"one is elsewhere": {pod(2, 1), elsewhere},
	} {
		var refused *services.RefusedError
		require.ErrorAs(t, f.SetMembers("bgp-a", members), &refused, what)
		assert.Equal(t, map[string]uint32{"pod2": 1, "pod3": 1}, f.weights("bgp-a"), what)
	}
	var refused *services.RefusedError
	require.ErrorAs(t, f.Delete("bgp-a", "pod2"), &refused)
	require.NoError(t, f.SetMembers("bgp-a", []config.Member{pod(3, 4), pod(2, 0)}))
	assert.Equal(t, map[string]uint32{"pod2": 0, "pod3": 4}, f.weights("bgp-a"))
}
