// Package metrics computes how evenly a strategy places hashes, and what a
// change of the group moves.
package metrics

import (
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// A Placement says which member each of a list of hashes belongs to.
type Placement struct {
	Members []selector.Member
	Owners  []int32 // of each hash, the index of its member
}

// Place asks a selector that was built for the members where the hashes belong.
func Place(s selector.Selector, members []selector.Member, hashes []uint64) Placement {
	p := Placement{members, make([]int32, len(hashes))}
	subject.Batched(s).SelectBatch(p.Owners, hashes)
	return p
}

// Slots returns the placement of the slots of a table, each of which stands for
// as many hashes as any other: it is exact.
func Slots(t selector.Tabled, members []selector.Member) Placement {
	p := Placement{members, make([]int32, t.Slots())}
	for slot := range p.Owners {
		p.Owners[slot] = int32(t.Owner(slot))
	}
	return p
}

// dues returns the share of the hashes that each member is due by its weight.
func (p Placement) dues() []float64 {
	sum := 0.0
	for _, m := range p.Members {
		sum += float64(m.Weight)
	}
	dues := make([]float64, len(p.Members))
	for i, m := range p.Members {
		dues[i] = float64(m.Weight) / sum
	}
	return dues
}
