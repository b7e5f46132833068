// Package suite has every case that is measured, for go test -bench and for the
// report.
package suite

import (
	_ "embed"
	"strings"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/sections"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
)

// A Suite is cases of one kind: a benchmark of go test.
type Suite struct {
	Name  string
	Text  Text
	Exact bool // placement alone counts: the report does not time it
	Cases func(Size) []Case

	// Layouts is of a suite of short loops, whose time depends on where the
	// linker puts them: the report measures each block in another binary.
	Layouts bool
	// Timed reports of an exact suite for which of its cases the time counts
	// nevertheless. It may be nil.
	Timed func(name string) bool

	// OnDemand is of a suite that the report measures where -only names it: what
	// sizes and draws it has, and how long it takes, for -list.
	OnDemand string
}

// A Text describes a suite. It is kept in suites.md.
type Text struct {
	About   string // what one operation is, and what the figures beside the time are
	LeftOut string // what its figures do not say
}

//go:embed suites.md
var texts string

// A Case is one line of go test -bench.
type Case struct {
	// key=value parts, as benchstat reads them:
	// strategy=maglev/impl=ecmp/n=100/form=one
	Name string
	New  func() (*Work, error)
}

// A Work is a case that was prepared: a pass does Items operations.
type Work struct {
	Items   int
	Pass    func()
	Reset   func()                    // before each pass, not timed; may be nil
	Close   func()                    // after the last pass; may be nil
	Figures map[string]results.Figure // by unit
}

// TimeCounts reports whether the time of a case is measured.
func (s Suite) TimeCounts(name string) bool { return !s.Exact || s.Timed != nil && s.Timed(name) }

// Chosen reports whether a filter asks for anything of the suite: one on demand
// by its name alone.
func (s Suite) Chosen(wanted results.Filter) bool {
	return wanted.Names(s.Name) || s.OnDemand == "" && !wanted.NamesAny()
}

// numbers are figures of one draw.
type numbers = map[string]float64

// A Size is how far the suites go.
type Size struct {
	Members   []int // of a group
	Draws     int   // of whatever is random, in suites that take the mean of draws
	Series    int   // draws of series of changes, in Remap, of strategies of the library
	Foreign   int   // draws of series of changes, in Remap, of other libraries
	Seeds     int   // which set of draws: 0, 1, 2 and so on
	Slack     []int // members, for what slack costs
	Small     []int // members, for small tables
	Large     []int // members, for large tables
	Prior     []int // members, for rules that were known before
	Papers    bool  // what papers did, in their sizes; else without the greatest
	Steps     []int // members, where the cap of one steps down as another joins
	Shares    int   // hashes that are counted for strategies without a table, in all draws
	Curve     []int // members, for cost curves
	Thinned   int   // members, of which some leave before look-ups
	Groups    []int
	WideLimit int // the most groups with tables of 64 KiB each
	Far       int // groups, whose tables together are larger than what a processor keeps
	Flows     []int
	Forms     []int    // flows, for which the flow table is measured in all its forms
	PeerFlows int      // the most flows for the caches of others, which take 80 to 160 bytes a flow
	Churn     int      // flows of a table that is full, while flows come and go
	Scenarios []string // strategies whose scenarios are played; none: of all

	Extra []subject.Strategy // that are measured beside the others
}

func (s Size) strategies() []subject.Strategy { return append(subject.Strategies(), s.Extra...) }

func (s Size) placements() []subject.Strategy { return append(subject.Placements(), s.Extra...) }

// Seed returns the seed of a draw, of which other sets of draws have others.
func (s Size) Seed(draw int) uint64 { return uint64(s.Seeds)<<32 | uint64(draw) }

// Brief is for a look whether each case runs, which go test -short takes.
func Brief() Size {
	return Size{
		Members: []int{10}, Draws: 1, Series: 1, Foreign: 1,
		Slack: []int{16}, Small: []int{16}, Large: []int{16}, Prior: []int{16}, Shares: 1 << 16,
		Curve: []int{10}, Thinned: 50, Groups: []int{2}, WideLimit: 2, Far: 4,
		Flows: []int{10_000}, Forms: []int{10_000}, PeerFlows: 10_000, Churn: 10_000,
		Scenarios: []string{"bounded"},
	}
}

// Quick is for go test -bench and a first look.
func Quick() Size {
	return Size{
		Members: []int{10, 100}, Draws: 3, Series: 1, Foreign: 1,
		Slack: []int{16, 100}, Small: []int{16, 100}, Large: []int{100},
		Prior: []int{100}, Shares: 1 << 20,
		Curve: []int{10, 100, 1000}, Thinned: 1000, Groups: []int{1, 100, 1000}, WideLimit: 100, Far: 256,
		Flows: []int{10_000, 100_000}, Forms: []int{10_000}, PeerFlows: 100_000, Churn: 100_000,
		Scenarios: []string{"modulo", "bounded", "memento"},
	}
}

// Full is what the committed results are of.
func Full() Size {
	return Size{
		Members: []int{10, 100, 1000}, Draws: 20, Series: 20, Foreign: 5,
		Slack: []int{3, 10, 16, 32, 64, 100, 200, 500, 1000, 2000},
		Small: []int{16, 24, 48, 100}, Large: []int{10, 100, 1000, 2000},
		Prior: []int{10, 100, 500, 1000, 2000}, Papers: true,
		Steps: []int{15, 31, 63, 127, 255, 511, 1008, 1023, 1985}, Shares: 1 << 26,
		Curve: []int{10, 100, 1000, 10_000}, Thinned: 1000,
		Groups: []int{1, 10, 100, 1000, 10_000, 100_000}, WideLimit: 10_000, Far: 2048,
		Flows: []int{10_000, 100_000, 1_000_000, 10_000_000, 100_000_000}, Forms: []int{10_000, 1_000_000, 10_000_000},
		PeerFlows: 1_000_000, Churn: 1_000_000,
	}
}

// All returns the suites.
func All() []Suite {
	all := []Suite{
		Remap(), Changes(), Balance(), Shares(), Slack(), Prior(), Limits(), Papers(), Select(), Build(), Groups(),
		Fetch(), FailOver(),
		Hash(), Parse(), Slowest(), FlowTable(), Pins(), Pipeline(), Scenario(),
	}
	paragraphs := sections.Parse(texts)
	for i := range all {
		if p := paragraphs[all[i].Name]; len(p) == 2 {
			all[i].Text = Text{p[0], strings.TrimPrefix(p[1], "Left out: ")}
		}
	}
	return all
}
