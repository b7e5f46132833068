package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/suite"
)

// known refuses suites, keys and values that no case has, and lists those that
// there are.
func known(wanted results.Filter) error {
	if len(wanted) == 0 {
		return nil
	}
	values := map[string]map[string]bool{"": {}} // by key
	for _, s := range suite.All() {
		values[""][s.Name] = true
		for _, c := range slices.Concat(s.Cases(suite.Quick()), s.Cases(suite.Full())) {
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

func listed[V any](names map[string]V) string {
	return strings.Join(slices.Sorted(maps.Keys(names)), ", ")
}
