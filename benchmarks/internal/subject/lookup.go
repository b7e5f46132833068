package subject

import (
	"fmt"

	"github.com/ecmp-go/ecmp/selector"
)

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
			sum += int(s.Select(h))
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

// Inlined looks up one key after another in a table whose type is known here. A
// generic function, or a closure, would not have the look-up inlined.
func Inlined(s selector.Selector) (Lookup, error) {
	switch t := s.(type) {
	case *selector.RankedTable[uint8]:
		return func(k *Keys) int { return sumOfBytes(&t.Table, k) }, nil
	case *selector.RankedTable[uint16]:
		return func(k *Keys) int { return sumOfWords(&t.Table, k) }, nil
	case *selector.ResilientTable[uint8]:
		return func(k *Keys) int { return sumOfBytes(&t.Table, k) }, nil
	case *selector.ResilientTable[uint16]:
		return func(k *Keys) int { return sumOfWords(&t.Table, k) }, nil
	}
	return nil, fmt.Errorf("%T is not a table", s)
}

func sumOfBytes(t *selector.Table[uint8], k *Keys) int {
	sum := 0
	for _, h := range k.Hashes {
		sum += int(t.Select(h))
	}
	return sum
}

func sumOfWords(t *selector.Table[uint16], k *Keys) int {
	sum := 0
	for _, h := range k.Hashes {
		sum += int(t.Select(h))
	}
	return sum
}
