package metrics

import (
	"math"
	"math/rand/v2"
	"slices"

	"golang.org/x/exp/stats"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/ecmp-go/ecmp/selector"
)

// Balance says how far loads are from what members are due. Drained members do
// not count.
type Balance struct {
	PeakToMean float64 // the greatest load over due; 1 is perfect
	LowToMean  float64 // the least load over due; 1 is perfect
	// the root of the mean square of load/due - 1, which is the standard
	// deviation of shares; 0 is perfect
	RMSError float64

	// ChiSquare is the sum of the squares of load - due over due, in units of
	// what a fair draw has on average: about 1 for a random placement, 0 for
	// loads that are due to the last hash, and beyond 1 where the strategy
	// itself is uneven. PValue is how probable that much or more is in a fair
	// draw. Both are of hashes that count alike; without meaning for traffic.
	ChiSquare, PValue float64
}

// Balance returns the balance of the placement. A random sample of n hashes
// alone makes an RMSError of about sqrt(N/n) for N equal members.
func (p Placement) Balance() Balance {
	return p.balance(func(int) float64 { return 1 })
}

// Noise returns the square of the RMSError that a random sample of so many
// hashes has on average, if members get exactly what they are due.
func (p Placement) Noise() float64 {
	var squares []float64
	for _, due := range p.dues() {
		if due > 0 {
			squares = append(squares, (1-due)/(due*float64(len(p.Owners))))
		}
	}
	return stats.Mean(squares)
}

// Traffic returns the balance of the volumes of traffic that the hashes stand
// for.
func (p Placement) Traffic(volumes []float64) Balance {
	return p.balance(func(i int) float64 { return volumes[i] })
}

func (p Placement) balance(volume func(i int) float64) Balance {
	loads, total := make([]float64, len(p.Members)), 0.0
	for i, owner := range p.Owners {
		loads[owner] += volume(i)
		total += volume(i)
	}
	return balance(loads, p.dues(), total)
}

// Sampled returns the balance of n random hashes, the same ones at every call,
// without keeping them.
func Sampled(s selector.BatchSelector, members []selector.Member, n int) Balance {
	loads := make([]float64, len(members))
	r := rand.NewPCG(7, 0)
	hashes, owners := make([]uint64, 1024), make([]int32, 1024)
	for left := n; left > 0; left -= len(hashes) {
		hashes = hashes[:min(left, len(hashes))]
		for i := range hashes {
			hashes[i] = r.Uint64()
		}
		s.SelectBatch(owners, hashes)
		for _, owner := range owners[:len(hashes)] {
			loads[owner]++
		}
	}
	return balance(loads, Placement{Members: members}.dues(), float64(n))
}

// balance compares loads, total in all, with the shares that members are due.
func balance(loads, dues []float64, total float64) Balance {
	var observed, expected, ratios, squares []float64
	for i, due := range dues {
		if due == 0 {
			continue
		}
		ratio := loads[i] / (due * total)
		observed, expected = append(observed, loads[i]), append(expected, due*total)
		ratios, squares = append(ratios, ratio), append(squares, (ratio-1)*(ratio-1))
	}
	b := Balance{PeakToMean: slices.Max(ratios), LowToMean: slices.Min(ratios),
		RMSError: math.Sqrt(stats.Mean(squares)), PValue: 1}
	if degrees := float64(len(observed) - 1); degrees > 0 {
		chi := stat.ChiSquare(observed, expected)
		b.ChiSquare, b.PValue = chi/degrees, distuv.ChiSquared{K: degrees}.Survival(chi)
	}
	return b
}

// Zipf returns the volumes of n flows of which the k-th greatest has 1/k of the
// greatest's.
func Zipf(n int) []float64 {
	volumes := make([]float64, n)
	for i := range volumes {
		volumes[i] = 1 / float64(i+1)
	}
	return volumes
}
