package control

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ecmp-go/ecmp/gateway/internal/joined"
)

// clusterMetrics makes metrics of a cluster.
type clusterMetrics struct {
	cluster *joined.Cluster

	connected, cut, gateways, unproven, differences, version, file *prometheus.Desc

	pinsShared, sent, sentBytes, sentMessages, received, added, pinsMoved, pinsRefused *prometheus.Desc
	lost, messagesRefused                                                              *prometheus.Desc
}

func newClusterMetrics(c *joined.Cluster) *clusterMetrics {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("forwarder_cluster_"+name, help, labels, nil)
	}
	return &clusterMetrics{
		cluster:   c,
		connected: d("connected", "1 if a NATS server is within reach."),
		cut:       d("cut_seconds", "Time since no NATS server is within reach; 0 if one is."),
		gateways: d("gateway", "1 for each other gateway that has the secret, by its state: live, silent or refused.",
			"gateway", "state"),
		unproven:    d("gateways_unproven", "Gateways that have not proven that they have the secret."),
		differences: d("differences", "In how many things each other gateway is not as this one.", "gateway", "field"),
		version: d("version", "Version of a service that each gateway runs: all have one, but for a moment.", "gateway",
			"service"),
		file:         d("configuration_differences", "In how many things the configuration is not what is in force."),
		pinsShared:   d("pins_shared", "1 if pins are shared with other gateways."),
		sent:         d("pins_sent_total", "Pins sent to other gateways."),
		sentBytes:    d("pins_sent_bytes_total", "Bytes of the messages about pins."),
		sentMessages: d("pins_sent_messages_total", "Messages about pins."),
		received:     d("pins_received_total", "Pins that other gateways sent."),
		added:        d("pins_added_total", "Pins taken over, of flows that had none here."),
		pinsMoved:    d("pins_moved_total", "Pins taken over, of flows that had another member here, and no packet."),
		pinsRefused:  d("pins_refused_total", "Pins that the flow table had no room for."),
		lost: d("pins_lost_total", "Messages, pins and flows that bounded queues lost: they are asked for again.",
			"what"),
		messagesRefused: d("pins_messages_refused_total", "Messages that were refused, by reason.", "reason"),
	}
}

// Describe implements Collector.
func (m *clusterMetrics) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, to) }

// Collect implements Collector.
func (m *clusterMetrics) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, n float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n, labels...)
	}
	s := m.cluster.State()
	gauge(m.connected, one(s.Connected))
	cut := 0.0
	if !s.Connected {
		cut = time.Since(s.Since).Seconds()
	}
	gauge(m.cut, cut)
	gauge(m.file, float64(len(s.Configuration)))
	for _, service := range s.Services {
		gauge(m.version, float64(service.Version), s.Gateway, service.Name)
	}
	proven := make(map[string]bool) // anybody may invent the names of others
	unproven := 0
	for _, g := range s.Gateways {
		proven[g.Name] = g.Proven
		if !g.Proven {
			unproven++
			continue
		}
		state := "live"
		switch {
		case !g.Live:
			state = "silent"
		case g.Reason != "":
			state = "refused"
		}
		gauge(m.gateways, 1, g.Name, state)
		for _, service := range g.Services {
			gauge(m.version, float64(service.Version), g.Name, service.Name)
		}
	}
	gauge(m.unproven, float64(unproven))
	type difference struct{ gateway, field string }
	differences := make(map[difference]int)
	for _, d := range s.Differences {
		if !proven[d.Gateway] && d.Gateway != s.Gateway {
			continue
		}
		differences[difference{d.Gateway, d.Field}]++
	}
	for d, n := range differences {
		gauge(m.differences, float64(n), d.gateway, d.field)
	}
	gauge(m.pinsShared, one(s.Pins.Shared))
	m.collectPins(s.Pins, to)
}

func (m *clusterMetrics) collectPins(s *joined.PinsState, to chan<- prometheus.Metric) {
	if s.Counts == nil {
		return
	}
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	n := s.Counts
	counter(m.sent, n.SentPins)
	counter(m.sentBytes, n.SentBytes)
	counter(m.sentMessages, n.SentMessages)
	counter(m.received, n.ReceivedPins)
	counter(m.added, n.Added)
	counter(m.pinsMoved, n.Moved)
	counter(m.pinsRefused, n.Refused)
	for what, lost := range map[string]uint64{
		"messages": n.DroppedMessages, "held pins": n.DroppedHeld, "placed flows": n.DroppedPlaced,
		"asks": n.DroppedAsks, "unsent messages": n.Unsent,
	} {
		counter(m.lost, lost, what)
	}
	for reason, refused := range map[string]uint64{
		"malformed": n.Malformed, "forged": n.Forged, "replayed": n.Replayed, "stale": n.StaleSent,
		"differing": n.Differing,
	} {
		counter(m.messagesRefused, refused, reason)
	}
}
