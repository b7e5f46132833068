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

	// buckets holds the index of the next hop of each bucket of a resilient
	// group. It is nil for a hash-threshold group.
	buckets []int
}

// parseGroup parses a list such as a=1,b=2,c. A next hop without a weight has
// the weight 1.
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

// resilient returns a resilient group of the same next hops, with the buckets
// that the kernel gives it when it is made. [selector.LinuxResilient] says what
// the kernel does to them later.
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

// newResilient returns a resilient group with the given buckets.
func newResilient(names []string, buckets []int) (group, error) {
	if len(buckets) == 0 {
		return group{}, errNoBuckets
	}
	return group{names: names, selector: bucketTable(buckets), buckets: buckets}, nil
}

// bucketTable holds the index of the next hop of each bucket of a resilient
// group. The kernel moves buckets when members come and go, and by timers; the
// table shows them at one moment.
type bucketTable []int

// Select implements [selector.Selector].
func (b bucketTable) Select(h uint64) int { return b[int(uint32(h>>33))%len(b)] }

// A choice is the next hop of a hash, with the range or bucket that decides it.
type choice struct {
	index  int
	name   string
	bucket int // -1 in a hash-threshold group

	// In a hash-threshold group, low and high are the first and the last value
	// of h>>33 that belong to the next hop.
	low, high uint32
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

// bounds returns the first and the last of the hashes of 31 bits that belong to
// next hop i.
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
