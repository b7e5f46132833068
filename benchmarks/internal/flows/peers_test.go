package flows_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ecmp-go/ecmp/benchmarks/internal/flows"
	"github.com/ecmp-go/ecmp/hash"
)

// TestPeersRememberWhatTheyWereTold wants every cache to find the keys that it
// has and no others: one that finds nothing would be fast.
func TestPeersRememberWhatTheyWereTold(t *testing.T) {
	const n = 5000
	known, unknown := flows.Keys(0, n), flows.Keys(1, n)
	check := func(how string, p flows.Peer[hash.FlowKey]) {
		c := p.New(2 * n) // with room, since some forget at random when they are nearly full
		defer c.Close()
		assert.Zero(t, c.Get(known), "%s %s: empty", how, p.Name)
		c.Set(known)
		assert.Zero(t, c.Get(unknown), "%s %s: flows that it was not told", how, p.Name)
		assert.GreaterOrEqual(t, c.Get(known), n*99/100, "%s %s: flows that it was told", how, p.Name)
	}
	for _, refresh := range []bool{true, false} {
		wide := flows.Peers(func(k hash.FlowKey) uint32 { return uint32(flows.Hasher().Hash(k) >> 32) }, refresh)
		for _, p := range append(wide, flows.GoMap[hash.FlowKey]()) {
			check("wide", p)
		}
		narrow := flows.Peers(func(d uint64) uint32 { return uint32(d >> 32) }, refresh)
		for _, p := range append(append(narrow, flows.GoMap[uint64]()), flows.Open()...) {
			check("digest", flows.Digested(p))
		}
	}
}
