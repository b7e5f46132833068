package selector

import "math"

// A Diff counts the hashes whose member differs between two states of a group.
// A hash moved if its member changed. It was forced to if its old member left,
// was drained or lost weight, or its new member joined or gained weight. Any
// other move is collateral: a flow broken without need.
//
// Where only positive weights changed, the forced ones are as many as the
// change of due shares asks for: the sum of what members are due less than
// before.
type Diff struct {
	Hashes     int  // compared: the slots of the table, or 65,536 probes
	Moved      int  // Forced + Collateral
	Forced     int  // moved since they had to
	Collateral int  // moved without need
	Exact      bool // every table slot was compared; false: probes, a sample of the hashes
}

// Ratio returns the disruption ratio Moved/Forced. 1 is perfect, and the answer
// when nothing moved. It is +Inf when something moved and nothing had to.
func (d Diff) Ratio() float64 {
	if d.Moved == d.Forced {
		return 1
	}
	return float64(d.Moved) / float64(d.Forced)
}

const diffProbes = 1 << 16

// Diff compares the placement of v with that of an older view of the group,
// whoever is down. It is exact where both selectors are [Tabled] with as many
// slots; else it asks both for 65,536 fixed hashes. Members are told by ID: one
// that left and came back between the views did not change.
func (v *View) Diff(old *View) Diff {
	fate := fates(old, v)
	from, before := old.selector.(Tabled)
	to, after := v.selector.(Tabled)
	d := Diff{Hashes: diffProbes}
	if before && after && from.Slots() == to.Slots() {
		d = Diff{Hashes: to.Slots(), Exact: true}
		for slot := range d.Hashes {
			d.count(fate, from.Owner(slot), to.Owner(slot))
		}
	} else {
		for i := range uint64(diffProbes) {
			h := mix64(i)
			d.count(fate, selectOrNone(old.selector, h), selectOrNone(v.selector, h))
		}
	}
	if due, ok := dueChange(old.members, v.members, fate); ok {
		d.Forced = min(d.Moved, int(math.Round(due*float64(d.Hashes))))
		d.Collateral = d.Moved - d.Forced
	}
	return d
}

// dueChange returns the share of hashes that a change of weights alone moves at
// the least. ok is false if a member joined, left, was drained or came back.
func dueChange(old, members []Member, f fate) (share float64, ok bool) {
	sum := func(list []Member) (total float64) {
		for _, m := range list {
			total += float64(m.Weight)
		}
		return total
	}
	was, is := sum(old), sum(members)
	if len(old) != len(members) || was == 0 || is == 0 {
		return 0, false
	}
	for i, m := range old {
		if f.now[i] < 0 || (m.Weight == 0) != (members[f.now[i]].Weight == 0) {
			return 0, false
		}
		share += max(0, float64(m.Weight)/was-float64(members[f.now[i]].Weight)/is)
	}
	return share, true
}

func selectOrNone(s Selector, h uint64) int32 {
	if s == nil {
		return -1
	}
	return s.Select(h)
}

// fate is what a change does to the members of both states.
type fate struct {
	now  []int32 // index in the new state of each old member, -1 if it left
	lost []bool  // old members that left or lost weight
	won  []bool  // new members that joined or gained weight
}

func fates(old, v *View) fate {
	f := fate{now: make([]int32, old.Len()), lost: make([]bool, old.Len()), won: make([]bool, v.Len())}
	for i := range f.now {
		f.now[i], f.lost[i] = -1, true
	}
	for i, before := range previous(old, v.members) {
		if before < 0 {
			f.won[i] = true
			continue
		}
		f.now[before] = int32(i)
		f.lost[before] = v.members[i].Weight < old.members[before].Weight
		f.won[i] = v.members[i].Weight > old.members[before].Weight
	}
	return f
}

// count adds a hash that went from old member a to new member b; -1 is none.
func (d *Diff) count(f fate, a, b int32) {
	moved := a >= 0 || b >= 0
	if a >= 0 && b >= 0 {
		moved = f.now[a] != b
	}
	switch {
	case !moved:
		return
	case a < 0 || b < 0 || f.lost[a] || f.won[b]:
		d.Forced++
	default:
		d.Collateral++
	}
	d.Moved++
}
