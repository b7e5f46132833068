package selector

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Limits of a group.
const (
	MaxMembers = math.MaxUint16     // members of a group
	MaxWeight  = math.MaxUint32 - 1 // sum of the weights of a group
)

// What can be wrong with a group, to be matched by errors.Is. The error itself
// is a [*GroupError].
var (
	ErrNoMembers  = errors.New("no members")
	ErrNoWeight   = errors.New("every weight is zero")
	ErrEmptyID    = errors.New("empty member ID")
	ErrDuplicate  = errors.New("duplicate member ID")
	ErrTooMany    = errors.New("too many members")
	ErrWeightSum  = errors.New("weights add up to too much")
	ErrTableSize  = errors.New("bad table size")
	ErrVersion    = errors.New("version does not grow")
	ErrNoDomain   = errors.New("no domain")
	ErrNoStrategy = errors.New("no strategy")
	ErrUnequal    = errors.New("unequal weights, which the strategy does not serve")
	ErrCapacity   = errors.New("more members than the capacity")
	ErrPrevious   = errors.New("bad index of a member in the list before")
	ErrParameter  = errors.New("parameter out of range")
	ErrGroupName  = errors.New("another group of the domain has this name")
	ErrNotMinimal = errors.New("the strategy does not declare itself minimal")
	ErrAnnounced  = errors.New("members are announced")
	ErrSelector   = errors.New("the strategy built a selector that does not serve")
	ErrClosed     = errors.New("the group is closed")
)

// A GroupError says what is wrong with a group, and which member or number is
// at fault.
type GroupError struct {
	Err    error  // one of the errors above, or wraps one
	Group  string // the name of the group; empty from what knows no group, as New
	Member string // the ID at fault; empty where none is
	Index  int    // where that member stands in the list; -1 where none is at fault
	Value  uint64 // the number at fault: a count, weight, sum, table size, parameter or version
	Limit  uint64 // the number that Value had to respect; 0 where there is none
}

func (e *GroupError) Error() string {
	s := "selector: "
	if e.Group != "" {
		s += fmt.Sprintf("group %q: ", e.Group)
	}
	s += e.Err.Error()
	if errors.Is(e, ErrVersion) {
		return s + fmt.Sprintf(": %d after %d", e.Value, e.Limit)
	}
	if e.Index >= 0 {
		s += fmt.Sprintf(": member %d %q", e.Index, e.Member)
	}
	switch {
	case e.Value == 0 && e.Limit == 0:
	case errors.Is(e, ErrWeightSum):
		s += fmt.Sprintf(": a sum of %d", e.Value)
	default:
		s += fmt.Sprintf(": %d", e.Value)
	}
	if e.Limit != 0 {
		s += fmt.Sprintf(" (limit %d)", e.Limit)
	}
	return s
}

// Unwrap returns e.Err.
func (e *GroupError) Unwrap() error { return e.Err }

// checkParameter checks the parameter of a strategy.
func checkParameter(value, limit uint32) error {
	if value > limit {
		return &GroupError{Err: ErrParameter, Index: -1, Value: uint64(value), Limit: uint64(limit)}
	}
	return nil
}

// tableSizeError says what is wrong with the size of a table. A limit of 0 is
// none.
func tableSizeError(what string, size uint32, limit int) error {
	return &GroupError{
		Err: fmt.Errorf("%w: %s", ErrTableSize, what), Index: -1, Value: uint64(size), Limit: uint64(limit),
	}
}

// Validate reports as a [*GroupError] what keeps members from being selected
// from: no members, more than [MaxMembers], an empty or repeated ID, no
// positive weight, or weights that add up to more than [MaxWeight].
func Validate(members []Member) error {
	_, err := validated(members)
	return err
}

// validated is Validate that also returns the indexes of members in order of
// ID.
func validated(members []Member) (order []int, err error) {
	if len(members) == 0 {
		return nil, &GroupError{Err: ErrNoMembers, Index: -1}
	}
	if order, err = validateList(members); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(members, func(m Member) bool { return m.Weight > 0 }) {
		return nil, &GroupError{Err: ErrNoWeight, Index: -1, Value: uint64(len(members))}
	}
	return order, nil
}

// validateList checks what a Group demands too, where no member and no weight
// is allowed, and returns the indexes of members in order of ID.
func validateList(members []Member) (order []int, err error) {
	if len(members) > MaxMembers {
		return nil, &GroupError{Err: ErrTooMany, Index: -1, Value: uint64(len(members)), Limit: MaxMembers}
	}
	sum := uint64(0)
	for i, m := range members {
		if m.ID == "" {
			return nil, &GroupError{Err: ErrEmptyID, Index: i}
		}
		if sum += uint64(m.Weight); sum > MaxWeight {
			return nil, &GroupError{Err: ErrWeightSum, Member: m.ID, Index: i, Value: sum, Limit: MaxWeight}
		}
	}
	order = sortedOrder(members)
	for k := 1; k < len(order); k++ {
		if i := order[k]; members[i].ID == members[order[k-1]].ID {
			return nil, &GroupError{Err: ErrDuplicate, Member: members[i].ID, Index: i}
		}
	}
	return order, nil
}

// sortedOrder returns the indexes of members in order of ID; equal IDs keep
// their order.
func sortedOrder(members []Member) []int {
	order := make([]int, len(members))
	for i := range order {
		order[i] = i
	}
	byID := func(a, b int) int { return cmp.Compare(members[a].ID, members[b].ID) }
	if !slices.IsSortedFunc(order, byID) {
		slices.SortStableFunc(order, byID)
	}
	return order
}
