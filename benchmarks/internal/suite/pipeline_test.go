package suite

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

func TestReadPipeline(t *testing.T) {
	const line = "BenchmarkPipeline/flows=10000/path=hit/hash=mix-2 \t 10\t 0 ecmp-allocs/frame\t 39.72 " +
		"ecmp-ns/frame\t 235.5 peers-ns/frame\t 5.929 x\n"
	seen := ""
	list, err := readPipeline(strings.NewReader("goos: linux\n"+line+"PASS\n"), func(name string) { seen += name })
	require.NoError(t, err)
	assert.Equal(t, "flows=10000/path=hit/hash=mix", seen)
	assert.Equal(t, []results.Case{
		{Name: seen + "/impl=ecmp", NsPerOp: []float64{39.72}, Figures: results.Exact(numbers{"allocs/frame": 0})},
		{Name: seen + "/impl=" + pipelinePeers, NsPerOp: []float64{235.5}},
	}, list)
	assert.Len(t, (&results.Run{Cases: list}).Ratios(), 1, "both do the same work")

	for _, bad := range []string{"", "PASS\n", strings.Replace(line, "39.72", "x", 1),
		strings.Replace(line, "peers-ns", "other-ns", 1)} {
		_, err := readPipeline(strings.NewReader(bad), func(string) {})
		require.Error(t, err, bad)
	}
}
