package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
)

// alike returns the strategies under which the fewest connections break, as far
// as the intervals tell them apart.
func alike(r *results.Run, event, policy string) string {
	figure := func(strategy string) (results.Figure, error) {
		return r.Figure(fmt.Sprintf("Scenario/event=%s/policy=%s/strategy=%s", event, policy, strategy), "broken-share")
	}
	least := results.Figure{Value: math.Inf(1)}
	for _, s := range names(r, subject.Strategies()) {
		if f, err := figure(s); err == nil && f.Value < least.Value {
			least = f
		}
	}
	var list []string
	for _, s := range names(r, subject.Strategies()) {
		if f, err := figure(s); err == nil && !results.Apart(f, least) {
			list = append(list, s)
		}
	}
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}
