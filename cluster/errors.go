package cluster

import "fmt"

// Fields in which gateways can differ: see [RefusedError] and [Difference].
// Those of a strategy have the names that selector.ParseStrategy gives them,
// such as "slots" and "seed", behind "strategy ".
const (
	FieldSeed        = "seed"        // of digests
	FieldProof       = "proof"       // that it has the seed: not given yet
	FieldPolicy      = "policy"      // by which packets are hashed
	FieldBuckets     = "buckets"     // of the flow table
	FieldForm        = "form"        // of the words of the flow table
	FieldClasses     = "classes"     // of the flow table
	FieldName        = "name"        // two processes use it
	FieldScope       = "scope"       // of a group
	FieldStrategy    = "strategy"    // its name
	FieldMembers     = "members"     // their IDs or weights
	FieldHistory     = "history"     // the same members, which came in another order
	FieldVersion     = "version"     // one lags by more than three heartbeats
	FieldFailed      = "failed"      // it could not apply a change
	FieldFingerprint = "fingerprint" // the members there are not known yet
)

// A RefusedError names a gateway from which nothing is taken, and why.
type RefusedError struct {
	Gateway string
	Field   string // one of FieldSeed to FieldClasses
	Here    string // what this gateway has; empty for what is secret
	There   string // what that one has
}

func (e *RefusedError) Error() string {
	switch {
	case e.Field == FieldProof:
		return fmt.Sprintf("cluster: gateway %s is refused: it has not proven its seed yet", e.Gateway)
	case e.Here == "" && e.There == "":
		return fmt.Sprintf("cluster: gateway %s is refused: it has another %s", e.Gateway, e.Field)
	}
	return fmt.Sprintf("cluster: gateway %s is refused: its %s: %s, here: %s", e.Gateway, e.Field, e.There, e.Here)
}
