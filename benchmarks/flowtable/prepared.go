package main

import (
	"fmt"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// prepared compares pins and flows kept with and without Group.Prepare: 100
// members, 10 announced, of whom 5 join.
func prepared(*measurement) ([]row, error) {
	const now, before, announced, after = 1 << 40, 100, 10, 105
	digests := randomDigests(200_000)
	members := subject.Members(before+announced, 1)
	var pins, kept [2]int
	for i, list := range [2][]selector.Member{nil, members[before:]} {
		domain := selector.NewDomain()
		table, err := flowcache.NewTable(flowcache.Config{Domain: domain, Flows: len(digests)})
		if err != nil {
			return nil, err
		}
		group, err := selector.NewGroup[int](selector.Config{Name: "vip", Strategy: selector.Rendezvous{},
			Domain: domain})
		if err != nil {
			return nil, err
		}
		sticky := flowcache.NewSticky(table)
		route := func(d uint64, flags hash.TCPFlags) string {
			v := group.Load().View()
			r := sticky.Route(&flowcache.Packet{Digest: d, Hash: d, View: v, Flags: flags, Proto: hash.TCP}, now)
			return v.Member(int(r.Member)).ID
		}
		update := func(n int) error {
			hops := make([]selector.Hop[int], n)
			for i := range hops {
				hops[i].ID, hops[i].Weight = members[i].ID, members[i].Weight
			}
			_, err := group.Update(hops)
			return err
		}
		if err := update(before); err != nil {
			return nil, err
		}
		if _, err := group.Prepare(list...); err != nil {
			return nil, err
		}
		was := make([]string, len(digests))
		for k, d := range digests {
			was[k] = route(d, hash.SYN)
		}
		for range table.All(now) {
			pins[i]++
		}
		if err := update(after); err != nil {
			return nil, err
		}
		for k, d := range digests {
			if route(d, hash.ACK) == was[k] {
				kept[i]++
			}
		}
	}
	return []row{
		{"flows kept when half of the announced join, prepared : not", fmt.Sprint(kept[1]), fmt.Sprint(kept[0]),
			percent(kept[1], len(digests)), "the same"},
		{"pins, prepared : not", fmt.Sprint(pins[1]), fmt.Sprint(pins[0]), percent(pins[1], pins[0]), "at most 15 %"},
	}, nil
}
