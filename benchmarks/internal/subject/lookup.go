package subject

import (
	"fmt"
	"math"
	"math/bits"

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

// Dependent looks up one key after another, through the interface, each when the
// one before is answered: a key has bits of that answer in it which are always
// zero. It is how long one look-up takes, where One has several on their way.
func Dependent(s selector.Selector) Lookup {
	return func(k *Keys) int {
		at := int32(0)
		for _, h := range k.Hashes {
			at = s.Select(h ^ uint64(uint32(at)>>31))
		}
		return int(at)
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

// Inlined looks up one key after another in a copy of a table, as a caller may
// have it. A generic function, or a closure, would not have the look-up inlined.
func Inlined(s selector.Selector) (Lookup, error) {
	t, ok := s.(selector.Tabled)
	if !ok {
		return nil, fmt.Errorf("%T is not a table", s)
	}
	words, most := make([]uint16, t.Slots()), uint16(0)
	for slot := range words {
		words[slot] = uint16(t.Owner(slot))
		most = max(most, words[slot])
	}
	if most > math.MaxUint8 {
		return func(k *Keys) int { return sumOfWords(words, k) }, nil
	}
	bytes := make([]uint8, len(words))
	for slot, owner := range words {
		bytes[slot] = uint8(owner)
	}
	return func(k *Keys) int { return sumOfBytes(bytes, k) }, nil
}

func sumOfBytes(table []uint8, k *Keys) int {
	sum := 0
	for _, h := range k.Hashes {
		slot, _ := bits.Mul64(h, uint64(len(table)))
		sum += int(table[slot])
	}
	return sum
}

func sumOfWords(table []uint16, k *Keys) int {
	sum := 0
	for _, h := range k.Hashes {
		slot, _ := bits.Mul64(h, uint64(len(table)))
		sum += int(table[slot])
	}
	return sum
}
