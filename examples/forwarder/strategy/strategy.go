package main

import (
	"fmt"
	"strings"

	"github.com/ecmp-go/ecmp/selector"
)

// A namedStrategy is a strategy as the command line knows it.
type namedStrategy struct {
	name     string
	strategy selector.Strategy
}

func strategies() []namedStrategy {
	return []namedStrategy{
		{"modulo", selector.Modulo{}},
		{"threshold", selector.Threshold{}},
		{"rendezvous", selector.Rendezvous{}},
		{"maglev", selector.Maglev{}},
		{"jump", selector.Jump{}},
	}
}

func strategyNames() (names []string) {
	for _, s := range strategies() {
		names = append(names, s.name)
	}
	return names
}

func parseStrategy(name string) (namedStrategy, error) {
	for _, s := range strategies() {
		if s.name == name {
			return s, nil
		}
	}
	return namedStrategy{}, fmt.Errorf("-strategy: %q is none of %s", name, strings.Join(strategyNames(), ", "))
}
