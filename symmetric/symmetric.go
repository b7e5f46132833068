// Package symmetric gives both directions of a conversation one hash, so that a
// stateful device, such as a firewall or a NAT, sees both.
//
//	policy := symmetric.Policy(hash.Policy{Hasher: hash.XX{Seed: seed}})
//
// The two directions must carry the same addresses and ports: behind address
// translation they do not.
package symmetric

import "github.com/ecmp-go/ecmp/hash"

// Canonical returns the same key for both directions of a conversation: the
// smaller, by [hash.FlowKey.Compare], of k and its reverse, both without flow
// label. Each direction has a label of its own (RFC 6437).
//
// The endpoints are ordered as pairs of address and port, so that distinct
// conversations keep distinct keys. Linux orders addresses and ports
// independently, which gives the flows from a:1 to b:2 and from a:2 to b:1 one
// key.
func Canonical(k hash.FlowKey) hash.FlowKey { return k.Canonical() }
