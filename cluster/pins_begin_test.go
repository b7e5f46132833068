package cluster

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
)

// Of gateways that begin together, the one that hears another new one first
// gets the pins of idle flows as well, and so do those that ask it later.
func TestGatewaysThatBeginTogether(t *testing.T) {
	s := newSharing(t)
	s.pinned(1000)
	s.from.group.Settle(2)
	idle := len(s.from.deviating())
	require.Positive(t, idle)
	s.from.work()
	s.from.sent = nil
	s.now += 2 * time.Minute // no packet for longer than a lease
	require.Len(t, s.from.deviating(), idle)

	c1, c2 := s.gateway("c1", PinsConfig{}), s.gateway("c2", PinsConfig{})
	all := []*carried{s.from, c1, c2}
	for _, g := range all[1:] {
		g.set(2, "a", "b", "c", "d")
	}
	turn := func(from, to *carried) {
		sent := from.sent
		s.carry(from, to)
		from.sent = sent
	}
	c1.work()
	turn(c1, c2) // it hears the other new one first
	s.carry(c1, s.from)
	for range 20 {
		for _, g := range all {
			g.work()
		}
		s.now += 2 * askAfter
		for _, g := range all {
			for _, to := range all {
				if to != g {
					turn(g, to)
				}
			}
			g.sent = nil
		}
	}
	for _, g := range all[1:] {
		require.Len(t, g.deviating(), idle, g.sharer.names.gateway)
		// They were told of by no scan for all, so a third one would be told.
		for p := range g.table.Deviating(flowcache.Scan{View: g.group.Load().View()}, s.now) {
			require.True(t, g.sharer.memory.isNews(&p, false, s.now))
		}
	}
}

// A group that a gateway left and joined again may be shared before the old part
// ends: the numbers of its messages go on.
func TestSharedAgainBeforeItEnds(t *testing.T) {
	s := newSharing(t)
	s.settle()
	old := s.from.shared
	s.from.shared = &shared{name: "vip", scope: "vip", view: old.view}
	s.from.sharer.add(s.from.shared, s.from.instant(), func(d time.Duration) time.Duration { return d })
	s.from.sharer.remove(old)
	members := s.pinned(1000)
	s.settle()
	require.Len(t, s.to.deviating(), len(members))
	require.Zero(t, s.to.counters.stats().Replayed)
}
