package benchmarks_test

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/suite"
)

func BenchmarkRemap(b *testing.B)     { run(b, suite.Remap()) }
func BenchmarkBalance(b *testing.B)   { run(b, suite.Balance()) }
func BenchmarkShares(b *testing.B)    { run(b, suite.Shares()) }
func BenchmarkSlack(b *testing.B)     { run(b, suite.Slack()) }
func BenchmarkSelect(b *testing.B)    { run(b, suite.Select()) }
func BenchmarkBuild(b *testing.B)     { run(b, suite.Build()) }
func BenchmarkGroups(b *testing.B)    { run(b, suite.Groups()) }
func BenchmarkFetch(b *testing.B)     { run(b, suite.Fetch()) }
func BenchmarkFailOver(b *testing.B)  { run(b, suite.FailOver()) }
func BenchmarkHash(b *testing.B)      { run(b, suite.Hash()) }
func BenchmarkParse(b *testing.B)     { run(b, suite.Parse()) }
func BenchmarkSlowest(b *testing.B)   { run(b, suite.Slowest()) }
func BenchmarkFlowTable(b *testing.B) { run(b, suite.FlowTable()) }
func BenchmarkPins(b *testing.B)      { run(b, suite.Pins()) }
func BenchmarkPipeline(b *testing.B)  { run(b, suite.Pipeline()) }
func BenchmarkScenario(b *testing.B)  { run(b, suite.Scenario()) }

var full = flag.Bool("full", false, "measure as many members, groups and flows as the committed results have")

// run measures the cases of a suite. What a case needs is made when it is its
// turn, so that -bench with a pattern is quick.
func run(b *testing.B, s suite.Suite) {
	b.Helper()
	size := suite.Quick()
	switch {
	case *full:
		size = suite.Full()
	case testing.Short():
		size = suite.Brief()
	}
	for _, c := range s.Cases(size) {
		b.Run(c.Name, func(b *testing.B) {
			w, err := c.New()
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				if w.Reset != nil {
					b.StopTimer()
					w.Reset()
					b.StartTimer()
				}
				w.Pass()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(w.Items), "ns/op")
			for unit, f := range w.Figures {
				b.ReportMetric(f.Value, unit)
			}
			if w.Close != nil {
				w.Close()
			}
		})
	}
}
