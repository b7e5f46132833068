package measure

import (
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/suite"
)

// TestLayouts wants a block of each layout, and the mean of what they took of
// the processor.
func TestLayouts(t *testing.T) {
	p := Plan{Blocks: 3, Wanted: results.ParseFilter("S,T,k=1,k=2"), Progress: io.Discard}
	var asked []string
	run := func(number int, only string) (list []results.Case, err error) {
		asked = append(asked, fmt.Sprint(number, " ", only))
		for k := range 2 {
			list = append(list, results.Case{
				Name: fmt.Sprintf("S/k=%d", k), NsPerOp: []float64{float64(10*number + k)},
				Figures: results.Exact(map[string]float64{results.Processor: float64(number)}),
			})
		}
		return list, nil
	}
	seen := 0
	list, err := p.layouts(suite.Suite{Name: "S"}, run, func(cases ...results.Case) { seen += len(cases) })
	require.NoError(t, err)
	assert.Equal(t, []string{"1 S,k=1,k=2", "2 S,k=1,k=2", "3 S,k=1,k=2"}, asked)
	assert.Equal(t, 2, seen)
	mean := results.Exact(map[string]float64{results.Processor: 2})
	assert.Equal(t, []results.Case{
		{Name: "k=0", NsPerOp: []float64{10, 20, 30}, Figures: mean},
		{Name: "k=1", NsPerOp: []float64{11, 21, 31}, Figures: mean},
	}, list)

	_, err = p.layouts(suite.Suite{Name: "S"}, func(number int, only string) ([]results.Case, error) {
		cases, _ := run(number, only)
		return cases[number-1:], nil
	}, func(...results.Case) {})
	require.ErrorContains(t, err, "k=1 is not where it was")
	require.Error(t, command("go", "no-such-command"))
}
