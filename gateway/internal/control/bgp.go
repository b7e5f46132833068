package control

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ecmp-go/ecmp/gateway/internal/bgp"
)

// drainRouters has routers prefer other gateways, and withdraws everything a
// while later.
func (s *server) drainRouters(w http.ResponseWriter, r *http.Request) {
	_, err := s.BGP.Drain(by(r))
	done(w, err)
}

func (s *server) resumeRouters(w http.ResponseWriter, r *http.Request) { done(w, s.BGP.Resume(by(r))) }

// bgpState returns nil if there are no routers to speak to.
func (s *server) bgpState() *bgp.State {
	if s.BGP == nil {
		return nil
	}
	state := s.BGP.State()
	return &state
}

// bgpMetrics makes metrics of the sessions with routers.
type bgpMetrics struct {
	speaker                                      *bgp.Speaker
	established, received, announced, announcing *prometheus.Desc
}

func newBGPMetrics(s *bgp.Speaker) *bgpMetrics {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("forwarder_bgp_"+name, help, labels, nil)
	}
	return &bgpMetrics{
		speaker:     s,
		established: d("session_established", "1 if there is a session with the router.", "peer"),
		received:    d("received_prefixes", "Prefixes that the router announces.", "peer"),
		announced:   d("announced", "1 for each prefix that routers are told of.", "prefix"),
		announcing:  d("announcing", "1 unless the gateway is drained, or about to be."),
	}
}

// Describe implements Collector.
func (m *bgpMetrics) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, to) }

// Collect implements Collector.
func (m *bgpMetrics) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, n float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n, labels...)
	}
	state := m.speaker.State()
	gauge(m.announcing, one(state.Phase == bgp.Announcing))
	for _, p := range state.Announced {
		gauge(m.announced, 1, p.String())
	}
	for _, p := range state.Peers {
		gauge(m.established, one(p.Established()), p.Addr.String())
		gauge(m.received, float64(p.Received), p.Addr.String())
	}
}
