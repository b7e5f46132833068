package control

import (
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/joined"
)

// clusterState returns nil if the gateway is in no cluster.
func (s *server) clusterState() *joined.State {
	if s.Cluster == nil {
		return nil
	}
	state := s.Cluster.State()
	return &state
}

// clusterCut says since when the cluster is not within reach; empty if it is,
// or if there is none.
func (s *server) clusterCut() string {
	if s.Cluster == nil {
		return ""
	}
	since, _ := s.Cluster.Cut()
	if since.IsZero() {
		return ""
	}
	return ", without the cluster since " + since.Format(time.RFC3339)
}
