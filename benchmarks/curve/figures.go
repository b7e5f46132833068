package main

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"

	"github.com/ecmp-go/ecmp/selector"
)

// group returns n members of weight 1 with random addresses, the same for the
// same seed, and those of a smaller group first.
func group(seed uint64, n int) []selector.Member {
	r := rand.New(rand.NewPCG(seed, 1))
	taken := map[string]bool{}
	var members []selector.Member
	for len(members) < n {
		id := fmt.Sprintf("10.%d.%d.%d", r.IntN(256), r.IntN(256), r.IntN(256))
		if !taken[id] {
			taken[id] = true
			members = append(members, selector.Member{ID: id, Weight: 1})
		}
	}
	return members
}

// publish returns the state of a group, whose table is exact.
func publish(s subject, members []selector.Member) (selector.Tabled, error) {
	built, err := selector.New(s.strategy, members)
	if err != nil {
		return nil, err
	}
	return built.(selector.Tabled), nil
}

// move returns the disruption ratio of a change of members.
func move(s subject, before, after []selector.Member) (float64, error) {
	g, err := selector.NewGroup[struct{}](selector.Config{Name: s.name, Strategy: s.strategy})
	if err != nil {
		return 0, err
	}
	old, err := g.Update(hops(before))
	if err != nil {
		return 0, err
	}
	now, err := g.Update(hops(after))
	if err != nil {
		return 0, err
	}
	return now.Diff(old).Ratio(), nil
}

func hops(members []selector.Member) []selector.Hop[struct{}] {
	list := make([]selector.Hop[struct{}], len(members))
	for i, m := range members {
		list[i].ID, list[i].Weight = m.ID, m.Weight
	}
	return list
}

// balance is how shares relate to what is due: the greatest, the least, and the
// root of the mean square error.
type balance struct{ peak, low, rms float64 }

func shares(t selector.Tabled, members []selector.Member) balance {
	owned, sum := make([]float64, len(members)), 0.0
	for slot := range t.Slots() {
		owned[t.Owner(slot)]++
	}
	for _, m := range members {
		sum += float64(m.Weight)
	}
	b := balance{low: math.Inf(1)}
	for i, m := range members {
		share := owned[i] / (float64(t.Slots()) * float64(m.Weight) / sum)
		b.peak, b.low = max(b.peak, share), min(b.low, share)
		b.rms += (share - 1) * (share - 1) / float64(len(members))
	}
	b.rms = math.Sqrt(b.rms)
	return b
}

// figure is what was measured with some seeds.
type figure struct {
	sum, greatest float64
	count         int
}

func (f *figure) add(x float64) {
	f.sum += x
	f.count++
	f.greatest = max(f.greatest, x)
}

func (f *figure) mean() float64 { return f.sum / float64(f.count) }

// print prints to a stream whose errors, of standard output, nobody could be
// told.
func print(out io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(out, format, args...)
}
