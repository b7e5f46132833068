package main

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
)

// functions are what the templates of a document write numbers with. Times of
// another run than most are of have the number of their origin, which others
// explains.
func functions(root string, r *results.Run) template.FuncMap {
	marked := map[int]bool{} // origins
	write := func(format writer) func(name, unit string) (string, error) {
		return func(name, unit string) (string, error) {
			f, err := r.Figure(name, unit)
			if err != nil {
				return "", err
			}
			c, _ := r.Find(name) // whose figure that is
			if c.Origin != 0 && unit == results.Time {
				marked[c.Origin] = true
				return fmt.Sprintf("%s (%d)", format(f), c.Origin), nil
			}
			return format(f), nil
		}
	}
	return template.FuncMap{
		"ratio": write(ratioOf), "percent": write(percentOf), "nanoseconds": write(nanosecondsOf),
		"bytes": write(plainly(memory)),
		"over":  write(func(f results.Figure) string { return fmt.Sprintf("%.0f", 100*(f.Value-1)) }),
		// percentIf, nanosecondsIf and ratioIf are for what not every strategy can do.
		"percentIf": func(name, unit string) string {
			return cell(r, name, unit, func(f results.Figure) string { return percentOf(f) + " %" })
		},
		"nanosecondsIf": func(name, unit string) string { return cell(r, name, unit, nanosecondsOf) },
		"ratioIf":       func(name, unit string) string { return cell(r, name, unit, ratioOf) },
		"shareIf":       func(name, unit string) string { return cell(r, name, unit, percentOf) },
		"draws": func(name string) (int, error) {
			c, err := r.Find(name)
			return c.Figures["broken-share"].Draws, err
		},
		// most, mostPercent and least tell of draws.
		"most": func(name, unit string) (string, error) {
			f, err := r.Figure(name, unit)
			return fmt.Sprintf("%.3f (%.3f)", f.Value, f.Most), err
		},
		"mostPercent": func(name, unit string) (string, error) {
			f, err := r.Figure(name, unit)
			return fmt.Sprintf("%.2f %% (%.2f)", 100*f.Value, 100*f.Most), err
		},
		"least": func(name, unit string) (string, error) {
			f, err := r.Figure(name, unit)
			return fmt.Sprintf("%.3f", f.Least), err
		},
		// measured reports whether there is a case of that name.
		"measured": func(name string) bool { _, err := r.Find(name); return err == nil },
		"slack": func(slack string) string {
			if slack == "none" {
				return "strategy=maglev/slots=65537"
			}
			return "strategy=bounded/slots=65536/slack=" + slack
		},
		"slackName": func(slack string) string {
			known := map[string]string{"none": "Maglev", "0": "none", "20": ".02", "50": ".05"}
			return cmp.Or(known[slack], slack)
		},
		// pair returns what two cases took that took turns, and their ratio.
		"pair": func(ours, theirs string) (map[string]string, error) {
			a, b, err := r.Both(ours, theirs)
			mark := ""
			if a.Origin != 0 {
				marked[a.Origin] = true
				mark = fmt.Sprintf(" (%d)", a.Origin)
			}
			if err != nil {
				return nil, err
			}
			x, err := r.Ratio(ours, theirs)
			took, took2 := times(a), times(b)
			return map[string]string{
				"ours": nanosecondsOf(took) + mark, "theirs": nanosecondsOf(took2),
				"times": untold(r, x) + timesOf(took, took2),
			}, err
		},
		// timed returns the time of a case, with half of the width of the 95 %
		// interval of the mean, rounded up.
		"timed": func(name string) (string, error) {
			c, err := r.Find(name)
			if err != nil {
				return none, nil // not everyone does it
			}
			if c.Origin != 0 {
				marked[c.Origin] = true
			}
			f, _ := c.Timed()
			digits := 1
			if f.Value >= 100 {
				digits = 0
			}
			unit := math.Pow10(-digits)
			return fmt.Sprintf("%.*f ± %.*f", digits, f.Value, digits, unit*math.Ceil(f.Interval/unit)), nil
		},
		// together returns the time of a case that took turns with another.
		"together": func(name, other string) (string, error) {
			c, _, err := r.Both(name, other)
			return nanosecondsOf(times(c)), err
		},
		"verdicts": func() []verdict { return verdicts(r) },
		// faster returns the rows of where others are faster.
		"faster": func() (rows []string) {
			for _, row := range ratioRows(r, r.Faster()) {
				rows = append(rows, "| "+strings.Join(row, " | ")+" |")
			}
			return rows
		},
		"margins": func() string { return margins(r) },
		// paper returns the rows of a paper, and paperOrigin who measured them.
		"paper": func(paper string) []string {
			return paperLines(paper, func(name, unit string) (results.Figure, string, error) {
				f, err := r.Figure(name, unit)
				if c, _ := r.Find(name); err == nil && unit == results.Time {
					marked[c.Origin] = true
					return f, fmt.Sprintf(" (%d)", c.Origin), nil
				}
				return f, "", err
			})
		},
		"paperOrigin": func(paper string) string {
			for _, row := range paperRows(paper) {
				if c, err := r.Find(row.caseName(paper)); err == nil {
					o := r.Origins[c.Origin]
					return fmt.Sprintf("commit %s, %.10s, %s", o.Commit, o.Date, o.Go)
				}
			}
			return "not measured yet"
		},
		"strategies": func() []string { return names(r, subject.Strategies()) },
		"placements": func() []string { return names(r, subject.Placements()) },
		"others": func() (list []string) {
			for i, o := range r.Origins {
				if marked[i] {
					const note = "(%d) in another run, of %s, %d logical cores, %s, commit %s, %.10s."
					list = append(list, fmt.Sprintf(note, i, o.CPU, o.CPUs, o.Go, o.Commit, o.Date))
				}
			}
			clear(marked) // the next block tells its own
			return list
		},
		"paragraph": func(file string, n int) (string, error) {
			return paragraph(filepath.Join(root, committed, file), n)
		},
		"list": func(names ...string) []string { return names },
		"quotient": func(a, b string) (string, error) {
			x, err := strconv.Atoi(a)
			y, err2 := strconv.Atoi(b)
			return strconv.Itoa(x / max(1, y)), errors.Join(err, err2)
		},
		"slotsRule": func() (string, error) { return slotsRule(r) },
		"alike":     func(event, policy string) string { return alike(r, event, policy) },
	}
}

// margins says how near to 1 a ratio of each suite is not told.
func margins(r *results.Run) string {
	var suites, list []string
	for _, x := range r.Ratios() {
		if suite := results.Suite(x.Ours); !slices.Contains(suites, suite) {
			suites = append(suites, suite)
		}
	}
	runs := 1 + len(r.Repeats)
	for _, suite := range suites {
		if r.Spread(suite) > 0 {
			list = append(list, fmt.Sprintf("%s %.2f", suite, r.Margin(suite, runs)))
		}
	}
	if len(list) == 0 {
		return ""
	}
	return fmt.Sprintf("Ratios of a suite differ from run to run, of which there are %d here. One with ~ may be "+
		"on the other side of 1 in the next: it is nearer to 1 than the 99 %% prediction interval of its suite, "+
		"a factor of %s.", runs, strings.Join(list, ", "))
}

// names returns those of strategies of the library and of others that were
// measured.
func names(r *results.Run, list []subject.Strategy) (names []string) {
	for _, s := range list {
		if r.Has("strategy", s.Name) && !s.Own {
			names = append(names, s.Name)
		}
	}
	return names
}

// paragraph returns what stands between the n-th blank line of a file and the
// next.
func paragraph(path string, n int) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	all := strings.Split(string(data), "\n\n")
	if n >= len(all) {
		return "", fmt.Errorf("%s: no paragraph %d", path, n)
	}
	return strings.Trim(all[n], "\n") + "\n", nil
}

func nanoseconds(v float64) string {
	switch {
	case math.Abs(v) < 1e3:
		return figure(v) + " ns"
	case math.Abs(v) < 1e6:
		return figure(v/1e3) + " µs"
	}
	return figure(v/1e6) + " ms"
}

func memory(v float64) string {
	switch {
	case v < 1024:
		return fmt.Sprintf("%.0f B", math.Max(0, v))
	case v < 1<<20:
		return figure(v/1024) + " KiB"
	}
	return figure(v/(1<<20)) + " MiB"
}
