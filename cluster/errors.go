package cluster

import "fmt"

// A RefusedError names a gateway from which nothing is taken, and why.
type RefusedError struct {
	Gateway string
	Field   string // "seed", "policy", "buckets", "form" or "classes"
	Here    string // what this gateway has; empty for a seed
	There   string // what that one has; empty for a seed
}

func (e *RefusedError) Error() string {
	if e.Here == "" && e.There == "" {
		return fmt.Sprintf("cluster: gateway %s is refused: it has another %s", e.Gateway, e.Field)
	}
	return fmt.Sprintf("cluster: gateway %s is refused: %s is %s there and %s here", e.Gateway, e.Field, e.There, e.Here)
}
