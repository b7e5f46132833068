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
	var finished [][]results.Case
	p := Plan{Blocks: 2, Turns: 2, Wanted: results.ParseFilter("strategy=s,strategy=t"), Progress: io.Discard,
		Finished: func(cases ...results.Case) { finished = append(finished, cases) }}
	list, err := p.Suite(suite.Suite{Name: "S", Cases: cases})
	require.NoError(t, err)
	assert.Equal(t, "aabb"+"abba"+"baab"+".."+"cc"+"cccc"+".", order.String(),
		"those that do the same work warm up, then take turns, forwards and backwards")
	require.Len(t, list, 3)
	assert.Equal(t, "S/strategy=s/k=1/impl=a", list[0].Name)
	assert.Len(t, list[0].NsPerOp, 2)
	assert.Equal(t, [][]results.Case{{list[0]}, {list[2]}, {list[1]}}, finished, "one contest after another")

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
	assert.Equal(t, turnTime, r.took, "at least")
	w.Reset = func() { resets++ }
	assert.Equal(t, 1, newRunner(w).passes)
	assert.Equal(t, 2, resets)
	slow := newRunner(&suite.Work{Items: 1, Pass: func() { time.Sleep(turnTime) }})
	assert.Equal(t, 1, slow.passes)
}

// TestTurnsOfABlock wants as many of all sides, as long as a block may take.
func TestTurnsOfABlock(t *testing.T) {
	p := Plan{Turns: 5}
	for _, c := range []struct {
		sides []time.Duration
		want  int
	}{
		{[]time.Duration{turnTime, turnTime}, 5},
		{[]time.Duration{blockTime / 5}, 5},
		{[]time.Duration{turnTime, blockTime / 5}, 4},
		{[]time.Duration{blockTime / 4, blockTime / 4}, 2},
		{[]time.Duration{turnTime, 2 * blockTime}, 1},
	} {
		var runners []*runner
		for _, took := range c.sides {
			runners = append(runners, &runner{took: took})
		}
		assert.Equal(t, c.want, p.turns(runners), c.sides)
	}
}

// TestWorkers wants the same of an exact suite, in the same order, whatever the
// number of goroutines is that find it out.
func TestWorkers(t *testing.T) {
	for _, s := range suite.All() {
		if !s.Exact || s.OnDemand != "" || s.Name == "Pins" { // which is of one flow table, and takes long
			continue
		}
		size := suite.Quick()
		size.Members, size.Slack, size.Small, size.Large, size.Draws = []int{10}, []int{10}, nil, nil, 2
		size.Shares, size.Scenarios = 1<<12, []string{"anchor"}
		p := Plan{Size: size, Progress: io.Discard}
		switch s.Name {
		case "Remap":
			p.Wanted = results.ParseFilter("event=replace")
		case "Scenario":
			p.Wanted = results.ParseFilter("event=drain")
		case "Balance":
			p.Wanted = results.ParseFilter("weights=1:2:3:10")
		}
		var lists [2][]results.Case
		for i, workers := range []int{1, 7} {
			p.Workers = workers
			var err error
			lists[i], err = p.Suite(s)
			require.NoError(t, err)
		}
		require.NotEmpty(t, lists[0], s.Name)
		require.Len(t, lists[1], len(lists[0]), s.Name)
		for i, c := range lists[0] {
			assert.Equal(t, c, lists[1][i], s.Name)
		}
	}
}

// TestPanics are told of as what fails.
func TestPanics(t *testing.T) {
	finished := 0
	p := Plan{Progress: io.Discard, Workers: 1, Finished: func(...results.Case) { finished++ }}
	_, err := p.Suite(suite.Suite{Name: "E", Exact: true, Cases: func(suite.Size) []suite.Case {
		return []suite.Case{
			{Name: "n=1", New: func() (*suite.Work, error) { return &suite.Work{}, nil }},
			{Name: "n=2", New: func() (*suite.Work, error) { panic("no table") }},
			{Name: "n=3", New: func() (*suite.Work, error) { return &suite.Work{}, nil }},
		}
	}})
	require.EqualError(t, err, "E: n=2: panic: no table")
	assert.Equal(t, 2, finished, "the others")
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
