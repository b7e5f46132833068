package cluster

import (
	"testing"
	"time"

	"github.com/ecmp-go/ecmp/selector"
	"github.com/stretchr/testify/require"
)

// The first heartbeat that differs is enough, in whichever field it does.
func TestDivergenceWithinOneHeartbeat(t *testing.T) {
	now := time.Unix(1000, 0)
	group, err := selector.NewGroup[int](selector.NewDomain(), selector.GroupConfig{Strategy: selector.Bounded{}})
	require.NoError(t, err)
	snapshot, err := group.UpdateAt(5, []selector.Hop[int]{{ID: "a", Weight: 1}, {ID: "b", Weight: 2}})
	require.NoError(t, err)
	view := snapshot.View()
	good := Report{Version: 5, Fingerprint: view.Fingerprint(), Strategy: "bounded"}
	own := map[string]standing{"web": {
		version: 5, view: view, report: good,
		past: []applied{{3, 33, now.Add(-time.Minute)}, {5, view.Fingerprint(), now.Add(-time.Minute)}},
	}}
	for _, c := range []struct {
		field  string
		change func(*Report)
		asked  bool
	}{
		{"", func(*Report) {}, false},
		{FieldFingerprint, func(r *Report) { r.Fingerprint++ }, true},
		{"strategy slots", func(r *Report) { r.Fingerprint++; r.Strategy = "bounded:slots=4096" }, false},
		{"strategy seed", func(r *Report) { r.Configured = "bounded:seed=9" }, false},
		{FieldStrategy, func(r *Report) { r.Configured = "maglev" }, false},
		{FieldFailed, func(r *Report) { r.Failed = "no such address" }, false},
		{FieldVersion, func(r *Report) { r.Version, r.Fingerprint = 3, 33 }, false},
	} {
		p, config := hearer()
		conn := &Conn{config: config, peers: *p}
		s := newSpeaker("g2", goodSeed, config)
		r := good
		c.change(&r)
		s.Groups["web"] = r
		text, seal := s.say()
		conn.peers.heard("g2", text, seal, now)
		conn.peers.prove("g2", s.Instance)
		list, ask := conn.compare(own, now)
		require.Equal(t, c.asked, len(ask) == 1, c.field)
		if c.field == "" {
			require.Empty(t, list)
			continue
		}
		require.Len(t, list, 1, c.field)
		require.Equal(t, "g2", list[0].Gateway)
		require.Equal(t, c.field, list[0].Field)
	}
}

// A gateway that could not apply a change tells that of itself.
func TestDivergenceOfOneself(t *testing.T) {
	_, config := hearer()
	conn := &Conn{config: config}
	own := map[string]standing{"web": {report: Report{Failed: "no such address"}}}
	list, ask := conn.compare(own, time.Unix(1000, 0))
	require.Empty(t, ask)
	require.Equal(t, []Difference{
		{Gateway: config.Gateway, Group: "web", Field: FieldFailed, Here: "no such address"},
	}, list)
}

// Which members differ is told once the other gateway has answered.
func TestCompareMembers(t *testing.T) {
	require.Equal(t, []MemberDifference{
		{"a", "weight 1", "weight 2"}, {"b", "weight 1", ""}, {"c", "", "backup, weight 1"},
	}, compareMembers(map[string]string{"a": "weight 1", "b": "weight 1", "d": "weight 4"},
		map[string]string{"a": "weight 2", "c": "backup, weight 1", "d": "weight 4"}))
}

// A gateway that is ahead is told after three heartbeats.
func TestLate(t *testing.T) {
	now := time.Unix(1000, 0)
	s := standing{version: 5, past: []applied{{5, 0, now}}}
	q := &peer{Peer: Peer{Heard: now}, ahead: map[string]time.Time{}}
	for i, want := range []bool{false, false, false, false, true} {
		q.Heard = now.Add(time.Duration(i) * time.Second)
		late, differ := s.late(q, "web", 6, q.Heard.Add(-3*time.Second))
		require.Equal(t, want, late, i)
		require.True(t, differ)
	}
	late, differ := s.late(q, "web", 5, q.Heard)
	require.False(t, late || differ)
	require.Empty(t, q.ahead)
	late, _ = s.late(q, "web", 4, now)
	require.False(t, late, "5 was applied just now")
	late, _ = s.late(q, "web", 4, now.Add(1))
	require.True(t, late)
}
