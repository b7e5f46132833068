package control

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// metrics makes those of Prometheus from the stats of a gateway.
type metrics struct {
	Config
	descriptions
	refusals *refusals
	all      []*prometheus.Desc
}

type descriptions struct {
	healthy, serviceHealthy                              *prometheus.Desc
	inFrames, inBytes, otherFrames, otherBytes           *prometheus.Desc
	memberFrames, memberBytes, leftFrames, leftBytes     *prometheus.Desc
	replyFrames, dropped, serviceDropped                 *prometheus.Desc
	flows, capacity, placed, moved, refused, memberFlows *prometheus.Desc
	detoured, rebalanced, evicted, expired               *prometheus.Desc
	members, version                                     *prometheus.Desc
	reloadsDone, reloadsRefused, reloaded                *prometheus.Desc
	snapshotsDone, snapshotsFailed, snapshotAge          *prometheus.Desc
	fragmentsHeld, fragmentsWaiting, strays              *prometheus.Desc
	requestsRefused, slowFrames, started                 *prometheus.Desc
}

func newMetrics(c Config, refused *refusals) http.Handler {
	m := &metrics{Config: c, refusals: refused}
	d := func(name, help string, labels ...string) *prometheus.Desc {
		m.all = append(m.all, prometheus.NewDesc("forwarder_"+name, help, labels, nil))
		return m.all[len(m.all)-1]
	}
	m.descriptions = descriptions{
		requestsRefused: d("refused_requests_total",
			"Changes over HTTP that were refused, and requests without the token."),
		slowFrames: d("slow_frames_total",
			"Of the frames received, those that took the slow path of the xdp plane."),
		started: d("start_time_seconds", "When the gateway was started, since 1970."),
		healthy: d("healthy", "1 if a packet that comes in for one of the services is forwarded."),
		serviceHealthy: d("service_healthy", "1 if a packet for the service that comes in is forwarded.",
			"service"),
		inFrames: d("received_frames_total",
			"Frames that came in: to members, to those that left, replies, dropped ones, and fragments waiting."),
		inBytes:      d("received_bytes_total", "Bytes of the frames that came in."),
		memberFrames: d("member_frames_total", "Frames sent to a member of a service.", "service", "member"),
		memberBytes: d("member_bytes_total", "Bytes of the frames sent to a member of a service.",
			"service", "member"),
		leftFrames:  d("left_frames_total", "Frames sent to members that left."),
		leftBytes:   d("left_bytes_total", "Bytes of the frames sent to members that left."),
		replyFrames: d("reply_frames_total", "Frames sent back to where they came from."),
		dropped:     d("dropped_frames_total", "Frames dropped, by reason.", "reason"),
		serviceDropped: d("service_dropped_frames_total",
			"Of the frames dropped, those for a member that were not sent, and with an empty member those for "+
				"a service that had no member to go to.",
			"service", "member", "reason"),
		otherFrames: d("not_for_service_frames_total",
			"Frames that came in for no service and are left to the kernel: not among those received or dropped."),
		otherBytes: d("not_for_service_bytes_total", "Bytes of the frames that came in for no service."),
		fragmentsHeld: d("fragments_held_total",
			"Fragments held, since they came before the first one of their datagram."),
		fragmentsWaiting: d("fragments_waiting", "Fragments that are held now."),
		strays: d("fragments_stray_total",
			"Fragments sent by their addresses, since the first one of their datagram did not come in time."),
		flows:    d("flows", "Flows in the flow table."),
		capacity: d("flow_capacity", "Flows that there is room for."),
		placed:   d("flows_placed_total", "New flows."),
		moved:    d("flows_moved_total", "Flows whose member left."),
		refused:  d("flows_refused_total", "Flows that the table had no room for."),
		detoured: d("detoured_packets_total",
			"Packets of flows whose member was down, sent to another one."),
		rebalanced: d("flows_rebalanced_total", "Flows that came to another member as they were allowed to."),
		evicted:    d("flows_evicted_total", "Flows on probation that made room for others; 0 with xdp."),
		expired:    d("flows_expired_total", "Flows forgotten, since they were silent for too long."),
		memberFlows: d("member_flows", "Flows pinned to a member of a service.",
			"service", "member"),
		members: d("members", "Members, by state.", "service", "state"),
		version: d("group_version", "Version of the group of a service: it grows with each change.",
			"service"),
		reloadsDone: d("config_reloads_total", "Times that the configuration was read again and put in force."),
		reloadsRefused: d("config_reload_failures_total",
			"Times that the configuration was read again and refused."),
		snapshotsDone:   d("snapshots_total", "Times that the flow table was saved."),
		snapshotsFailed: d("snapshot_failures_total", "Times that the flow table could not be saved."),
		snapshotAge:     d("snapshot_age_seconds", "Time since the flow table was saved last."),
		reloaded:        d("config_reloaded", "1 unless the last reload was refused."),
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), m)
	if c.BGP != nil {
		registry.MustRegister(newBGPMetrics(c.BGP))
	}
	if c.Cluster != nil {
		registry.MustRegister(newClusterMetrics(c.Cluster))
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// Describe implements Collector. It reads no stats, as DescribeByCollect would:
// those of 1,000 services take longer than all else of a server's start.
func (m *metrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range m.all {
		to <- d
	}
}

// Collect implements Collector.
func (m *metrics) Collect(to chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge := func(d *prometheus.Desc, n float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n, labels...)
	}
	s, reloads := m.Services.Stats(), m.Reloads.stats()
	gauge(m.healthy, one(s.Healthy))
	counter(m.requestsRefused, m.refusals.total())
	counter(m.slowFrames, s.Slow.Frames)
	const nano = 1e9
	gauge(m.started, float64(m.Process.Started.UnixNano())/nano)
	counter(m.inFrames, s.In.Frames)
	counter(m.inBytes, s.In.Bytes)
	counter(m.leftFrames, s.Left.Frames)
	counter(m.leftBytes, s.Left.Bytes)
	counter(m.replyFrames, s.Replies.Frames)
	counter(m.otherFrames, s.NotForService.Frames)
	counter(m.otherBytes, s.NotForService.Bytes)
	for reason, n := range s.Dropped {
		counter(m.dropped, n, reason)
	}
	counter(m.fragmentsHeld, s.Fragments.Held)
	gauge(m.fragmentsWaiting, float64(s.Fragments.Waiting))
	counter(m.strays, s.Fragments.Strays)
	if s.Flows != nil {
		gauge(m.flows, float64(s.Flows.Flows))
		gauge(m.capacity, float64(s.Flows.Capacity))
		counter(m.placed, s.Flows.Placed)
		counter(m.moved, s.Flows.Moved)
		counter(m.refused, s.Flows.Refused)
		counter(m.detoured, s.Flows.Detoured)
		counter(m.rebalanced, s.Flows.Rebalanced)
		counter(m.evicted, s.Flows.Evicted)
		counter(m.expired, s.Flows.Expired)
	}
	for _, service := range s.Services {
		gauge(m.serviceHealthy, one(service.Healthy), service.Name)
		gauge(m.version, float64(service.Version), service.Name)
		for reason, n := range service.Dropped {
			counter(m.serviceDropped, n, service.Name, "", reason)
		}
		states := map[services.State]int{services.Up: 0, services.Drained: 0, services.Down: 0}
		for _, member := range service.Members {
			states[member.State]++
			gauge(m.memberFlows, float64(member.Flows), service.Name, member.ID)
			counter(m.memberFrames, member.Frames, service.Name, member.ID)
			counter(m.memberBytes, member.Bytes, service.Name, member.ID)
			for reason, n := range member.Dropped {
				counter(m.serviceDropped, n, service.Name, member.ID, reason)
			}
		}
		for state, n := range states {
			gauge(m.members, float64(n), service.Name, string(state))
		}
	}
	counter(m.reloadsDone, reloads.Done)
	counter(m.reloadsRefused, reloads.Refused)
	gauge(m.reloaded, one(reloads.Error == ""))
	if snapshots := m.Snapshots.stats(); snapshots != nil {
		counter(m.snapshotsDone, snapshots.Done)
		counter(m.snapshotsFailed, snapshots.Failed)
		if snapshots.Done > 0 {
			gauge(m.snapshotAge, snapshots.Age)
		}
	}
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
