package benchmarks_test

import (
	"math/rand/v2"
	"testing"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/symmetric"
)

// BenchmarkHash times the hashing of random flow keys that are in the cache, through the interface. One operation is one key.
func BenchmarkHash(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 0))
	keys := make([]hash.FlowKey, 1024)
	for i := range keys {
		keys[i] = hash.FlowKeyFromWords(r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64())
	}
	for _, h := range []struct {
		name   string
		hasher hash.Hasher
	}{
		{"xx", hash.XX{Seed: 1}},
		{"sip", hash.Sip{K0: 1, K1: 2}},
		{"crc32c", hash.CRC32C{}},
		{"symmetric-xx", symmetric.Hasher{Base: hash.XX{Seed: 1}}},
	} {
		b.Run("hasher="+h.name+"/form=one", func(b *testing.B) {
			b.ReportAllocs()
			passes(b, len(keys), func() uint64 {
				sum := uint64(0)
				for _, k := range keys {
					sum += h.hasher.Hash(k)
				}
				return sum
			})
		})
		batch, ok := h.hasher.(hash.BatchHasher)
		if !ok {
			continue
		}
		b.Run("hasher="+h.name+"/form=batch32", func(b *testing.B) {
			dst := make([]uint64, subject.BatchSize)
			b.ReportAllocs()
			passes(b, len(keys), func() uint64 {
				sum := uint64(0)
				for at := 0; at < len(keys); at += subject.BatchSize {
					batch.HashBatch(dst, keys[at:at+subject.BatchSize])
					sum += dst[0]
				}
				return sum
			})
		})
	}
}
