// Package selectortest checks that a [selector.Strategy] keeps the promises
// that the rest of the library builds on: that placement is deterministic,
// total, as balanced as its weights say and as stable as it claims, and that
// the optional interfaces of its selectors agree with Select. It is for the
// strategies of package selector and for anybody's.
//
//	func TestMine(t *testing.T) {
//		selectortest.Test(t, Mine{}, selectortest.Options{Disruption: 1.1})
//	}
package selectortest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/ecmp-go/ecmp/selector"
)

// Options is what a strategy claims. The zero value is the strictest claim: the
// balance of random draws, on every change only the hashes that must move, and
// any weights.
type Options struct {
	// Members is the number of members of the groups that are tried; 0 means
	// 10. It must be at least 4.
	Members int

	// Samples is the number of random hashes that shares and moves are measured
	// with; 0 means 100,000.
	Samples int

	// Imbalance is by how much shares may differ from their due, beside what
	// sampling explains: the root of the mean square of the members' relative
	// errors. A member that is due a hundred may have 105 or 95 at 0.05.
	Imbalance float64

	// Disruption is how many hashes a change may move for each that it must
	// move, beside what sampling explains. 0 means 1, and then no hash may move
	// that need not. math.Inf(1) claims nothing.
	Disruption float64

	// AtEnd restricts the claim of Disruption to members that join and leave at
	// the end of the order of IDs.
	AtEnd bool

	// EqualOnly says that the strategy refuses positive weights that are not
	// all equal, with a *selector.GroupError.
	EqualOnly bool

	// MaxWeight is the greatest sum of weights that the strategy serves, at
	// least Members. 0 means selector.MaxWeight. Set it for a strategy whose
	// table has an entry for each unit of weight: the suite tries weights of a
	// million otherwise.
	MaxWeight uint64
}

func (o Options) withDefaults() Options {
	if o.Members == 0 {
		o.Members = 10
	}
	if o.Samples == 0 {
		o.Samples = 100_000
	}
	if o.Disruption == 0 {
		o.Disruption = 1
	}
	if o.MaxWeight == 0 {
		o.MaxWeight = selector.MaxWeight
	}
	return o
}

// The properties, in the order in which they are checked.
var properties = []struct { //nolint:gochecknoglobals // a read-only table
	name  string
	check func(*suite) error
}{
	{"determinism", (*suite).determinism},
	{"order of members", (*suite).orderOfMembers},
	{"totality", (*suite).totality},
	{"weights", (*suite).weights},
	{"common factor", (*suite).commonFactor},
	{"disruption", (*suite).disruption},
	{"batch", (*suite).batch},
	{"order of preference", (*suite).preference},
	{"table", (*suite).table},
	{"rebuild", (*suite).rebuild},
	{"allocations", (*suite).allocations},
	{"concurrency", (*suite).concurrency},
	{"list given", (*suite).listGiven},
	{"unequal weights", (*suite).refusal},
}

// Test runs every check as a subtest. It must not run in parallel with other
// tests, whose allocations it would count.
func Test(t *testing.T, s selector.Strategy, o Options) {
	t.Helper()
	for _, p := range properties {
		t.Run(p.name, func(t *testing.T) {
			if err := run(p.check, s, o); err != nil {
				t.Error(err)
			}
		})
	}
}

// Check returns all that is wrong with a strategy, joined, each after the name
// of the property that it breaks; nil if nothing was found.
func Check(s selector.Strategy, o Options) error {
	var errs []error
	for _, p := range properties {
		if err := run(p.check, s, o); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.name, err))
		}
	}
	return errors.Join(errs...)
}

// run turns a panic of the strategy into an error.
func run(check func(*suite) error, s selector.Strategy, o Options) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return check(&suite{strategy: s, options: o.withDefaults()})
}
