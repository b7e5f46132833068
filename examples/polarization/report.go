package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// A tier is the load of the links of one tier.
type tier struct {
	Links int     `json:"links"`
	Used  int     `json:"used"` // links with at least one flow
	Min   float64 `json:"min"`  // least load over the mean
	Max   float64 `json:"max"`  // largest load over the mean, the peak-to-mean ratio
	Flows []int   `json:"flows"`
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
	First  tier   `json:"leaf_to_spine"`
	Second tier   `json:"spine_to_core"`
}

func newRow(r result) row {
	return row{r.name, r.seeds(), newTier(r.first), newTier(r.second)}
}

// seeds returns how the seeds of the switches compare.
func (s scenario) seeds() string {
	if s.seedEach {
		return "different"
	}
	return "equal"
}

// write prints the results.
func write(w io.Writer, o options, results []result) error {
	var rows []row
	for _, r := range results {
		rows = append(rows, newRow(r))
	}
	if o.json {
		return json.NewEncoder(w).Encode(map[string]any{
			"leaves": o.fabric.leaves, "spines": o.fabric.spines, "cores": o.fabric.cores, "flows": o.flows,
			"seed": o.seed, "results": rows,
		})
	}
	const title = "%d flows through %d leaves, %d spines and %d cores. Load of a link in parts of the mean.\n\n"
	if _, err := fmt.Fprintf(w, title, o.flows, o.fabric.leaves, o.fabric.spines, o.fabric.cores); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	var lines strings.Builder
	lines.WriteString("hasher\tseeds\tleaf-spine links used\tleast\tmost\tspine-core links used\tleast\tmost\t\n")
	for _, r := range rows {
		fmt.Fprintf(&lines, "%s\t%s\t%d of %d\t%.2f\t%.2f\t%d of %d\t%.2f\t%.2f\t\n", r.Hasher, r.Seeds,
			r.First.Used, r.First.Links, r.First.Min, r.First.Max, r.Second.Used, r.Second.Links, r.Second.Min,
			r.Second.Max)
	}
	if _, err := io.WriteString(t, lines.String()); err != nil {
		return err
	}
	return t.Flush()
}
