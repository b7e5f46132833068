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
	Members []selector.Member // before it
	Changes []Change

	// Roam is when flows begin to enter at another gateway, which has no pins of
	// them; 0: never. Half of them do, and that gateway started then. If the
	// first one Fails, all do, and the other one has run all the time: it knows
	// the history of the group.
	Roam  time.Duration
	Fails bool
}

// A Change gives the group a list of members.
type Change struct {
	At      time.Duration
	Members []selector.Member
}

const (
	groupSize = 10
	change    = 10 * time.Minute // when the group changes
)

// Events returns the scenarios with a draw of members.
func Events(set subject.Set) []Event {
	all := set.Members(groupSize, 1)
	newcomer := selector.Member{ID: set.ID(groupSize), Weight: 1}
	drained := slices.Clone(all)
	drained[4].Weight = 0
	left := without(all, 4)
	once := func(members []selector.Member) []Change { return []Change{{change, members}} }
	// Two changes, so that a gateway which starts after them has not seen what
	// placement by history depends on.
	replaced := []Change{{change, left}, {change + 30*time.Second, with(left, newcomer)}}
	return []Event{
		{Name: "scale-up", Members: all, Changes: once(with(all, newcomer))},
		{Name: "scale-down", Members: all, Changes: once(left)},
		{Name: "replace", Members: all, Changes: once(with(left, newcomer))},
		{Name: "drain", Members: all, Changes: []Change{{change, drained}, {change + 5*time.Minute, left}}},
		{Name: "rolling-restart", Members: all, Changes: rollingRestart(all)},
		{Name: "rolling-upgrade", Members: all, Changes: rollingUpgrade(all, set)},
		{Name: "new-gateway", Members: all, Changes: replaced, Roam: change + time.Minute},
		{Name: "gateway-fails", Members: all, Changes: replaced, Roam: change + time.Minute, Fails: true},
	}
}

func with(all []selector.Member, m selector.Member) []selector.Member {
	return append(slices.Clone(all), m)
}

func without(all []selector.Member, i int) []selector.Member {
	return slices.Delete(slices.Clone(all), i, i+1)
}

// rollingRestart takes each member out for 30 s, one a minute.
func rollingRestart(all []selector.Member) (changes []Change) {
	for i := range all {
		at := change + time.Duration(i)*time.Minute
		changes = append(changes, Change{at, without(all, i)}, Change{at + 30*time.Second, all})
	}
	return changes
}

// rollingUpgrade puts a member of another name in the place of each, one a
// minute, as a cluster does that gives every new member a name of its own.
func rollingUpgrade(all []selector.Member, set subject.Set) (changes []Change) {
	now := slices.Clone(all)
	for i := range now {
		now[i].ID = set.ID(groupSize + i)
		changes = append(changes, Change{change + time.Duration(i)*time.Minute, slices.Clone(now)})
	}
	return changes
}

// exposes reports whether a flow lives across a change, or is one that enters
// at another gateway.
func (e Event) exposes(f Flow) bool {
	across := func(at time.Duration) bool { return f.First < at && f.Last >= at }
	for _, c := range e.Changes {
		if across(c.At) {
			return true
		}
	}
	return e.Roam > 0 && e.moves(f) && across(e.Roam)
}

// moves reports whether a flow enters at the other gateway, when one does.
func (e Event) moves(f Flow) bool { return e.Fails || f.Roams }
