package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/ecmp-go/ecmp/selector"
)

// A plan is tiers of switches. Each switch of a tier has a link to every switch
// of the next tier, and chooses among these links. The last tier chooses
// nothing.
type plan struct {
	Tiers []planTier `json:"tiers"`
}

// A planTier is a tier of a plan: how many switches, and by what they choose.
type planTier struct {
	Name     string   `json:"name"`
	Switches int      `json:"switches"`
	Hash     string   `json:"hash,omitempty"`
	Seeds    []uint64 `json:"seeds,omitempty"`    // one for all switches, or one for each
	Rotate   int      `json:"rotate,omitempty"`   // by how many bits the hash is rotated to the right
	Strategy string   `json:"strategy,omitempty"` // as selector.ParseStrategy reads it
}

// Limits of a plan.
const (
	mostTiers    = 8
	mostSwitches = 1024
	mostLinks    = 1 << 18 // of a tier: mostFlows are enough to tell
	mostFlows    = 10_000_000
)

const (
	defaultHash     = "Linux"
	defaultStrategy = "threshold:keep-order" // as Linux chooses
)

// readPlan reads a plan from a file.
func readPlan(name string) (plan, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return plan{}, err
	}
	var p plan
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return p, fmt.Errorf("%s: %w", name, err)
	}
	if err := d.Decode(new(json.RawMessage)); !errors.Is(err, io.EOF) {
		return p, fmt.Errorf("%s: more follows the plan", name)
	}
	if err := p.check(); err != nil {
		return p, fmt.Errorf("%s: %w", name, err)
	}
	if err := p.build(); err != nil {
		return p, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// parseTiers reads the widths of tiers, such as 4x8x16.
func parseTiers(text string) (p plan, err error) {
	for width := range strings.SplitSeq(text, "x") {
		n, err := strconv.Atoi(width)
		if err != nil {
			return p, fmt.Errorf("%q: tiers are numbers of switches such as 4x8x16", text)
		}
		p.Tiers = append(p.Tiers, planTier{Switches: n})
	}
	return p, p.check()
}

// set gives every tier what a list says, such as 1,2,3. One value is for all.
func (p *plan) set(list string, give func(t *planTier, value string) error) error {
	if list == "" {
		return nil
	}
	values := strings.Split(list, ",")
	if len(values) != 1 && len(values) != len(p.Tiers)-1 {
		return fmt.Errorf("%q has %d values: give one, or one for each of the %d tiers that choose", list, len(values),
			len(p.Tiers)-1)
	}
	for i := range p.Tiers[:len(p.Tiers)-1] {
		value := values[0]
		if len(values) > 1 {
			value = values[i]
		}
		if err := give(&p.Tiers[i], strings.TrimSpace(value)); err != nil {
			return err
		}
	}
	return p.check()
}

// check checks a plan and fills in what is missing.
func (p *plan) check() error {
	if len(p.Tiers) < 2 || len(p.Tiers) > mostTiers {
		return fmt.Errorf("%d tiers, want 2 to %d", len(p.Tiers), mostTiers)
	}
	for i := range p.Tiers {
		t := &p.Tiers[i]
		if t.Name == "" {
			t.Name = tierName(i, len(p.Tiers))
		}
		if t.Switches < 1 || t.Switches > mostSwitches {
			return fmt.Errorf("%s: %d switches, want 1 to %d", t.Name, t.Switches, mostSwitches)
		}
		if i == len(p.Tiers)-1 {
			if t.Hash != "" || t.Seeds != nil || t.Strategy != "" || t.Rotate != 0 {
				return fmt.Errorf("%s: the last tier chooses nothing", t.Name)
			}
			break
		}
		if err := t.check(); err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
		if t.Switches*p.Tiers[i+1].Switches > mostLinks {
			return fmt.Errorf("%s: over %d links", t.Name, mostLinks)
		}
	}
	return nil
}

func (t *planTier) check() error {
	if t.Hash == "" {
		t.Hash = defaultHash
	}
	h, err := findHasher(t.Hash)
	if err != nil {
		return err
	}
	t.Hash = h.name
	if t.Strategy == "" {
		t.Strategy = defaultStrategy
	}
	if _, err := selector.ParseStrategy(t.Strategy); err != nil {
		return err
	}
	if len(t.Seeds) == 0 {
		t.Seeds = []uint64{1}
	}
	if len(t.Seeds) != 1 && len(t.Seeds) != t.Switches {
		return fmt.Errorf("%d seeds, want one or one for each of %d switches", len(t.Seeds), t.Switches)
	}
	if t.Rotate < 0 || t.Rotate > 31 {
		return errors.New("rotate is from 0 to 31")
	}
	return nil
}

// build finds out whether every tier has seeds that its hash takes and a
// strategy for its number of links.
func (p plan) build() error {
	for i, t := range p.Tiers[:len(p.Tiers)-1] {
		if _, err := newChooser(t, p.Tiers[i+1]); err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
	}
	return nil
}

// tierName returns the usual name of tier i of n.
func tierName(i, n int) string {
	if n == 3 {
		return [...]string{"leaf", "spine", "core"}[i]
	}
	return fmt.Sprintf("tier%d", i+1)
}

// clone returns a plan that can be changed without p.
func (p plan) clone() plan {
	p.Tiers = append([]planTier(nil), p.Tiers...)
	return p
}
