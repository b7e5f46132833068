package xdp

import (
	"errors"
	"fmt"
)

// MaxSlots is the number of slots that a group's table may have.
const MaxSlots = 1 << 17

// The limits of one plane.
const (
	MaxServices = 1024      // groups
	MaxPrefixes = 1 << 16   // of all services
	MaxOutput   = 1<<14 - 1 // the greatest engine.Adjacency.Output
)

// What can't be put in force, and why; errors.Is tells them apart in an
// [*Error].
var (
	ErrBigEndian = errors.New("the program is for little-endian machines")
	ErrStrategy  = errors.New("the strategy has no table")
	ErrKey       = errors.New("the program can't tell flows apart by this key")
	ErrTableSize = errors.New("the table of the strategy has too many slots")
	ErrDomain    = errors.New("the group is of another domain")
	ErrSlot      = errors.New("the member has no slot in the domain")
	ErrOutput    = errors.New("the output has no device")
	ErrLimit     = errors.New("more than the program has room for")
)

// An Error says what was refused. Those parts that do not apply are zero.
type Error struct {
	Err    error  // one of the errors above, or one that wraps it
	Group  string // the name of the group
	Member string
	Value  any // the number or strategy at fault
}

// Error names the culprit.
func (e *Error) Error() string {
	s := "xdp: "
	if e.Group != "" {
		s += fmt.Sprintf("group %q: ", e.Group)
	}
	if e.Member != "" {
		s += fmt.Sprintf("member %q: ", e.Member)
	}
	s += e.Err.Error()
	if e.Value != nil {
		s += fmt.Sprintf(": %v", e.Value)
	}
	return s
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }
