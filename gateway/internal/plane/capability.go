package plane

import (
	"fmt"
	"strings"
)

// A CapabilityError says which capabilities a process lacks that a data plane
// needs, where the kernel refused what it asked for.
type CapabilityError struct {
	Plane   string
	Missing []string // such as CAP_NET_RAW: see capabilities(7)
	Err     error    // of the kernel
}

// Error says what is missing.
func (e *CapabilityError) Error() string {
	return fmt.Sprintf("%v: %s needs %s, which this process does not have", e.Err, e.Plane,
		strings.Join(e.Missing, " and "))
}

// Unwrap returns e.Err.
func (e *CapabilityError) Unwrap() error { return e.Err }
