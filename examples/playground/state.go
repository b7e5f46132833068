package main

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/ecmp-go/ecmp/selector"
)

// A state is all that the page shows. Its text is the fragment of the page's
// address, so that a link restores it.
type state struct {
	strategy, slots, slack string // as typed
	lists                  [][]selector.Member
}

const (
	initial   = "strategy=bounded&slots=256&slack=0.05&members=pod1:1,pod2:1,pod3:1,pod4:1"
	mostLists = 100
)

var errLink = errors.New("the link is damaged")

func (s state) String() string {
	v := url.Values{"strategy": {s.strategy}, "slots": {s.slots}, "slack": {s.slack}}
	for _, list := range s.lists {
		var members []string
		for _, m := range list {
			members = append(members, url.QueryEscape(m.ID)+":"+strconv.FormatUint(uint64(m.Weight), 10))
		}
		v.Add("members", strings.Join(members, ","))
	}
	return v.Encode()
}

func parseState(text string) (s state, err error) {
	v, err := url.ParseQuery(text)
	if err != nil {
		return s, fmt.Errorf("%w: %w", errLink, err)
	}
	s.strategy, s.slots, s.slack = v.Get("strategy"), v.Get("slots"), v.Get("slack")
	if len(v["members"]) > mostLists {
		return s, fmt.Errorf("%d changes are the most: start over", mostLists-1)
	}
	for _, list := range v["members"] {
		var members []selector.Member
		for part := range strings.SplitSeq(list, ",") {
			if list == "" {
				break
			}
			name, number, _ := strings.Cut(part, ":")
			id, err := url.QueryUnescape(name)
			if err != nil {
				return s, fmt.Errorf("%w: %w", errLink, err)
			}
			weight, err := strconv.ParseUint(number, 10, 32)
			if err != nil {
				return s, fmt.Errorf("the weight of %q is to be a whole number up to 4294967295, not %q", id, number)
			}
			members = append(members, selector.Member{ID: id, Weight: uint32(weight)})
		}
		s.lists = append(s.lists, members)
	}
	return s, nil
}

// slotsOf is the name of a strategy's number of slots, and empty if it has none.
func slotsOf(strategy string) string {
	switch strategy {
	case "bounded":
		return "slots"
	case "maglev":
		return "size"
	case "resilient":
		return "buckets"
	}
	return ""
}

// build returns the strategy, or an error and the field at fault.
func (s state) build() (_ selector.Strategy, field string, err error) {
	var settings []string
	if name := slotsOf(s.strategy); name != "" && s.slots != "" {
		settings = append(settings, name+"="+s.slots)
	}
	if s.strategy == "bounded" && s.slack != "" {
		settings = append(settings, "slack="+s.slack)
	}
	text := s.strategy
	if len(settings) > 0 {
		text += ":" + strings.Join(settings, ",")
	}
	strategy, err := selector.ParseStrategy(text)
	var wrong *selector.StrategyError
	switch {
	case err == nil:
		return strategy, "", nil
	case errors.As(err, &wrong) && strings.HasPrefix(wrong.Part, "slack"):
		return nil, "slack", err
	case errors.As(err, &wrong) && wrong.Part != s.strategy:
		return nil, "slots", err
	default:
		return nil, "strategy", err
	}
}
