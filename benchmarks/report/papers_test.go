package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/suite"
)

// TestPaperRows wants a case of the suite for each row, and a row for each case
// but those of Bounded without caps, which moves nothing without need.
func TestPaperRows(t *testing.T) {
	cases, shown := map[string]bool{}, map[string]bool{}
	papers := map[string]bool{}
	for _, c := range suite.Papers().Cases(suite.Full()) {
		cases["Papers/"+c.Name] = true
		papers[results.Value(c.Name, "paper")] = true
	}
	for paper := range papers {
		rows := paperRows(paper)
		assert.NotEmpty(t, rows, paper)
		for _, row := range rows {
			assert.True(t, cases[row.caseName(paper)], "no case %s", row.caseName(paper))
			shown[row.caseName(paper)] = true
		}
	}
	for name := range cases {
		uncapped := results.Value(name, "figure") == "12" && results.Value(name, "strategy") == "bounded-unlimited"
		assert.True(t, shown[name] || uncapped, "%s: no page tells of it", name)
	}
}

func TestAgree(t *testing.T) {
	draws := results.Figure{Value: 2, Draws: 20, Least: 1.7, Most: 2.5}
	for theirs, want := range map[float64]string{
		1.69: "no", 1.7: "yes", 2.5: "yes", 2.6: "no",
	} {
		assert.Equal(t, want, near(theirs, draws), theirs)
	}
	exact := results.Figure{Value: 2, Least: 2, Most: 2}
	assert.Equal(t, "yes", near(2.2, exact))
	assert.Equal(t, "no", near(2.3, exact))
	assert.Equal(t, "yes", nearOver(2.1, exact))
	assert.Equal(t, "no", nearOver(2.2, exact), "1.2 and 1 over the mean")
	assert.Contains(t, noMore(2, exact), "yes")
	assert.Contains(t, noMore(1.9, exact), "no")
	assert.Contains(t, slower(3, exact), "1.5 times")
	heavier := results.Figure{Value: .66, Least: .62, Most: .70}
	assert.Contains(t, within5(.66, heavier), "yes")
	heavier.Most = .72
	assert.Equal(t, "no", within5(.66, heavier))
}

// TestPaperLines leaves out what nobody has measured, and marks times.
func TestPaperLines(t *testing.T) {
	lines := paperLines("maglev", func(name, unit string) (results.Figure, string, error) {
		switch name {
		case "Papers/paper=maglev/section=5.3/size=small/strategy=maglev":
			return results.Figure{Value: 9e5, Draws: 10, Interval: 1e4, Least: 8e5, Most: 1e6}, " (3)", nil
		case "Papers/paper=maglev/figure=11/size=small/strategy=rendezvous":
			return results.Figure{Value: 1.423, Draws: 20, Interval: .02, Least: 1.38, Most: 1.51}, "", nil
		}
		return results.Figure{}, "", assert.AnError
	})
	assert.Equal(t, []string{
		"| figure 11 | rendezvous, 65,537 slots | 49.5 % | 42.3 % ± 2.00 % | 38.0 % to 51.0 % | 20 | yes |",
		"| section 5.3 | build of Maglev's table of 65,537 | 1.8 ms | 900 µs (3) | 800 µs to 1.00 ms | 10 blocks | " +
			"theirs took 2.0 times as long, on another machine |",
	}, lines)
}
