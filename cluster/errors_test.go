package cluster_test

import (
	"testing"

	"github.com/ecmp-go/ecmp/cluster"
	"github.com/stretchr/testify/require"
)

func TestRefusedErrorTellsNoSeed(t *testing.T) {
	require.EqualError(t, &cluster.RefusedError{Gateway: "g3", Field: "seed"},
		"cluster: gateway g3 is refused: it has another seed")
	require.EqualError(t, &cluster.RefusedError{Gateway: "g3", Field: "buckets", Here: "1024", There: "2048"},
		"cluster: gateway g3 is refused: its buckets: 2048, here: 1024")
}
