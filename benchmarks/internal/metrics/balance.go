package metrics

import (
	"math"
	"math/rand/v2"
	"slices"

	"golang.org/x/exp/stats"

	"github.com/ecmp-go/ecmp/selector"
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
	return balance(loads, p.dues(), len(p.Owners))
}

// Sampled returns the balance of n random hashes, the same ones at every call, without keeping them.
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
	return balance(loads, Placement{Members: members}.dues(), n)
}

// balance compares loads, n in all, with the shares that members are due.
func balance(loads, dues []float64, n int) Balance {
	var ratios, squares []float64
	for i, due := range dues {
		if due > 0 {
			ratio := loads[i] / (due * float64(n))
			ratios = append(ratios, ratio)
			squares = append(squares, (ratio-1)*(ratio-1))
		}
	}
	return Balance{PeakToMean: slices.Max(ratios), RMSError: math.Sqrt(stats.Mean(squares))}
}
