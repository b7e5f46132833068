package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ecmp-go/ecmp/selector"
)

// A group is the next hops of a route, and how the kernel chooses among them.
type group struct {
	names    []string
	weights  []uint32
	selector selector.Selector

	// buckets has the index of the next hop of each bucket of a resilient
	// group; it is nil for a hash-threshold group.
	buckets []int
}

// parseGroup reads a list such as a=1,b=2,c; the weight is 1 if it is not
// given.
func parseGroup(list string) (g group, err error) {
	for text := range strings.SplitSeq(list, ",") {
		name, weight, weighted := strings.Cut(strings.TrimSpace(text), "=")
		w := uint64(1)
		if weighted {
			w, err = strconv.ParseUint(weight, 10, 16)
			if err != nil || w == 0 {
				return g, fmt.Errorf("%q: a weight is a number from 1 to 65535", text)
			}
		}
		if name == "" {
			return g, fmt.Errorf("%q: a next hop has a name", text)
		}
		g.names, g.weights = append(g.names, name), append(g.weights, uint32(w))
	}
	return g, g.build()
}

// build makes the selector of a hash-threshold group.
func (g *group) build() (err error) {
	members := make([]selector.Member, len(g.names))
	for i, name := range g.names {
		members[i] = selector.Member{ID: name, Weight: g.weights[i]}
	}
	g.selector, err = selector.New(selector.Threshold{KeepOrder: true}, members)
	return err
}

// resilient returns a resilient group of the same next hops, as it is when it
// is made: see selector.LinuxResilient for what the kernel does to it later.
func (g group) resilient(buckets int) (group, error) {
	r, err := selector.NewLinuxResilient[int](selector.LinuxResilientConfig{Buckets: buckets})
	if err != nil {
		return g, err
	}
	hops := make([]selector.Hop[int], len(g.names))
	for i, name := range g.names {
		hops[i] = selector.Hop[int]{ID: name, Weight: g.weights[i], Value: i}
	}
	if _, err := r.Replace(hops, 0); err != nil {
		return g, err
	}
	table := make([]int, buckets)
	for i := range table {
		table[i] = r.Bucket(i).Value
	}
	return newResilient(g.names, table)
}

var errNoBuckets = errors.New("a resilient group without buckets")

// newResilient makes a resilient group of the buckets that the kernel has.
func newResilient(names []string, buckets []int) (group, error) {
	if len(buckets) == 0 {
		return group{}, errNoBuckets
	}
	return group{names: names, selector: bucketTable(buckets), buckets: buckets}, nil
}

// bucketTable is the table of a resilient group as it stands. The kernel moves
// buckets when members come and go, and by timers: this is a picture.
type bucketTable []int

// Select implements [selector.Selector].
func (b bucketTable) Select(h uint64) int { return b[int(uint32(h>>33))%len(b)] }

// A choice is a next hop and why it is that.
type choice struct {
	index  int
	name   string
	bucket int    // -1 in a hash-threshold group
	low    uint32 // the range of h>>33 that is the next hop's, in a hash-threshold group
	high   uint32
}

// choose returns the next hop of a hash.
func (g group) choose(h uint64) choice {
	i := g.selector.Select(h)
	c := choice{index: i, name: g.names[i], bucket: -1}
	if g.buckets != nil {
		c.bucket = int(uint32(h>>33)) % len(g.buckets)
		return c
	}
	c.low, c.high = g.bounds(i)
	return c
}

// bounds returns the first and the last of the hashes of 31 bits that are next
// hop i's.
func (g group) bounds(i int) (low, high uint32) {
	var total, before uint64
	for k, w := range g.weights {
		if k < i {
			before += uint64(w)
		}
		total += uint64(w)
	}
	first := func(sum uint64) uint64 { return (sum<<31 + total/2) / total }
	return uint32(first(before)), uint32(first(before+uint64(g.weights[i])) - 1)
}
