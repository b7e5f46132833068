package results_test

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

func TestCSV(t *testing.T) {
	r := &results.Run{Origins: []results.Origin{{Commit: "abc", CPU: "a, b"}}, Cases: []results.Case{
		{Name: "S/n=1", NsPerOp: []float64{1, 3}, Figures: results.Exact(map[string]float64{"x": .5})},
	}}
	var out strings.Builder
	require.NoError(t, r.CSV(&out))
	lines, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
	require.NoError(t, err)
	require.Len(t, lines, 3)
	assert.Equal(t, []string{"S/n=1", "ns/op", "2"}, lines[1][:3])
	assert.Equal(t, []string{"S/n=1", "x", "0.5", "0", "0", "0.5", "0.5", "abc", "", "a, b"}, lines[2])
}
