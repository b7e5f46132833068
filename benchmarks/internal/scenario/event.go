package scenario

import (
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// An Event is what happens to a group of ten members.
type Event struct {
	Name    string
	Changes []Change
	// when half of the flows begin to enter at another gateway, which started
	// then; 0: never
	Roam time.Duration
}

// A Change gives the group a list of members.
type Change struct {
	At      time.Duration
	Members []selector.Member
}

const change = 10 * time.Minute // when the group changes

// Events returns the scenarios.
func Events() []Event {
	newcomer := selector.Member{ID: subject.ID(10), Weight: 1}
	drained := initial()
	drained[4].Weight = 0
	// Two changes, so that a gateway which starts after them has not seen what
	// placement by history depends on.
	replaced := []Change{{change, without(4)}, {change + 30*time.Second, append(without(4), newcomer)}}
	return []Event{
		{Name: "scale-up", Changes: []Change{{change, append(initial(), newcomer)}}},
		{Name: "scale-down", Changes: []Change{{change, without(4)}}},
		{Name: "replace", Changes: []Change{{change, append(without(4), newcomer)}}},
		{Name: "drain", Changes: []Change{{change, drained}, {change + 5*time.Minute, without(4)}}},
		{Name: "rolling-restart", Changes: rollingRestart()},
		{Name: "new-gateway", Changes: replaced, Roam: change + time.Minute},
	}
}

func without(i int) []selector.Member { return slices.Delete(initial(), i, i+1) }

// rollingRestart takes each member out for 30 s, one a minute.
func rollingRestart() (changes []Change) {
	for i := range 10 {
		at := change + time.Duration(i)*time.Minute
		changes = append(changes, Change{at, without(i)}, Change{at + 30*time.Second, initial()})
	}
	return changes
}

func initial() []selector.Member { return subject.Members(10, 1) }
