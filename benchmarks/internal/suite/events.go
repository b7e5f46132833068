package suite

import (
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// A crowd names the members that join a group.
type crowd struct {
	seed uint64
	id   func(i int) string
}

// drawn are members of a draw, behind all that were there.
func drawn(set subject.Set) crowd {
	const behind = 5000
	return crowd{uint64(set), func(i int) string { return set.ID(behind + i) }}
}

// An event changes a group of members that were drawn.
type event struct {
	name    string
	weights bool   // it makes weights unequal, or zero
	weight  uint32 // of each member before it
	series  bool   // of many changes
	drawn   bool   // of the suite Changes alone
	apply   func(all []selector.Member, c crowd) iter.Seq[[]selector.Member]
}

// events of single changes are in the middle of the order of IDs, where a
// change costs positional strategies (Modulo, Threshold, Jump) about as much as
// on average, unless their names say where. Members that join do so at the end,
// as members that are numbered do.
func events() []event {
	once := func(name string, change func(m []selector.Member, c crowd) []selector.Member) event {
		return event{name: name, weight: 1, drawn: name == "add10pct",
			apply: func(all []selector.Member, c crowd) iter.Seq[[]selector.Member] {
				return single(change(slices.Clone(all), c))
			}}
	}
	weights := func(name string, weight uint32, change func(m *selector.Member)) event {
		return event{name: name, weights: true, weight: weight, drawn: weight != 1,
			apply: func(all []selector.Member, _ crowd) iter.Seq[[]selector.Member] {
				m := slices.Clone(all)
				change(&m[len(m)/2])
				return single(m)
			}}
	}
	return []event{
		once("add", func(m []selector.Member, c crowd) []selector.Member {
			return append(m, newcomer(c, len(m)))
		}),
		once("remove", func(m []selector.Member, _ crowd) []selector.Member {
			return slices.Delete(m, len(m)/2, len(m)/2+1)
		}),
		once("remove-first", func(m []selector.Member, _ crowd) []selector.Member { return m[1:] }),
		once("remove-last", func(m []selector.Member, _ crowd) []selector.Member { return m[:len(m)-1] }),
		once("remove10pct", func(m []selector.Member, _ crowd) []selector.Member {
			i := -1
			return slices.DeleteFunc(m, func(selector.Member) bool { i++; return i%10 == 5 })
		}),
		once("add10pct", func(m []selector.Member, c crowd) []selector.Member {
			for range len(m) / 10 {
				m = append(m, newcomer(c, len(m)))
			}
			return m
		}),
		once("replace", func(m []selector.Member, c crowd) []selector.Member {
			return append(slices.Delete(m, len(m)/2, len(m)/2+1), newcomer(c, len(m)))
		}),
		weights("drain", 1, func(m *selector.Member) { m.Weight = 0 }),
		weights("weight", 1, func(m *selector.Member) { m.Weight *= 2 }),
		weights("weight1pct", 100, func(m *selector.Member) { m.Weight++ }),
		{"ramp", true, 10, true, true, ramp},
		{"upgrade", false, 1, true, true, rollingUpgrade},
		{"restart", false, 1, true, false, rollingRestart},
		{"churn", false, 1, true, false, churn},
	}
}

func single(members []selector.Member) iter.Seq[[]selector.Member] {
	return func(yield func([]selector.Member) bool) { yield(members) }
}

func newcomer(c crowd, i int) selector.Member { return selector.Member{ID: c.id(i), Weight: 1} }

// ramp lets one member join in ten steps of a tenth of the others' weight.
func ramp(all []selector.Member, c crowd) iter.Seq[[]selector.Member] {
	return func(yield func([]selector.Member) bool) {
		for weight := uint32(1); weight <= 10; weight++ {
			m := append(slices.Clone(all), selector.Member{ID: c.id(len(all)), Weight: weight})
			if !yield(m) {
				return
			}
		}
	}
}

// rollingUpgrade puts a member of another name in the place of each, one after
// another.
func rollingUpgrade(all []selector.Member, c crowd) iter.Seq[[]selector.Member] {
	return func(yield func([]selector.Member) bool) {
		now := slices.Clone(all)
		for i := range now {
			now[i].ID = c.id(len(all) + i)
			if !yield(now) {
				return
			}
		}
	}
}

// rollingRestart takes each member out and puts it back, one after another.
func rollingRestart(all []selector.Member, _ crowd) iter.Seq[[]selector.Member] {
	return func(yield func([]selector.Member) bool) {
		for i := range all {
			if !yield(slices.Delete(slices.Clone(all), i, i+1)) || !yield(all) {
				return
			}
		}
	}
}

// churn is a thousand changes, each with equal odds of a random member that
// leaves or one that joins, be it new or one that left before. There are never
// fewer than 3/4 or more than 5/4 of the members.
func churn(all []selector.Member, c crowd) iter.Seq[[]selector.Member] {
	return func(yield func([]selector.Member) bool) {
		n := len(all)
		r := rand.New(rand.NewPCG(7+c.seed, uint64(n)))
		present, gone, next := slices.Clone(all), []selector.Member(nil), n
		for range 1000 {
			leave := r.IntN(2) == 0
			switch {
			case leave && len(present) > n-n/4 || len(present) >= n+n/4:
				i := r.IntN(len(present))
				gone = append(gone, present[i])
				present = slices.Delete(present, i, i+1)
			case len(gone) > 0 && r.IntN(2) == 0:
				i := r.IntN(len(gone))
				present = append(present, gone[i])
				gone = slices.Delete(gone, i, i+1)
			default:
				present = append(present, newcomer(c, next))
				next++
			}
			if !yield(present) {
				return
			}
		}
	}
}

// survivors returns who is left of the members when that share of them, at
// random, has left, in their order.
func survivors(all []selector.Member, set subject.Set, percent int) []selector.Member {
	r := rand.New(rand.NewPCG(uint64(set), 11))
	stay := r.Perm(len(all))[len(all)*percent/100:]
	slices.Sort(stay)
	left := make([]selector.Member, len(stay))
	for i, at := range stay {
		left[i] = all[at]
	}
	return left
}
