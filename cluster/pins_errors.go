package cluster

import (
	"errors"
	"fmt"
)

// Why a message about pins is refused, to be matched by errors.Is. The error
// itself is a [*PinsError]. Nothing changes by a message that is refused.
var (
	ErrMalformed = errors.New("malformed")
	ErrForged    = errors.New("forged, or sent with another seed")
	ErrReplayed  = errors.New("replayed")
	ErrStale     = errors.New("stale")
)

// A PinsError tells which message about pins was refused, and why.
type PinsError struct {
	Gateway  string // that the message says it is from; empty if it does not say
	Group    string
	Sequence uint64

	// Err is ErrMalformed, ErrForged, ErrReplayed or ErrStale, or wraps one of
	// them; or it is a *RefusedError that names what differs in that gateway.
	Err error
}

func (e *PinsError) Error() string {
	if e.Gateway == "" {
		return fmt.Sprintf("cluster: pins refused: %v", e.Err)
	}
	return fmt.Sprintf("cluster: pins of group %s from gateway %s refused, message %d: %v",
		e.Group, e.Gateway, e.Sequence, e.Err)
}

func (e *PinsError) Unwrap() error { return e.Err }
