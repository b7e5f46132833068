// Package strategy names the strategies of package selector, as command lines
// and configuration files do.
package strategy

import (
	"fmt"
	"strings"

	"github.com/ecmp-go/ecmp/selector"
)

// A Named is a strategy with its recommended setting, and its name.
type Named struct {
	Name     string
	Strategy selector.Strategy
}

// All returns every strategy.
func All() []Named {
	return []Named{
		{"modulo", selector.Modulo{}},
		{"threshold", selector.Threshold{}},
		{"rendezvous", selector.Rendezvous{}},
		{"maglev", selector.Maglev{}},
		{"bounded", selector.Bounded{}},
		{"jump", selector.Jump{}},
		{"ring", selector.Ring{}},
		{"multiprobe", selector.MultiProbe{}},
		{"resilient", selector.Resilient{}},
		{"anchor", selector.Anchor{}},
		{"memento", selector.Memento{}},
	}
}

// Names returns the names of all strategies.
func Names() (names []string) {
	for _, s := range All() {
		names = append(names, s.Name)
	}
	return names
}

// Parse returns the strategy of that name. The error names the culprit and all
// that there are.
func Parse(name string) (Named, error) {
	for _, s := range All() {
		if s.Name == name {
			return s, nil
		}
	}
	return Named{}, fmt.Errorf("%q is none of %s", name, strings.Join(Names(), ", "))
}
