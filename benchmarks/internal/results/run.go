// Package results is what is kept of measurements, for people as JSON and for
// benchstat as text: cases with their figures, and who measured them.
package results

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/exp/stats"
)

// A Run is a set of results. Most are of one run of the report; more can be
// added to it, from other machines too.
type Run struct {
	Quick   bool     `json:"quick"`
	Seeds   int      `json:"seeds,omitempty"` // which set of draws
	Origins []Origin `json:"origins"`
	Cases   []Case   `json:"cases"`
	Repeats []*Run   `json:"-"` // other runs of the same times: see AddRepeat

	spreads map[string]float64 // by suite: see Spread
}

// An Origin is a run of the report, or of another program: when, of which code,
// and on which machine.
type Origin struct {
	Date    string `json:"date"`    // RFC 3339, UTC
	Command string `json:"command"` // that measures it again
	// Commit is that of the code that was measured, with a plus sign if there
	// were changes beside it. Of runs that did not say, it is the commit that
	// brought the results.
	Commit   string            `json:"commit"`
	Go       string            `json:"go"`
	OS       string            `json:"os"`
	Arch     string            `json:"arch"`
	CPU      string            `json:"cpu"`
	CPUs     int               `json:"cpus"`
	Kernel   string            `json:"kernel,omitempty"`
	Settings map[string]string `json:"settings,omitempty"` // huge pages, governor
	Note     string            `json:"note,omitempty"`
	// that were measured, this library's aside
	Modules []Module `json:"modules,omitempty"`
}

// A Module is a library of a version.
type Module struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

// A Case is what was measured of one.
type Case struct {
	Name    string    `json:"name"`                // Suite/key=value/...
	Origin  int       `json:"origin,omitempty"`    // index of who measured it
	NsPerOp []float64 `json:"ns_per_op,omitempty"` // of each block, in order
	// by unit; of Time where the blocks are not known
	Figures map[string]Figure `json:"figures,omitempty"`
}

// Timed returns the time of an operation, in nanoseconds.
func (c Case) Timed() (f Figure, ok bool) {
	if len(c.NsPerOp) == 0 {
		f, ok = c.Figures[Time]
		return f, ok
	}
	f = Mean(c.NsPerOp)
	f.Value = c.Median()
	return f, true
}

// Median returns the median time of an operation, in nanoseconds.
func (c Case) Median() float64 {
	if len(c.NsPerOp) == 0 {
		return c.Figures[Time].Value
	}
	return stats.Quantiles(c.NsPerOp, .5)[0]
}

// Main returns the origin of what nothing else is said of.
func (r *Run) Main() Origin { return r.Origins[0] }

// Of returns the cases whose names begin with these parts: of each name, the
// first.
func (r *Run) Of(parts string) (cases []Case) {
	seen := map[string]bool{}
	for _, c := range r.Cases {
		if strings.HasPrefix(c.Name, parts+"/") && !seen[c.Name] {
			seen[c.Name] = true
			cases = append(cases, c)
		}
	}
	return cases
}

// Elsewhere returns the origin of a case if that is another machine than most
// results are of.
func (r *Run) Elsewhere(c Case) (o Origin, ok bool) {
	o, main := r.Origins[c.Origin], r.Main()
	return o, o.CPU != main.CPU || o.CPUs != main.CPUs || o.OS != main.OS || o.Arch != main.Arch
}

// Has reports whether there is a case with that value of a key.
func (r *Run) Has(key, value string) bool {
	return slices.ContainsFunc(r.Cases, func(c Case) bool { return Value(c.Name, key) == value })
}

// Find returns the first case of that name.
func (r *Run) Find(name string) (Case, error) {
	for _, c := range r.Cases {
		if c.Name == name {
			return c, nil
		}
	}
	return Case{}, fmt.Errorf("results: no case %q", name)
}

// Figure returns the figure of a unit, of the first case of that name.
func (r *Run) Figure(name, unit string) (Figure, error) {
	c, err := r.Find(name)
	if err != nil {
		return Figure{}, err
	}
	f, ok := c.Figures[unit]
	if unit == Time {
		f, ok = c.Timed()
	}
	if !ok {
		return Figure{}, fmt.Errorf("results: case %q has no %s", name, unit)
	}
	return f, nil
}

// Value is [Run.Figure] without draws.
func (r *Run) Value(name, unit string) (float64, error) {
	f, err := r.Figure(name, unit)
	return f.Value, err
}

// Both returns two cases of one origin, the first that has both.
func (r *Run) Both(one, other string) (a, b Case, err error) {
	at := map[int]Case{}
	for _, c := range r.Cases {
		if _, ok := at[c.Origin]; !ok && c.Name == one {
			at[c.Origin] = c
		}
	}
	for _, b := range r.Cases {
		if a, ok := at[b.Origin]; ok && b.Name == other {
			return a, b, nil
		}
	}
	return a, b, fmt.Errorf("results: nobody measured both %q and %q", one, other)
}

// A Ratio says how many times as long another library takes as this one, for
// the same work in blocks that took turns.
type Ratio struct {
	Ours, Theirs       string  // the names of cases
	OurTime, TheirTime float64 // medians, in nanoseconds

	OurProcessor, TheirProcessor float64 // nanoseconds of all processors; 0: not known

	Again []float64 // the values in repeats
}

// Value returns the ratio of the medians.
func (r Ratio) Value() float64 { return r.TheirTime / r.OurTime }

// Ratio returns that of two cases of one origin.
func (r *Run) Ratio(ours, theirs string) (Ratio, error) {
	a, b, err := r.Both(ours, theirs)
	if err != nil {
		return Ratio{}, err
	}
	return r.ratio(a, b), nil
}

func (r *Run) ratio(ours, theirs Case) Ratio {
	return Ratio{
		ours.Name, theirs.Name, ours.Median(), theirs.Median(),
		ours.Figures[Processor].Value, theirs.Figures[Processor].Value,
		r.again(ours.Name, theirs.Name),
	}
}

// Ratios returns all of them, in order of their names. Those of two origins
// are not comparable; where several origins have a ratio, the first counts.
func (r *Run) Ratios() (ratios []Ratio) {
	others, seen := map[string][]Case{}, map[[2]string]bool{}
	for _, c := range r.Cases {
		if impl := Value(c.Name, "impl"); impl != "" && impl != "ecmp" && impl != "own" && c.Median() > 0 {
			others[Pair(c.Name)] = append(others[Pair(c.Name)], c)
		}
	}
	for _, ours := range r.Cases {
		if ours.Median() == 0 || Value(ours.Name, "impl") != "ecmp" {
			continue
		}
		for _, theirs := range others[Pair(ours.Name)] {
			names := [2]string{ours.Name, theirs.Name}
			if theirs.Origin == ours.Origin && !seen[names] {
				seen[names] = true
				ratios = append(ratios, r.ratio(ours, theirs))
			}
		}
	}
	slices.SortFunc(ratios, func(a, b Ratio) int {
		return cmp.Or(strings.Compare(a.Ours, b.Ours), strings.Compare(a.Theirs, b.Theirs))
	})
	return ratios
}

// Merge puts cases of an origin in the place of those of the same name, in the
// order that rank gives to names. Origins that have no case left are dropped.
func (r *Run) Merge(o Origin, cases []Case, rank func(name string) int) {
	cases = slices.Clone(cases)
	renewed := map[string]bool{}
	for _, c := range cases {
		renewed[c.Name] = true
	}
	r.Cases = slices.DeleteFunc(r.Cases, func(c Case) bool { return renewed[c.Name] })
	for _, c := range cases {
		c.Origin = len(r.Origins)
		r.Cases = append(r.Cases, c)
	}
	origins := append(slices.Clone(r.Origins), o)
	slices.SortStableFunc(r.Cases, func(a, b Case) int { return rank(a.Name) - rank(b.Name) })
	at := make([]int, len(origins)) // where each goes, from 1
	r.Origins = nil
	for i, origin := range origins {
		if slices.ContainsFunc(r.Cases, func(c Case) bool { return c.Origin == i }) {
			r.Origins = append(r.Origins, origin)
			at[i] = len(r.Origins)
		}
	}
	for i := range r.Cases {
		r.Cases[i].Origin = at[r.Cases[i].Origin] - 1
	}
}
