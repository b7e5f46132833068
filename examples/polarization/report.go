package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// A tier is the load of the links from one tier to the next.
type tier struct {
	From  string   `json:"from"`
	To    string   `json:"to"`
	Links int      `json:"links"`
	Used  int      `json:"used"` // links with at least one flow
	Min   float64  `json:"min"`  // least load over the mean
	Max   float64  `json:"max"`  // largest load over the mean, the peak-to-mean ratio
	Flows []int    `json:"flows"`
	Empty [][2]int `json:"empty,omitempty"` // links without flows: the switches of both ends, from 0
}

func newTier(flows []int) tier {
	t := tier{Links: len(flows), Flows: flows}
	sum := 0
	for _, n := range flows {
		sum += n
		if n > 0 {
			t.Used++
		}
	}
	mean := float64(sum) / float64(len(flows))
	t.Min, t.Max = float64(slices.Min(flows))/mean, float64(slices.Max(flows))/mean
	return t
}

// A row is one scenario of the report.
type row struct {
	Hasher string `json:"hasher"`
	Seeds  string `json:"seeds"`
	Tiers  []tier `json:"tiers"`
}

func newRow(p plan, r result) row {
	row := row{Hasher: r.name, Seeds: r.seeds()}
	for i, load := range r.loads {
		t := newTier(load)
		t.From, t.To = p.Tiers[i].Name, p.Tiers[i+1].Name
		row.Tiers = append(row.Tiers, t)
	}
	return row
}

// seeds returns how the seeds of the switches compare.
func (s scenario) seeds() string {
	if s.seedEach {
		return "different"
	}
	return "equal"
}

// widths returns the plan as words such as "4 leaf, 4 spine and 4 core switches".
func (p plan) widths() string {
	var words []string
	for _, t := range p.Tiers {
		words = append(words, fmt.Sprintf("%d %s", t.Switches, t.Name))
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last] + " switches"
}

// writeComparison prints the results of the scenarios.
func writeComparison(w io.Writer, o options, results []result) error {
	var rows []row
	for _, r := range results {
		rows = append(rows, newRow(o.plan, r))
	}
	if o.json {
		return json.NewEncoder(w).Encode(map[string]any{
			"tiers": o.plan.Tiers, "flows": o.flows, "seed": o.seed, "results": rows,
		})
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d flows through %s. Load of a link in parts of the mean.\n\n", o.flows, o.plan.widths())
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	var lines strings.Builder
	lines.WriteString("hasher\tseeds\t")
	for _, t := range rows[0].Tiers {
		fmt.Fprintf(&lines, "%s-%s links used\tleast\tmost\t", t.From, t.To)
	}
	lines.WriteByte('\n')
	for _, r := range rows {
		fmt.Fprintf(&lines, "%s\t%s\t", r.Hasher, r.Seeds)
		for _, t := range r.Tiers {
			fmt.Fprintf(&lines, "%d of %d\t%.2f\t%.2f\t", t.Used, t.Links, t.Min, t.Max)
		}
		lines.WriteByte('\n')
	}
	_, _ = io.WriteString(t, lines.String())
	_ = t.Flush() // to a buffer
	_, err := b.WriteTo(w)
	return err
}

// writeCheck prints what became of a plan, and what to set. The proposal is nil
// if there is none.
func writeCheck(w io.Writer, o options, c check, better *proposal) error {
	if o.json {
		return json.NewEncoder(w).Encode(map[string]any{
			"plan": o.plan, "flows": o.flows, "check": c, "proposal": better,
		})
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d flows through %s.\n", o.flows, o.plan.widths())
	c.text(&b)
	switch {
	case c.TooFew && !c.Polarized:
		fmt.Fprintf(&b, "Too few flows to tell: it takes -flows %d.\n", o.plan.enough())
	case !c.Polarized:
		b.WriteString("No link stays empty or has much more than its share.\n")
	case better == nil:
		b.WriteString("POLARIZED. Neither seeds nor rotations help: take another hash or strategy.\n")
	default:
		fmt.Fprintf(&b, "POLARIZED. Set: %s. Then:\n", better.How)
		better.text(&b)
		if better.TooFew {
			fmt.Fprintf(&b, "Too few flows to tell whether that is good: it takes -flows %d.\n", o.plan.enough())
		}
	}
	_, err := b.WriteTo(w)
	return err
}

// text prints the load of each tier, and which links stay empty.
func (c check) text(b *bytes.Buffer) {
	for _, t := range c.Tiers {
		fmt.Fprintf(b, "  %s to %s: %d of %d links used, least %.2f and most %.2f of the mean\n", t.From, t.To, t.Used,
			t.Links, t.Min, t.Max)
		const most = 16 // links to name
		for i, e := range t.Empty {
			if i == most {
				fmt.Fprintf(b, "    and %d more\n", len(t.Empty)-most)
				break
			}
			fmt.Fprintf(b, "    empty: %s/%d to %s/%d\n", t.From, e[0], t.To, e[1])
		}
	}
}
