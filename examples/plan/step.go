package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ecmp-go/ecmp/selector"
)

// A step is one change of a group.
type step struct {
	flag, value string
	id          string // of the member it is about
	weight      uint32
	strategy    selector.Strategy // not nil: the group gets it
}

func (s step) String() string { return s.flag + " " + s.value }

// parseStep reads the value of a flag: add, remove, weight or to.
func parseStep(flag, value string) (step, error) {
	s := step{flag: flag, value: value, id: value}
	var err error
	switch flag {
	case "to":
		s.id = ""
		s.strategy, err = selector.ParseStrategy(value)
	case "add", "weight":
		var weight string
		var given bool
		if s.id, weight, given = strings.Cut(value, "="); given {
			s.weight, err = parseWeight(weight)
		} else {
			err = fmt.Errorf("%q is not ID=WEIGHT", value)
		}
	}
	return s, err
}

// apply returns the members after the step.
func (s step) apply(members []selector.Member) ([]selector.Member, error) {
	at := slices.IndexFunc(members, func(m selector.Member) bool { return m.ID == s.id })
	switch {
	case s.flag == "to":
		return members, nil
	case s.flag == "add" && at >= 0:
		return nil, fmt.Errorf("-%v: it is there already", s)
	case s.flag != "add" && at < 0:
		return nil, fmt.Errorf("-%v: there is no such member", s)
	}
	members = slices.Clone(members)
	switch s.flag {
	case "add":
		members = append(members, selector.Member{ID: s.id, Weight: s.weight})
	case "remove":
		members = slices.Delete(members, at, at+1)
	default:
		members[at].Weight = s.weight
	}
	return members, nil
}
