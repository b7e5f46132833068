package main

import (
	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

// compareStrategies takes a group of each strategy through the story and counts
// the hashes that each change moves, without any flow table.
func compareStrategies(s story) (rows []strategyRow, err error) {
	for _, named := range catalog.All() {
		g, err := selector.NewGroup[struct{}](selector.NewDomain(), selector.GroupConfig{Strategy: named.Strategy})
		if err != nil {
			return nil, err
		}
		old, err := g.Update(hopsOf(s.members))
		if err != nil {
			return nil, err
		}
		for _, c := range s.changes {
			now, err := g.Update(hopsOf(c.members))
			if err != nil {
				return nil, err
			}
			d := now.Diff(old)
			rows = append(rows, strategyRow{named.Name, c.event, d.Moved, d.Forced, d.Collateral,
				peakToMean(now.View()), d.Hashes})
			old = now
		}
	}
	return rows, nil
}

func hopsOf(members []member) []selector.Hop[struct{}] {
	hops := make([]selector.Hop[struct{}], len(members))
	for i, m := range members {
		hops[i].ID, hops[i].Weight = m.ID, m.Weight
	}
	return hops
}

// peakToMean returns the load of the fullest member over what is due to it, by
// a million hashes spread evenly.
func peakToMean(v *selector.View) float64 {
	const hashes = 1 << 20
	load := make([]int, v.Len())
	for i := range uint64(hashes) {
		load[v.Select(i*0x9e3779b97f4a7c15)]++ // multiples of 2^64 over the golden ratio
	}
	total := uint64(0)
	for _, m := range v.All() {
		total += uint64(m.Weight)
	}
	peak := 0.0
	for i, m := range v.All() {
		if m.Weight > 0 {
			due := hashes * float64(m.Weight) / float64(total)
			peak = max(peak, float64(load[i])/due)
		}
	}
	return peak
}
