// Package suite has every case that is measured, for go test -bench and for the
// report.
package suite

import (
	"slices"
	"strings"
)

// A Suite is cases of one kind: a benchmark of go test.
type Suite struct {
	Name    string
	About   string // what one operation is, and what the figures beside the time are
	LeftOut string // what its figures do not say
	Exact   bool   // placement alone counts: the report does not time it
	Cases   func(Size) []Case
}

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
	Reset   func()             // before each pass, not timed; may be nil
	Figures map[string]float64 // by unit
}

// Approximate reports whether figures of a unit are of memory, which the
// garbage collector and the allocator blur, and not of placement, which is the
// same in every run on every machine.
func Approximate(unit string) bool { return strings.Contains(unit, "bytes") }

// Contest returns the part of a case's name that it has in common with those
// that do the same work, in another way.
func Contest(name string) string {
	parts := strings.Split(name, "/")
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool {
		return strings.HasPrefix(p, "impl=") || strings.HasPrefix(p, "form=")
	}), "/")
}

// Value returns the value of a key in a case's name, or "".
func Value(name, key string) string {
	for part := range strings.SplitSeq(name, "/") {
		if v, ok := strings.CutPrefix(part, key+"="); ok {
			return v
		}
	}
	return ""
}

// A Size is how far the suites go.
type Size struct {
	Members   []int // of a group
	Curve     []int // likewise, for cost curves
	Groups    []int
	WideLimit int // the most groups with tables of 64 KiB each
	Flows     []int
	Scenarios []string // strategies whose scenarios are played; none: of all
	PeerFlows int      // the most flows for the caches of others, which take 80 to 160 bytes a flow
}

// Quick is for go test -bench and a first look.
func Quick() Size {
	return Size{
		Members: []int{10, 100}, Curve: []int{10, 100, 1000}, Groups: []int{1, 100, 1000}, WideLimit: 100,
		Flows: []int{10_000, 100_000}, PeerFlows: 100_000, Scenarios: []string{"modulo", "bounded", "memento"},
	}
}

// Full is what the committed results are of.
func Full() Size {
	return Size{
		Members: []int{10, 100, 1000}, Curve: []int{10, 100, 1000, 10_000}, Groups: []int{1, 10, 100, 1000, 10_000,
			100_000},
		WideLimit: 10_000, Flows: []int{10_000, 100_000, 1_000_000, 10_000_000, 100_000_000}, PeerFlows: 1_000_000,
	}
}

// All returns the suites.
func All() []Suite {
	return []Suite{Remap(), Balance(), Select(), Build(), Groups(), Hash(), Parse(), FlowTable(), Scenario()}
}
