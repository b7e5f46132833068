package services

import (
	"fmt"
	"strings"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// A Mismatch is two services of one scope by whose key a client is one flow, but
// which do not place it alike.
type Mismatch struct {
	Scope string
	Says  string
	Wrong bool // packets of one client go back and forth
}

// Mismatches returns, of each scope, the services that don't go with its first
// one. A scope is not refused for that: services get their members one after
// the other.
func (r *Registry) Mismatches() (list []Mismatch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := make(map[string]*config.Service)
	for _, s := range r.services {
		if s.Scope == "" || s.Learned || !s.Key.Aggregate() {
			continue // or no packet of one service is of a flow of another
		}
		other := first[s.Scope]
		if other == nil {
			first[s.Scope] = &s.Service
			continue
		}
		if ids := unshared(other.Members, s.Members); len(ids) > 0 {
			list = append(list, Mismatch{s.Scope, fmt.Sprintf("services %q and %q share flows, "+
				"but not the members %s: a client of such a member changes it with each packet of the other service",
				other.Name, s.Name, strings.Join(ids, ", ")), true})
		}
		if other.Strategy != s.Strategy {
			list = append(list, Mismatch{s.Scope, fmt.Sprintf("services %q and %q share flows, "+
				"but place by %v and by %v: a client without pin meets different members",
				other.Name, s.Name, other.Strategy, s.Strategy), false})
		}
	}
	return list
}

// unshared returns the IDs that are in one of two lists, at most four.
func unshared(a, b []config.Member) (ids []string) {
	in := make(map[string]int, len(a)+len(b))
	for _, m := range a {
		in[m.ID]++
	}
	for _, m := range b {
		in[m.ID]++
	}
	const most = 4
	for _, list := range [][]config.Member{a, b} {
		for _, m := range list {
			if in[m.ID] == 1 && len(ids) < most {
				ids = append(ids, m.ID)
			}
		}
	}
	return ids
}
