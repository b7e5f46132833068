package results

import (
	"slices"
	"strings"
)

// Value returns the value of a key in a case's name, or "".
func Value(name, key string) string {
	for part := range strings.SplitSeq(name, "/") {
		if v, ok := strings.CutPrefix(part, key+"="); ok {
			return v
		}
	}
	return ""
}

// Suite returns the suite of a case, which its name begins with.
func Suite(name string) string {
	s, _, _ := strings.Cut(name, "/")
	return s
}

// Pair returns what the names of two cases have in common that one
// implementation can be compared by with another: the same strategy, or hash,
// or operation, in the same size.
func Pair(name string) string { return without(name, "impl", "form") }

// Contest returns what the names of all cases have in common that do the same
// work and therefore take turns, whatever their strategy is and however many
// have left it.
func Contest(name string) string { return without(name, "impl", "form", "strategy", "weights", "gone") }

func without(name string, keys ...string) string {
	parts := strings.Split(name, "/")
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool {
		key, _, _ := strings.Cut(p, "=")
		return slices.Contains(keys, key)
	}), "/")
}

// Approximate reports whether figures of a unit are of memory, which the
// garbage collector and the allocator blur, or of time, and not of placement, which is the
// same in every run on every machine.
func Approximate(unit string) bool {
	return strings.Contains(unit, "bytes") || unit == Time || unit == Processor
}

const (
	// Time is the unit of the time of an operation.
	Time = "ns/op"
	// Processor is the unit of what an operation takes of all processors, the
	// mean of all turns: more than its time where other goroutines or the
	// garbage collector work beside it.
	Processor = "cpu-ns/op"
)

// A Filter chooses cases by their names. Parts without = are names of suites,
// others are keys with a value; of suites and of each key, one part must fit.
type Filter map[string][]string

// ParseFilter reads parts that are separated by commas. None: all cases.
func ParseFilter(text string) Filter {
	f := Filter{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		if key, value, ok := strings.Cut(part, "="); ok {
			f[key] = append(f[key], value)
		} else {
			f[""] = append(f[""], part)
		}
	}
	return f
}

// Match reports whether the case of that name is chosen.
func (f Filter) Match(name string) bool {
	for key, values := range f {
		got := Suite(name)
		if key != "" {
			got = Value(name, key)
		}
		if !slices.Contains(values, got) {
			return false
		}
	}
	return true
}

// NamesAny reports whether the filter names suites.
func (f Filter) NamesAny() bool { return len(f[""]) > 0 }

// Names reports whether the filter names a suite.
func (f Filter) Names(suite string) bool { return slices.Contains(f[""], suite) }
