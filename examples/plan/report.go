package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/ecmp-go/ecmp/internal/columns"
	"github.com/ecmp-go/ecmp/selector"
)

// A report is what the program prints. Shares are from 0 to 1.
type report struct {
	Strategy string   `json:"strategy"`
	Planned  string   `json:"planned_strategy"`
	Members  []member `json:"members"`
	Moves    []move   `json:"moves,omitempty"`
	AtOnce   []cost   `json:"at_once,omitempty"`
	AsGiven  []cost   `json:"as_given,omitempty"`
	Cheapest []cost   `json:"cheapest,omitempty"`
	Upgrade  []cost   `json:"upgrade,omitempty"`
}

// A member is one that is in the group now, or will be.
type member struct {
	ID  string `json:"id"`
	Now place  `json:"now"`
	New place  `json:"planned"`
}

type place struct {
	Weight uint32  `json:"weight"`
	Due    float64 `json:"due"`
	Share  float64 `json:"share"`
	here   bool
}

type move struct {
	From  string  `json:"from"`
	To    string  `json:"to"`
	Share float64 `json:"share"`
}

func (o options) report() (r report, err error) {
	p, err := newPlan(o.strategy, o.members)
	if err != nil {
		return r, err
	}
	planned, err := p.try(o.steps...)
	if err != nil {
		return r, err
	}
	r.Strategy, r.Planned = fmt.Sprint(o.strategy), fmt.Sprint(o.strategy)
	for _, s := range o.steps {
		if s.strategy != nil {
			r.Planned = fmt.Sprint(s.strategy)
		}
	}
	r.Members = members(p.snapshot.View(), planned.View())
	if len(o.steps) > 0 {
		hashes := float64(planned.Diff(p.snapshot).Hashes)
		for m, n := range planned.Moves(p.snapshot) {
			r.Moves = append(r.Moves, move{m.From, m.To, float64(n) / hashes})
		}
		r.AtOnce = []cost{newCost("all at once", planned, p.snapshot)}
	}
	if len(o.steps) > 1 {
		if r.AsGiven, err = inTurn(o.strategy, o.members, o.steps); err != nil {
			return r, err
		}
		r.Cheapest = cheapest(o.strategy, o.members, o.steps)
	}
	if o.upgrade {
		r.Upgrade, err = upgrade(o.strategy, o.members)
	}
	return r, err
}

// members returns those of both views, in order of ID.
func members(now, planned *selector.View) (list []member) {
	places := func(v *selector.View) map[string]place {
		found, due, shares := make(map[string]place), v.Due(), v.Shares()
		for i, m := range v.All() {
			found[m.ID] = place{m.Weight, due[i], shares[i], true}
		}
		return found
	}
	old, next := places(now), places(planned)
	for _, m := range now.All() {
		list = append(list, member{m.ID, old[m.ID], next[m.ID]})
	}
	for _, m := range planned.All() {
		if !old[m.ID].here {
			list = append(list, member{m.ID, old[m.ID], next[m.ID]})
		}
	}
	return list
}

func percent(share float64) string {
	return fmt.Sprintf("%.2f", 100*share)
}

func (p place) cells() []any {
	if !p.here {
		return []any{"-", "-", "-"}
	}
	return []any{p.Weight, percent(p.Due), percent(p.Share)}
}

// String returns the tables.
func (r report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s now, %s planned, in percent of all hashes:\n\n", r.Strategy, r.Planned)
	var t columns.Table
	t.Row("member", "weight", "due", "share", "weight then", "due", "share")
	for _, m := range r.Members {
		t.Row(append(append([]any{m.ID}, m.Now.cells()...), m.New.cells()...)...)
	}
	b.WriteString(t.String())
	if len(r.Moves) > 0 {
		t = columns.Table{}
		t.Row("from", "to", "moves")
		for _, m := range r.Moves {
			t.Row(m.From, m.To, percent(m.Share))
		}
		b.WriteString("\n" + t.String())
	}
	for _, part := range []struct {
		title string
		costs []cost
	}{
		{"changes", r.AtOnce},
		{"as given", r.AsGiven},
		{"cheapest order", r.Cheapest},
		{"upgrade one by one", r.Upgrade},
	} {
		if len(part.costs) > 0 {
			b.WriteString("\n" + table(part.title, part.costs))
		}
	}
	return b.String()
}

func table(title string, costs []cost) string {
	var t columns.Table
	sum := cost{Step: "in sum"}
	row := func(c cost) {
		t.Row("  "+c.Step, percent(c.Moved), percent(c.Forced), percent(c.Due), fmt.Sprintf("%.3f", c.Highest))
	}
	t.Row(title, "moved", "forced", "due", "heaviest")
	for _, c := range costs {
		row(c)
		sum.Moved, sum.Forced, sum.Due = sum.Moved+c.Moved, sum.Forced+c.Forced, sum.Due+c.Due
		sum.Highest = math.Max(sum.Highest, c.Highest)
	}
	if len(costs) > 1 {
		row(sum)
	}
	return t.String()
}
