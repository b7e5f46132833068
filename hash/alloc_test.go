package hash_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ecmp-go/ecmp/hash"
)

func TestNoAllocations(t *testing.T) {
	var h hash.Headers
	for _, f := range frames() { // good and bad
		assert.Zero(t, testing.AllocsPerRun(10, func() { _ = hash.Parse(f.bytes, &h) }), f.name)
		if len(f.bytes) >= 14 {
			assert.Zero(t, testing.AllocsPerRun(10, func() { _ = hash.ParseIP(f.bytes[14:], &h) }), f.name)
		}
	}

	// Headers on the stack stay there.
	frame := frames()[0].bytes
	assert.Zero(t, testing.AllocsPerRun(10, func() {
		var h hash.Headers
		_ = hash.Parse(frame, &h)
	}))

	headers, dst, keys := parsed(t, 64), make([]uint64, 64), make([]hash.FlowKey, 64)
	for i := range headers {
		keys[i] = headers[i].Outer
	}
	hashers := []hash.Hasher{foreignHasher{}}
	for _, b := range builtIn {
		hashers = append(hashers, b.hasher)
		assert.Zero(t, testing.AllocsPerRun(10, func() { b.hasher.HashBatch(dst, keys) }), b.name)
		assert.Zero(t, testing.AllocsPerRun(10, func() { b.hasher.HashFields(dst, headers, hash.FiveTuple) }), b.name)
	}
	for _, hasher := range hashers {
		assert.Zero(t, testing.AllocsPerRun(10, func() { dst[0] = hasher.Hash(keys[0]) }))
		for _, e := range []hash.Extractor{hash.FiveTuple, hash.Inner(hash.FiveTuple), hash.FiveTuple | hash.SPI,
			foreignExtractor{}} {
			policy := hash.Policy{Extractor: e, Hasher: hasher}
			assert.Zero(t, testing.AllocsPerRun(10, func() { policy.HashHeaders(dst, headers, nil) }))
			assert.Zero(t, testing.AllocsPerRun(10, func() { keys[0] = e.Extract(&headers[0], nil) }))
		}
	}

	buffer, less := make([]byte, 0, hash.FlowKeySize), 0
	assert.Zero(t, testing.AllocsPerRun(10, func() { buffer, _ = keys[0].AppendBinary(buffer[:0]) }))
	assert.Zero(t, testing.AllocsPerRun(10, func() { less = keys[0].Compare(keys[1].Reverse()) }))
	assert.Zero(t, testing.AllocsPerRun(10, func() {
		keys[0] = hash.NewFlowKey(hash.TCP, keys[1].Src(), keys[1].Dst())
	}))
	_ = less
}
