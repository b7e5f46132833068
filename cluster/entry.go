package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// An entry is one change in a group's log: a value of the group's key, as JSON
// that an operator can read: nats kv history ecmp_CLUSTER GROUP.
type entry struct {
	ID    string `json:"id"`    // of the change, for its writer to find it again
	By    string `json:"by"`    // the gateway that made it
	After uint64 `json:"after"` // the revision that it changes; 0: it is the first

	// State is everything after the change. The first entry has it, and one of
	// a strategy, and some others, so that a gateway can begin there.
	State *State `json:"state,omitempty"`

	// What changes otherwise: members that are new or not as they were, IDs
	// that are gone, and the announcement, which every other change ends.
	Put    []Member `json:"put,omitempty"`
	Remove []string `json:"remove,omitempty"`
	Plan   *Planned `json:"plan,omitempty"`
}

// makeEntry returns the shortest entry that leads from one state to another.
func makeEntry(id, by string, after uint64, old, state State) entry {
	e := entry{ID: id, By: by, After: after, Plan: state.Plan}
	known := make(map[string]Member, len(old.Members))
	for _, m := range old.Members {
		known[m.ID] = m
	}
	for _, m := range state.Members {
		if before, ok := known[m.ID]; !ok || before != m {
			e.Put = append(e.Put, m)
		}
		delete(known, m.ID)
	}
	for _, m := range old.Members {
		if _, gone := known[m.ID]; gone {
			e.Remove = append(e.Remove, m.ID)
		}
	}
	if got, err := e.apply(old, after, 0); err != nil || !got.equal(state) {
		return entry{ID: id, By: by, After: after, State: &state} // another order, or another strategy
	}
	return e
}

// errGap is the error of an entry that does not follow the state.
var errGap = errors.New("it does not follow what is known")

// apply returns the state after the entry, which has the given revision. The
// state before it has revision at; 0 is none.
func (e entry) apply(s State, at, revision uint64) (State, error) {
	if e.State != nil {
		next := e.State.clone()
		next.dated(s, at == e.After, revision)
		return next, nil
	}
	if e.After != at || at == 0 {
		return s, fmt.Errorf("revision %d follows %d, and %d is known: %w", revision, e.After, at, errGap)
	}
	next := State{Strategy: s.Strategy, Scope: s.Scope, Members: slices.Clone(s.Members), Plan: e.Plan}
	if e.Plan != nil {
		next = next.clone()
	}
	next.Remove(e.Remove...)
	for _, m := range e.Put {
		next.Put(m)
	}
	next.dated(s, true, revision)
	return next, nil
}

// dated dates the members that the revision adds. Without the state before,
// nobody knows which these are; so a whole state has all other dates.
func (s *State) dated(old State, known bool, revision uint64) {
	if revision == 0 {
		return
	}
	if !known {
		old = State{}
	}
	s.date(old, revision)
	if s.Plan != nil && s.Plan.Revision == 0 {
		s.Plan.Revision = revision
	}
}

func (e entry) encode() ([]byte, error) { return json.Marshal(e) }

func decodeEntry(data []byte) (e entry, err error) {
	if err := json.Unmarshal(data, &e); err != nil {
		return e, fmt.Errorf("not an entry of a group's log: %w", err)
	}
	return e, nil
}
