// Package symmetric gives both directions of a conversation one hash, so that a
// stateful device (a firewall, a NAT, a load balancer that tracks connections)
// sees both.
//
//	policy := symmetric.Policy(hash.Policy{Hasher: hash.XX{Seed: seed}})
//
// The two directions must carry the same addresses and ports: behind address
// translation they do not.
package symmetric

import "github.com/ecmp-go/ecmp/hash"

// Canonical returns the same key for both directions of a conversation: the
// smaller, by [hash.FlowKey.Compare], of k and its reverse, both without flow
// label. The label goes because each direction has its own (RFC 6437).
//
// The endpoints are ordered as pairs of address and port. Ordering addresses
// and ports independently, as Linux does, would give the flows from a:1 to b:2
// and from a:2 to b:1 one key; here distinct conversations keep distinct keys.
func Canonical(k hash.FlowKey) hash.FlowKey { return k.Canonical() }
