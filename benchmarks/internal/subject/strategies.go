// Package subject has what is measured: the strategies of the library, the
// other libraries, and the keys that all of them look up.
package subject

import (
	"fmt"
	"math/rand/v2"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

// A Strategy is one of the library's or another library's, under its name in
// benchmarks.
type Strategy struct {
	Name string
	selector.Strategy
	EqualOnly bool // it refuses unequal weights, or knows none
	Peer      bool // of another library
	Own       bool // of whoever measures: see [Own]
}

// Strategies returns the strategies of the library at their recommended
// settings: those of package catalog, in its order, and then those of [Own].
func Strategies() (list []Strategy) {
	for _, row := range catalog.All() {
		list = append(list, Strategy{Name: row.Name, Strategy: row.Strategy, EqualOnly: row.EqualOnly})
	}
	return append(list, Own()...)
}

// Placements returns what is compared for what it moves and how evenly it
// places: the strategies, the ends of Bounded's trade between both, and the
// other libraries.
func Placements() []Strategy {
	return append(Strategies(),
		Strategy{Name: "bounded-slack0", Strategy: selector.Bounded{Slack: selector.NoSlack}},
		Strategy{Name: "bounded-unlimited", Strategy: selector.Bounded{Slack: selector.UnlimitedSlack}},
		Strategy{Name: "go-maglev", Strategy: goMaglev{}, EqualOnly: true, Peer: true},
		Strategy{Name: "kkdai-maglev", Strategy: kkdaiMaglev{}, EqualOnly: true, Peer: true},
		Strategy{Name: "go-jump", Strategy: goJump{}, EqualOnly: true, Peer: true},
		Strategy{Name: "go-rendezvous", Strategy: goRendezvous{}, EqualOnly: true, Peer: true},
		Strategy{Name: "doublejump", Strategy: doubleJump{}, EqualOnly: true, Peer: true},
	)
}

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

// A Set is a draw of members, by its seed. IDs are ordered as the numbers of the
// members up to 9999 are, and are random behind them.
type Set uint64

// ID returns the ID of member i.
func (s Set) ID(i int) string {
	return fmt.Sprintf("%s-%08x", ID(i), rand.NewPCG(uint64(s), uint64(i)).Uint64()>>32)
}

// Members returns the first n members, which have the weights in turn.
func (s Set) Members(n int, weights ...uint32) []selector.Member {
	members := make([]selector.Member, n)
	for i := range members {
		members[i] = selector.Member{ID: s.ID(i), Weight: weights[i%len(weights)]}
	}
	return members
}

// Drawn returns n members with random addresses as IDs, which have the weights
// in turn. They are the same for the same seed, and fewer members are the first
// ones of more.
func Drawn(seed uint64, n int, weights ...uint32) []selector.Member {
	r := rand.New(rand.NewPCG(seed, 1))
	taken := map[string]bool{}
	var members []selector.Member
	for len(members) < n {
		id := fmt.Sprintf("10.%d.%d.%d", r.IntN(256), r.IntN(256), r.IntN(256))
		if !taken[id] {
			taken[id] = true
			members = append(members, selector.Member{ID: id, Weight: weights[len(members)%len(weights)]})
		}
	}
	return members
}

// Sizes are the numbers of members that most suites go through.
func Sizes() []int { return []int{10, 100, 1000} }

// Hops returns the members as a group takes them.
func Hops(members []selector.Member) []selector.Hop[struct{}] {
	hops := make([]selector.Hop[struct{}], len(members))
	for i, m := range members {
		hops[i].ID, hops[i].Weight = m.ID, m.Weight
	}
	return hops
}
