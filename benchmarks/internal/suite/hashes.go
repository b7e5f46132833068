package suite

import (
	"fmt"
	"hash/crc32"
	"hash/maphash"
	"math/rand/v2"

	"github.com/cespare/xxhash/v2"
	"github.com/dchest/siphash"
	"github.com/zeebo/xxh3"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/symmetric"
)

const keyCount = 1024

// Hash is hashes of flow keys.
func Hash() Suite {
	return Suite{
		Name:    "Hash",
		Layouts: true,
		Cases: func(Size) (cases []Case) {
			r := rand.New(rand.NewPCG(1, 0))
			keys, encoded := make([]hash.FlowKey, keyCount), make([][]byte, keyCount)
			for i := range keys {
				keys[i] = hash.FlowKeyFromWords(r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64())
				encoded[i], _ = keys[i].AppendBinary(nil) // it has no way to fail
			}
			for _, h := range []struct {
				name   string
				hasher hash.Hasher
			}{
				{"xxh64", hash.XX{Seed: 1}},
				{"siphash", hash.Sip{K0: 1, K1: 2}},
				{"fastest", hash.NewMix(1)},
				{"crc32c", hash.CRC32C{}},
				{"toeplitz", toeplitz()},
				{"symmetric-xxh64", symmetric.Hasher{Base: hash.XX{Seed: 1}}},
			} {
				name := fmt.Sprintf("hash=%s/impl=ecmp/form=", h.name)
				cases = append(cases, Case{name + "one", func() (*Work, error) { return hashOne(h.hasher, keys), nil }})
				if batch, ok := h.hasher.(hash.BatchHasher); ok {
					cases = append(cases,
						Case{name + "batch32", func() (*Work, error) { return hashBatches(batch, keys), nil }})
				}
			}
			seed, castagnoli := maphash.MakeSeed(), crc32.MakeTable(crc32.Castagnoli)
			for _, p := range []struct {
				name string
				sum  func([]byte) uint64
			}{
				{"hash=xxh64/impl=cespare", xxhash.Sum64},
				{"hash=siphash/impl=dchest", func(b []byte) uint64 { return siphash.Hash(1, 2, b) }},
				{"hash=fastest/impl=xxh3", xxh3.Hash},
				{"hash=fastest/impl=maphash", func(b []byte) uint64 { return maphash.Bytes(seed, b) }},
				{"hash=crc32c/impl=stdlib", func(b []byte) uint64 { return uint64(crc32.Checksum(b, castagnoli)) }},
			} {
				cases = append(cases, Case{p.name + "/form=one", func() (*Work, error) {
					return &Work{Items: keyCount, Pass: func() {
						for _, b := range encoded {
							p.sum(b)
						}
					}}, nil
				}})
			}
			return cases
		},
	}
}

func toeplitz() *hash.Toeplitz {
	h, err := hash.NewToeplitz(hash.MicrosoftKey())
	if err != nil {
		panic(err) // only for a key of another length
	}
	return h
}

func hashOne(h hash.Hasher, keys []hash.FlowKey) *Work {
	return &Work{Items: len(keys), Pass: func() {
		for _, k := range keys {
			h.Hash(k)
		}
	}}
}

func hashBatches(h hash.BatchHasher, keys []hash.FlowKey) *Work {
	dst := make([]uint64, subject.BatchSize)
	return &Work{Items: len(keys), Pass: func() {
		for at := 0; at < len(keys); at += subject.BatchSize {
			h.HashBatch(dst, keys[at:at+subject.BatchSize])
		}
	}}
}
