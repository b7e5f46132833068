package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/ecmp-go/ecmp/hash"
)

// A hasher is a hash function that a switch may have.
type hasher struct {
	name  string
	build func(seed uint64) (hash.Hasher, error)

	// compared says that it is one of those that are compared without a plan.
	compared bool

	narrow bool // seeds have 32 bits
}

// takes says what is wrong with a seed.
func (h hasher) takes(seed uint64) error {
	switch {
	case h.narrow && seed > math.MaxUint32:
		return fmt.Errorf("seed %d: those of %s have 32 bits", seed, h.name)
	case h.name == defaultHash && seed == 0:
		return errors.New("seed 0: Linux draws one of its own then")
	}
	return nil
}

// hashers is the list of hash functions.
func hashers() []hasher {
	return []hasher{
		{"Linux", func(seed uint64) (hash.Hasher, error) {
			return hash.Linux611{
				Seed: uint32(seed), Policy: hash.LinuxCustom, Fields: hash.NewLinuxFields(hash.FiveTuple, 0),
			}, nil
		}, true, true},
		{"Toeplitz", func(seed uint64) (hash.Hasher, error) { return toeplitz(seed) }, true, false},
		{"Toeplitz+Mix", func(seed uint64) (hash.Hasher, error) {
			// Cards have the same key by default, so the seed is that of Mix.
			t, err := toeplitz(0)
			return hash.Mixed(t, seed), err
		}, true, false},
		{"XX", func(seed uint64) (hash.Hasher, error) { return hash.XX{Seed: seed}, nil }, true, false},
		{"CRC32", func(seed uint64) (hash.Hasher, error) {
			c := hash.CRC32IEEE()
			c.Init ^= uint32(seed)
			return hash.NewCRC(c)
		}, false, true},
		{"Mix", func(seed uint64) (hash.Hasher, error) { return hash.NewMix(seed), nil }, false, false},
		{"Sip", func(seed uint64) (hash.Hasher, error) { return hash.Sip{K0: seed}, nil }, false, false},
	}
}

// findHasher returns the hasher of a name, in upper or lower case.
func findHasher(name string) (hasher, error) {
	var names []string
	for _, h := range hashers() {
		if strings.EqualFold(h.name, name) {
			return h, nil
		}
		names = append(names, strings.ToLower(h.name))
	}
	return hasher{}, fmt.Errorf("%q is no hash: %s", name, strings.Join(names, ", "))
}

// toeplitz returns a Toeplitz hasher with a key drawn from a seed.
func toeplitz(seed uint64) (*hash.Toeplitz, error) {
	r := rand.New(rand.NewPCG(seed, 1))
	var key []byte
	for range 5 {
		key = binary.BigEndian.AppendUint64(key, r.Uint64())
	}
	return hash.NewToeplitz(key)
}
