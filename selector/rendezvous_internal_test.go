package selector

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ecmp-go/ecmp/internal/racecheck"
)

// TestDraws: with random bits in the high half only, few bits or a counter,
// draws stay unrelated: the winners of groups share as they should, and so do
// the seconds of each winner's hashes.
func TestDraws(t *testing.T) {
	racecheck.OneGoroutine(t)
	sets := map[string]func(i uint64) uint64{
		"counter":             func(i uint64) uint64 { return i },
		"counter, high half":  func(i uint64) uint64 { return i << 32 },
		"counter, highest":    func(i uint64) uint64 { return i << 48 },
		"repetitive Toeplitz": func(i uint64) uint64 { return i * 65537 << 32 },
		"few bits":            func(i uint64) uint64 { return 1<<(i&63) | 1<<(i>>6&63) | 1<<(i>>12&15*4) },
		"reversed counter":    func(i uint64) uint64 { return bits.Reverse64(i) | 1 },
	}
	for name, hash := range sets {
		seen := map[uint64]bool{}
		for i := range uint64(1 << 16) {
			seen[hash(i)] = true
		}
		for _, n := range []int{4, 30, 200} {
			seeds := make([]uint64, n)
			for i := range seeds {
				seeds[i] = hashID(0, fmt.Sprintf("10.0.0.%d", i))
			}
			d := &rendezvous{draws{seeds: seeds}}
			winners, pairs := make([]float64, n), make([]float64, n*n)
			for h := range seen {
				first := d.Select(h)
				winners[first]++
				pairs[int(first)*n+int(d.Next(h, first))]++
			}
			samples := float64(len(seen))
			assert.Less(t, chiSquared(winners, samples/float64(n)), limitOf(n-1), "%s, %d", name, n)
			if n <= 30 {
				got := chiSquared(pairs, samples/float64(n*(n-1))) - samples/float64(n*(n-1))*float64(n)
				assert.Less(t, got, limitOf(n*(n-1)-1), "seconds, %s, %d", name, n)
			}
		}
	}
}

// TestEqualDrawsGoToTheFirst: members whose IDs have one hash draw alike, one
// hash at a time and two at a time.
func TestEqualDrawsGoToTheFirst(t *testing.T) {
	for n := 1; n <= 12; n++ {
		seeds := slices.Repeat([]uint64{42}, n)
		for h := range uint64(20) {
			assert.Zero(t, leader(spread(h), seeds), "%d members", n)
			first, second := leaders(spread(h), spread(h+1), seeds)
			assert.Zero(t, first, "%d members", n)
			assert.Zero(t, second, "%d members", n)
		}
	}
}

func chiSquared(counts []float64, due float64) float64 {
	sum := 0.0
	for _, c := range counts {
		sum += (c - due) * (c - due) / due
	}
	return sum
}

// limitOf is five standard deviations above the mean of chi-squared, plus some
// for its tail.
func limitOf(degrees int) float64 { return float64(degrees) + 5*math.Sqrt(2*float64(degrees)) + 15 }
