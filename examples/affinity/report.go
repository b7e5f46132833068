package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/internal/columns"
	"github.com/ecmp-go/ecmp/internal/commandline"
)

// A report is what the program prints.
type report struct {
	Trace string    `json:"trace"`
	Rules []outcome `json:"rules"`
	Keys  []outcome `json:"this_router_by_other_keys"`
	Live  tally     `json:"live"`
}

func (r report) write(w io.Writer, asJSON bool) error {
	if asJSON {
		return commandline.PrintJSON(w, r)
	}
	by, l := r.Rules[0].Key, r.Live
	_, err := fmt.Fprintf(w, `%s
%s
Best by %s. %s. %s. %s.

Over HTTP, %d requests, %d at a time:

%s
%d of %d were answered. Server%d was drained after %d, with %d in flight. It got %d more, and was removed after %d.
`,
		r.Trace, table(slices.Concat(r.Rules, r.Keys)), by,
		best("Most hits", r.Rules, func(o outcome) float64 { return -o.HitRate }),
		best("Lowest peak", r.Rules, func(o outcome) float64 { return o.Peak }),
		best("Earliest first token", r.Rules, func(o outcome) float64 { return o.FirstToken.Seconds() }),
		l.Sent, inFlight, l.table(), l.Answered, l.Sent, leaving+1, l.Drained, l.Open, l.Late, l.Removed)
	return err
}

func table(list []outcome) string {
	var t columns.Table
	t.Row("rule", "key", "hit rate", "peak", "at worst", "first token", "99 % within")
	for _, o := range list {
		t.Row(o.Rule, o.Key, percent(o.HitRate), fmt.Sprintf("%.2f", o.Peak), fmt.Sprintf("%.2f", o.Worst),
			seconds(o.FirstToken), seconds(o.Slowest))
	}
	return t.String()
}

// best names the rule with the least value.
func best(what string, list []outcome, value func(outcome) float64) string {
	o := slices.MinFunc(list, func(a, b outcome) int { return cmp.Compare(value(a), value(b)) })
	return what + ": " + o.Rule
}

func (t tally) table() string {
	var c columns.Table
	c.Row("", "weight", "requests", "in flight at most", "hit rate")
	for i, s := range t.Servers {
		c.Row(fmt.Sprint("server", i+1), s.Weight, s.Requests, s.Peak, percent(float64(s.Hits)/float64(s.Blocks)))
	}
	return c.String()
}

func percent(share float64) string {
	return fmt.Sprintf("%.1f %%", 100*share)
}

func seconds(d time.Duration) string {
	return fmt.Sprintf("%.2f s", d.Seconds())
}
