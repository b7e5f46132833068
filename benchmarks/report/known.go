package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/benchmarks/internal/suite"
)

// known refuses suites, keys and values that no case has, and lists those that
// there are.
func known(wanted results.Filter) error {
	if len(wanted) == 0 {
		return nil
	}
	extra, err := extras(wanted)
	if err != nil {
		return err
	}
	values := map[string]map[string]bool{"": {}} // by key
	for _, s := range suite.All() {
		values[""][s.Name] = true
		quick, full := suite.Quick(), suite.Full()
		quick.Extra, full.Extra = extra, extra
		for _, c := range slices.Concat(s.Cases(quick), s.Cases(full)) {
			for part := range strings.SplitSeq(c.Name, "/") {
				key, value, _ := strings.Cut(part, "=")
				if values[key] == nil {
					values[key] = map[string]bool{}
				}
				values[key][value] = true
			}
		}
	}
	for key, asked := range wanted {
		what := key
		if key == "" {
			what = "suite"
		}
		if values[key] == nil {
			delete(values, "")
			return fmt.Errorf("no %s: names of cases have %s", key, listed(values))
		}
		for _, value := range asked {
			if !values[key][value] {
				return fmt.Errorf("no %s %q: there are %s", what, value, listed(values[key]))
			}
		}
	}
	return nil
}

// extras returns the strategies that are asked for with parameters.
func extras(wanted results.Filter) (list []subject.Strategy, err error) {
	for _, text := range wanted["strategy"] {
		if !strings.Contains(text, ":") {
			continue
		}
		s, err := subject.Parse(text)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// withExtras returns a list of strategies, and then those of other parameters
// that were measured.
func withExtras(r *results.Run, list []subject.Strategy) []subject.Strategy {
	seen := map[string]bool{}
	for _, c := range r.Cases {
		text := results.Value(c.Name, "strategy")
		if seen[text] || !strings.Contains(text, ":") {
			continue
		}
		seen[text] = true
		if s, err := subject.Parse(text); err == nil {
			list = append(list, s)
		}
	}
	return list
}

func listed[V any](names map[string]V) string {
	return strings.Join(slices.Sorted(maps.Keys(names)), ", ")
}
