package subject

import "github.com/ecmp-go/ecmp/selector"

// A Lookup looks up all keys once. What it returns depends on every answer, so
// that none is optimised away.
type Lookup func(k *Keys) int

// BatchSize is the size of bursts.
const BatchSize = 32

// One looks up one key after another, through the interface.
func One(s selector.Selector) Lookup {
	return func(k *Keys) int {
		sum := 0
		for _, h := range k.Hashes {
			sum += s.Select(h)
		}
		return sum
	}
}

// Batches looks up bursts of BatchSize keys, through the interface.
func Batches(s selector.BatchSelector) Lookup {
	dst := make([]int32, BatchSize)
	return func(k *Keys) int {
		sum := 0
		for at := 0; at < len(k.Hashes); at += BatchSize {
			s.SelectBatch(dst, k.Hashes[at:at+BatchSize])
			sum += int(dst[0])
		}
		return sum
	}
}
