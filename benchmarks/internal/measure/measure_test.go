package measure

import (
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/suite"
)

// TestTurns watches in which order cases run.
func TestTurns(t *testing.T) {
	var order strings.Builder
	count := func(name string) func() (*suite.Work, error) {
		return func() (*suite.Work, error) {
			return &suite.Work{
				Items: 2, Pass: func() {},
				Reset: func() { order.WriteString(name) }, Close: func() { order.WriteString(".") },
				Figures: results.Exact(map[string]float64{"x": 1}),
			}, nil
		}
	}
	cases := func(suite.Size) []suite.Case {
		return []suite.Case{
			{Name: "strategy=s/k=1/impl=a", New: count("a")}, {Name: "strategy=s/k=2/impl=a", New: count("c")},
			{Name: "strategy=t/k=1/impl=b", New: count("b")}, {Name: "k=3", New: count("d")},
		}
	}
	p := Plan{Blocks: 2, Turns: 2, Wanted: results.ParseFilter("strategy=s,strategy=t"), Progress: io.Discard}
	list, err := p.Suite(suite.Suite{Name: "S", Cases: cases})
	require.NoError(t, err)
	assert.Equal(t, "aabb"+"abba"+"baab"+".."+"cc"+"cccc"+".", order.String(),
		"those that do the same work warm up, then take turns, forwards and backwards")
	require.Len(t, list, 3)
	assert.Equal(t, "S/strategy=s/k=1/impl=a", list[0].Name)
	assert.Len(t, list[0].NsPerOp, 2)

	list, err = p.Suite(suite.Suite{Name: "E", Exact: true, Cases: cases})
	require.NoError(t, err)
	assert.Equal(t, results.Case{
		Name: "E/strategy=s/k=2/impl=a", Figures: results.Exact(map[string]float64{"x": 1}),
	}, list[1])

	some := func(name string) bool { return strings.Contains(name, "k=2") }
	list, err = p.Suite(suite.Suite{Name: "E", Exact: true, Timed: some, Cases: cases})
	require.NoError(t, err)
	for _, c := range list {
		assert.Equal(t, some(c.Name), len(c.NsPerOp) == 2, c.Name)
	}
}

// TestPasses wants enough of them to fill a turn, but one after each reset.
func TestPasses(t *testing.T) {
	passes, resets := 0, 0
	w := &suite.Work{Items: 1, Pass: func() { passes++ }}
	r := newRunner(w)
	assert.Equal(t, 2, passes, "to warm up and to see how long it takes")
	assert.Greater(t, r.passes, 100)
	assert.False(t, r.long)
	w.Reset = func() { resets++ }
	assert.Equal(t, 1, newRunner(w).passes)
	assert.Equal(t, 2, resets)
	slow := newRunner(&suite.Work{Items: 1, Pass: func() { time.Sleep(turnTime) }})
	assert.Equal(t, 1, slow.passes)
}

func TestOrigin(t *testing.T) {
	o := Origin("command")
	assert.NotEmpty(t, o.Commit)
	assert.NotEmpty(t, o.CPU)
	if runtime.GOOS == "linux" {
		assert.NotEmpty(t, o.Kernel)
		assert.Regexp(t, `^[1-9][0-9]* kB$`, Peak())
	}
}
