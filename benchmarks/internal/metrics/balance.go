package metrics

import (
	"math"
	"slices"

	"golang.org/x/exp/stats"
)

// Balance says how far loads are from what members are due. Drained members do not count.
type Balance struct {
	PeakToMean float64 // the greatest load over due; 1 is perfect
	RMSError   float64 // the root of the mean square of load/due - 1; 0 is perfect
}

// Balance returns the balance of the placement. A random sample of n hashes alone makes an RMSError of about sqrt(N/n) for N
// equal members.
func (p Placement) Balance() Balance {
	loads := make([]float64, len(p.Members))
	for _, owner := range p.Owners {
		loads[owner]++
	}
	var ratios, squares []float64
	for i, due := range p.dues() {
		if due > 0 {
			ratio := loads[i] / (due * float64(len(p.Owners)))
			ratios = append(ratios, ratio)
			squares = append(squares, (ratio-1)*(ratio-1))
		}
	}
	return Balance{PeakToMean: slices.Max(ratios), RMSError: math.Sqrt(stats.Mean(squares))}
}
