package suite

import (
	"fmt"
	"sync"

	"github.com/ecmp-go/ecmp/benchmarks/internal/flows"
	"github.com/ecmp-go/ecmp/hash"
)

// knownCases are packets of n established flows, with the same work for
// everyone: from the flow's key of 40 bytes to its member, with no refresh at
// the read. With key=digest all are keyed by a digest of 64 bits, which each
// makes by the same hash in the time. With key=wide the others are keyed by the
// flow's key, which they hash and compare; ours is the same in both.
func knownCases(n int) (cases []Case) {
	keys := sync.OnceValue(func() []hash.FlowKey { return flows.Keys(0, n) })
	add := func(key, impl string, w func() (*Work, error)) {
		cases = append(cases, Case{fmt.Sprintf("op=known/flows=%d/key=%s/impl=%s", n, key, impl), w})
	}
	hasher := flows.Hasher()
	fold := func(k hash.FlowKey) uint32 { return uint32(hasher.Hash(k) >> 32) }
	digest := append(flows.Peers(foldDigest, false), flows.GoMap[uint64]())
	wide := append(fastest(flows.Peers(fold, false)), flows.GoMap[hash.FlowKey]())
	byKey := map[string][]flows.Peer[hash.FlowKey]{"wide": wide}
	for _, p := range append(digest, flows.Open()...) {
		byKey["digest"] = append(byKey["digest"], flows.Digested(p))
	}
	for _, key := range []string{"digest", "wide"} {
		add(key, "ecmp/form=one", func() (*Work, error) { return hitKeys(keys(), (*flows.Table).One) })
		add(key, "ecmp/form=batch32", func() (*Work, error) {
			return hitKeys(keys(), func(t *flows.Table, k []hash.FlowKey) int { return t.Keys(k, hash.ACK) })
		})
		for _, p := range byKey[key] {
			add(key, p.Name, func() (*Work, error) { return hitPeer(p, keys()) })
		}
	}
	return cases
}
