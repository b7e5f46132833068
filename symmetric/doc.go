// Package symmetric gives both directions of a conversation one hash, so that a
// stateful device, such as a firewall or a NAT, sees both.
//
//	policy := symmetric.Policy(hash.Policy{Hasher: hash.XX{Seed: seed}})
//
// The two directions must carry the same addresses and ports: behind address
// translation they do not.
//
// [Policy] is the way to get there: it hashes [hash.FlowKey.Canonical], which
// both directions share. [Hasher] does so outside of a policy. [ToeplitzKey] is
// for network cards that must agree.
package symmetric
