package cluster

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ecmp-go/ecmp/selector"
)

// A Member is a member of a group that gateways share.
type Member struct {
	ID     string `json:"id"`
	Weight uint32 `json:"weight"` // 0: drained
	Backup bool   `json:"backup,omitempty"`

	// Down marks the member as down at every gateway. What a gateway finds by
	// itself is its own: see Membership.SetDown.
	Down bool `json:"down,omitempty"`

	// Data is what GroupConfig.Value makes the payload of, such as an address.
	Data string `json:"data,omitempty"`

	// Incarnation is the revision of the change that made the member. The group
	// sets it, so leave it 0 for one that joins: a member that was removed and
	// is added again is another one, and has no flow of the old one. See
	// JoinReplica for those that were there before the log.
	Incarnation uint64 `json:"incarnation,omitempty"`
}

// A State is what gateways share of a group.
type State struct {
	Strategy string   `json:"strategy"` // as selector.ParseStrategy reads it
	Scope    string   `json:"scope,omitempty"`
	Members  []Member `json:"members,omitempty"` // each ID once; the order counts for strategies that keep it

	// Plan is a change that is announced; nil if there is none.
	Plan *Planned `json:"plan,omitempty"`
}

// Planned is a change that is announced, and not in force.
type Planned struct {
	Revision uint64   `json:"revision,omitempty"` // of the announcement
	By       string   `json:"by"`                 // the gateway that announced it
	Strategy string   `json:"strategy"`
	Members  []Member `json:"members,omitempty"` // the list that will be in force
}

// Member returns a pointer to the member with this ID, nil if there is none.
func (s *State) Member(id string) *Member {
	for i := range s.Members {
		if s.Members[i].ID == id {
			return &s.Members[i]
		}
	}
	return nil
}

// Put adds a member, or replaces the one with its ID, which keeps its
// incarnation.
func (s *State) Put(m Member) {
	if old := s.Member(m.ID); old != nil {
		m.Incarnation = old.Incarnation
		*old = m
		return
	}
	s.Members = append(s.Members, m)
}

// Remove removes the members with these IDs, as far as there are any.
func (s *State) Remove(ids ...string) {
	s.Members = slices.DeleteFunc(slices.Clone(s.Members), func(m Member) bool { return slices.Contains(ids, m.ID) })
}

// ErrTwoChanges is the error of a change of both the strategy and the members:
// make two changes of it, so that the group has a version for each.
var ErrTwoChanges = errors.New("strategy and members change at once")

func (s State) clone() State {
	s.Members = slices.Clone(s.Members)
	if s.Plan != nil {
		plan := *s.Plan
		plan.Members = slices.Clone(plan.Members)
		s.Plan = &plan
	}
	return s
}

func (s State) equal(o State) bool {
	return s.Strategy == o.Strategy && s.Scope == o.Scope && slices.Equal(s.Members, o.Members) &&
		(s.Plan == nil) == (o.Plan == nil) &&
		(s.Plan == nil || s.Plan.Revision == o.Plan.Revision && s.Plan.By == o.Plan.By &&
			s.Plan.Strategy == o.Plan.Strategy && slices.Equal(s.Plan.Members, o.Plan.Members))
}

// listed returns the members as the group has them: joiners that are planned
// are there with weight 0, so that their IDs mean something everywhere before a
// pin names one.
func (s State) listed() []Member {
	if s.Plan == nil {
		return s.Members
	}
	list := slices.Clone(s.Members)
	known := s.incarnations()
	for _, m := range s.Plan.Members {
		if _, ok := known[m.ID]; !ok {
			m.Weight = 0
			list = append(list, m)
		}
	}
	return list
}

func (s State) incarnations() map[string]uint64 {
	known := make(map[string]uint64, len(s.Members))
	for _, m := range s.Members {
		known[m.ID] = m.Incarnation
	}
	return known
}

// valid returns what is wrong with a state that would follow another.
func (s State) valid(old State) error {
	seen := make(map[string]bool, len(s.Members))
	for i, m := range s.Members {
		switch {
		case m.ID == "":
			return &selector.GroupError{Err: selector.ErrEmptyID, Index: i}
		case seen[m.ID]:
			return &selector.GroupError{Err: selector.ErrDuplicate, Index: i, Member: m.ID}
		}
		seen[m.ID] = true
	}
	if s.Scope != old.Scope {
		return errors.New("a group keeps its scope")
	}
	if s.Strategy != old.Strategy {
		if !slices.Equal(s.Members, old.Members) {
			return ErrTwoChanges
		}
		if _, err := selector.ParseStrategy(s.Strategy); err != nil {
			return err
		}
	}
	return nil
}

// date gives new members their incarnation, and others the one that they have.
func (s *State) date(old State, revision uint64) {
	known := old.incarnations()
	if old.Plan != nil {
		for _, m := range old.Plan.Members {
			if _, ok := known[m.ID]; !ok {
				known[m.ID] = m.Incarnation
			}
		}
	}
	set := func(list []Member) {
		for i := range list {
			if n, ok := known[list[i].ID]; ok {
				list[i].Incarnation = n
			} else if list[i].Incarnation == 0 {
				list[i].Incarnation = revision
			}
		}
	}
	set(s.Members)
	if s.Plan != nil {
		set(s.Plan.Members)
	}
}

// strategyText returns a strategy as the log has it.
func strategyText(s selector.Strategy) (string, error) {
	text, ok := s.(fmt.Stringer)
	if !ok {
		return "", &ConfigError{
			Field: "Strategy", Value: fmt.Sprintf("%T", s), Reason: "has no text for others to read",
		}
	}
	if _, err := selector.ParseStrategy(text.String()); err != nil {
		return "", fmt.Errorf("cluster: strategy: %w", err)
	}
	return text.String(), nil
}

// dependsOnHistory reports whether placement depends on the order of changes.
func dependsOnHistory(s selector.Strategy) bool {
	built, err := s.Build([]selector.Member{{ID: "a", Weight: 1}})
	if err != nil {
		return true // to be sure: its log is kept whole
	}
	_, ok := built.(selector.Rebuilder)
	return ok
}
