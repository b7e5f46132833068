// Package subject has what is measured: the strategies of the library, the other libraries, and the keys that all of them look
// up.
package subject

import (
	"fmt"

	"github.com/ecmp-go/ecmp/selector"
)

// A Strategy is one of the library's, under its name in benchmarks.
type Strategy struct {
	Name string
	selector.Strategy
}

// Strategies returns the strategies that every suite goes through.
func Strategies() []Strategy {
	return []Strategy{
		{"modulo", selector.Modulo{}},
		{"threshold", selector.Threshold{}},
		{"rendezvous", selector.Rendezvous{}},
		{"maglev", selector.Maglev{}},
		{"jump", selector.Jump{}},
	}
}

// Sizes are the numbers of members that most suites go through.
func Sizes() []int { return []int{10, 100, 1000} }

// IDs returns the IDs of n members, in order.
func IDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = ID(i)
	}
	return ids
}

// ID returns the ID of member i. IDs are ordered as the numbers up to 9999 are.
func ID(i int) string { return fmt.Sprintf("pod-%04d", i) }

// Members returns n members that have the weights in turn.
func Members(n int, weights ...uint32) []selector.Member {
	members := selector.Equal(IDs(n)...)
	for i := range members {
		members[i].Weight = weights[i%len(weights)]
	}
	return members
}
