package control_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/links"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
)

// metric returns what the metrics say of a series.
func metric(t *testing.T, text, series string) float64 {
	t.Helper()
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			require.NoError(t, err)
			return n
		}
	}
	assert.Fail(t, "no "+series)
	return 0
}

func TestMetrics(t *testing.T) {
	f := serve(t, config.Control{Network: "unix"})
	run(t, f)
	f.plane.Receive(netip.MustParseAddr("172.16.0.20"), 0, 100)
	f.plane.Receive(netip.MustParseAddr("172.16.0.53"), 0, 3) // nobody
	require.NoError(t, f.Services.Drain(config.Default, "pod2"))
	require.NoError(t, f.Services.SetLink(links.Link{Name: "lp3", Index: 3}))
	require.NoError(t, f.Services.Delete(config.Default, "pod1"))
	f.plane.Lose(config.Default, "pod2", "sender full")
	f.plane.Drop("not IP")
	f.plane.Ignore()
	f.plane.Hold(plane.Fragments{Held: 7, Waiting: 2, Strays: 4})
	f.Reloads.Add(nil)
	f.Reloads.Add(errors.New("line 3"))
	assert.True(t, f.Snapshots.Add(errors.New("no room")))
	assert.False(t, f.Snapshots.Add(errors.New("no room")))
	assert.True(t, f.Snapshots.Add(nil))
	assert.False(t, f.Snapshots.Add(nil))
	f.plane.Receive(netip.MustParseAddr("172.16.0.20"), 0, 100)
	_, text := f.do(t, "GET", "/metrics", "")

	problems, err := promlint.New(strings.NewReader(text)).Lint()
	require.NoError(t, err)
	assert.Empty(t, problems)
	assert.InDelta(t, 205, metric(t, text, "forwarder_received_frames_total"), 0)
	assert.InDelta(t, 203*60, metric(t, text, "forwarder_received_bytes_total"), 0)
	sent := metric(t, text, `forwarder_member_frames_total{member="pod2",service="default"}`) +
		metric(t, text, `forwarder_member_frames_total{member="pod3",service="default"}`)
	assert.InDelta(t, 203, sent+metric(t, text, "forwarder_left_frames_total")+
		metric(t, text, "forwarder_reply_frames_total")+metric(t, text,
		`forwarder_dropped_frames_total{reason="no member"}`), 0, "nothing is lost")
	assert.InDelta(t, 1, metric(t, text, `forwarder_members{service="default",state="drained"}`), 0)
	assert.InDelta(t, 1, metric(t, text, `forwarder_members{service="default",state="down"}`), 0)
	assert.InDelta(t, 0, metric(t, text, `forwarder_members{service="default",state="up"}`), 0)
	assert.InDelta(t, 3, metric(t, text, `forwarder_group_version{service="default"}`), 0)
	assert.InDelta(t, 1, metric(t, text, "forwarder_config_reloads_total"), 0)
	assert.InDelta(t, 1, metric(t, text, "forwarder_config_reload_failures_total"), 0)
	assert.InDelta(t, 0, metric(t, text, "forwarder_config_reloaded"), 0)
	assert.InDelta(t, 0, metric(t, text, "forwarder_healthy"), 0, "one member is drained, the other down")
	assert.InDelta(t, 0, metric(t, text, `forwarder_service_healthy{service="default"}`), 0)
	stats := f.Services.Stats()
	assert.GreaterOrEqual(t, stats.Dropped["no member"], uint64(3))
	const series = `forwarder_service_dropped_frames_total{member=%q,reason=%q,service=%q}`
	nobody := metric(t, text, fmt.Sprintf(series, "", "no member", config.Default))
	assert.Positive(t, nobody)
	assert.InDelta(t, 3, metric(t, text, fmt.Sprintf(series, "", "no member", "dns")), 0)
	assert.InDelta(t, nobody+3, metric(t, text, `forwarder_dropped_frames_total{reason="no member"}`), 0)
	assert.InDelta(t, 1, metric(t, text, fmt.Sprintf(series, "pod2", "sender full", config.Default)), 0)
	assert.InDelta(t, 1, metric(t, text, `forwarder_dropped_frames_total{reason="sender full"}`), 0)
	assert.Equal(t, 3, strings.Count(text, "\nforwarder_service_dropped_frames_total{"), "those that are not zero")
	assert.Equal(t, 3, strings.Count(text, "\nforwarder_dropped_frames_total{"))
	assert.InDelta(t, stats.Dropped["no member"],
		metric(t, text, `forwarder_dropped_frames_total{reason="no member"}`), 0)
	for series, n := range map[string]float64{
		"forwarder_not_for_service_frames_total": 1, "forwarder_not_for_service_bytes_total": 60,
		"forwarder_snapshots_total": 2, "forwarder_snapshot_failures_total": 2,
		"forwarder_detoured_packets_total": float64(stats.Flows.Detoured), "forwarder_flows_rebalanced_total": 0,
		"forwarder_flows_evicted_total": 0, "forwarder_flows_expired_total": 0, "forwarder_flows_refused_total": 0,
		"forwarder_fragments_held_total": 7, "forwarder_fragments_waiting": 2, "forwarder_fragments_stray_total": 4,
	} {
		assert.InDelta(t, n, metric(t, text, series), 0, series)
	}
	assert.InDelta(t, 30, metric(t, text, "forwarder_snapshot_age_seconds"), 30)
	assert.InDelta(t, stats.Flows.Flows, metric(t, text, "forwarder_flows"), 0)
	assert.InDelta(t, stats.Flows.Placed, metric(t, text, "forwarder_flows_placed_total"), 0)
	assert.InDelta(t, stats.Flows.Moved, metric(t, text, "forwarder_flows_moved_total"), 0)
	assert.InDelta(t, stats.Services[0].Members[0].Flows,
		metric(t, text, `forwarder_member_flows{member="pod2",service="default"}`), 0)
}
