package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ecmp-go/ecmp/selector"
)

// A hop is a next hop of a group.
type hop struct {
	name   string
	weight uint32
	dead   bool // the kernel does not use it, and its weight does not count
	failed bool // its neighbour is not valid

	// carrierless says that it is dead because its interface, which is up, has
	// no carrier.
	carrierless bool
	source      netip.Addr // address that this host sends from over it, if known
}

// state returns the word for a hop that is not as it should be.
func (h hop) state() string {
	switch {
	case h.dead:
		return "dead"
	case h.failed:
		return "failed"
	}
	return ""
}

// A group is the next hops of a route, and how the kernel chooses among them.
type group struct {
	hops []hop

	// passOver says that a next hop whose neighbour is not valid is passed
	// over: always in a nexthop object, and with fib_multipath_use_neigh in an
	// IPv4 route that lists its next hops.
	passOver bool

	// list says that an IPv4 route lists its next hops. A packet of this host
	// then goes by its source first.
	list bool

	selector selector.Selector // among the living
	living   []int             // indexes of the next hops that are not dead

	// buckets holds the index of the next hop of each bucket of a resilient
	// group. It is nil for a hash-threshold group.
	buckets []int
}

// parseGroup parses a list such as a=1,b=2:dead,c:failed. A next hop without a
// weight has the weight 1.
func parseGroup(list string) (g group, err error) {
	g.passOver = true
	names := map[string]bool{}
	for text := range strings.SplitSeq(list, ",") {
		h, err := parseHop(strings.TrimSpace(text))
		if err != nil {
			return g, err
		}
		if names[h.name] {
			return g, fmt.Errorf("%q: a duplicate name", text)
		}
		names[h.name] = true
		g.hops = append(g.hops, h)
	}
	return g, g.build()
}

// parseHop parses a next hop. An IPv6 address has colons of its own, so one
// whose last group reads dead has no state.
func parseHop(text string) (h hop, err error) {
	name, weight, weighted := strings.Cut(text, "=")
	state, stated := "", false
	w := uint64(1)
	switch at := strings.LastIndexByte(name, ':'); {
	case weighted:
		weight, state, stated = strings.Cut(weight, ":")
		w, err = strconv.ParseUint(weight, 10, 16)
		if err != nil || w == 0 {
			return h, fmt.Errorf("%q: a weight is a number from 1 to 65535", text)
		}
	case at >= 0 && !isGateway(name):
		name, state, stated = name[:at], name[at+1:], true
	}
	h = hop{name: name, weight: uint32(w), dead: state == "dead", failed: state == "failed"}
	switch {
	case name == "":
		return h, fmt.Errorf("%q: a next hop has a name", text)
	case stated && state == "" || state != h.state():
		return h, fmt.Errorf("%q: the state %q is neither dead nor failed", text, state)
	case strings.Contains(name, ":") && !isGateway(name):
		return h, fmt.Errorf("%q: there is a colon in the name %q, which is no address", text, name)
	}
	return h, nil
}

// isGateway reports whether a name is an address, with or without an interface,
// as -live writes them.
func isGateway(name string) bool {
	address, device, _ := strings.Cut(name, "@")
	_, err := netip.ParseAddr(address)
	return err == nil && !strings.Contains(device, ":")
}

var errAllDead = errors.New("all next hops are dead")

// build makes the selector of a hash-threshold group.
func (g *group) build() (err error) {
	var members []selector.Member
	g.living = nil
	for i, h := range g.hops {
		if !h.dead {
			g.living = append(g.living, i)
			// Names may repeat: a route can have one gateway twice.
			members = append(members, selector.Member{ID: strconv.Itoa(i), Weight: h.weight})
		}
	}
	if members == nil {
		return errAllDead
	}
	g.selector, err = selector.New(selector.Threshold{KeepOrder: true}, members)
	return err
}

// resilient returns a resilient group of the same next hops, with the buckets
// that the kernel gives it when it is made, and after the dead ones left.
// [selector.LinuxResilient] says what the kernel does to them later.
func (g group) resilient(buckets int) (group, error) {
	r, err := selector.NewLinuxResilient[int](selector.LinuxResilientConfig{Buckets: buckets})
	if err != nil {
		return g, err
	}
	var all, living []selector.Hop[int]
	for i, h := range g.hops {
		if h.failed {
			return g, fmt.Errorf("%s: a resilient group does not look at neighbours", h.name)
		}
		next := selector.Hop[int]{ID: h.name, Weight: h.weight, Value: i}
		all = append(all, next)
		if !h.dead {
			living = append(living, next)
		}
	}
	if _, err := r.Replace(all, 0); err != nil {
		return g, err
	}
	if len(living) < len(all) {
		if _, err := r.Replace(living, 1); err != nil {
			return g, err
		}
	}
	g.buckets = make([]int, buckets)
	for i := range g.buckets {
		g.buckets[i] = r.Bucket(i).Value
	}
	return g, nil
}

// A choice is the next hop of a hash, with the range or bucket that decides it.
type choice struct {
	index  int
	name   string
	bucket int // -1 in a hash-threshold group

	// In a hash-threshold group, low and high are the first and the last value
	// of h>>33 that belong to the next hop, or to the one that it stands in for.
	low, high uint32

	why string // what other than the hash decides, or ""
}

// choose returns the next hop of a hash. The source is that of a packet that
// this host sends, where the kernel knows it when it looks for the route, and
// else the zero Addr.
func (g group) choose(h uint64, source netip.Addr) choice {
	if g.buckets != nil {
		at := int(uint32(h>>33)) % len(g.buckets)
		i := g.buckets[at]
		return choice{index: i, name: g.hops[i].name, bucket: at}
	}
	owner := g.living[g.selector.Select(h)]
	c := choice{index: owner, bucket: -1}
	c.low, c.high = g.bounds(owner)
	switch {
	case len(g.living) == 1:
		c.why = "it is the only next hop"
	case g.list && source.IsValid() && g.prefers(source):
		c.index = g.bySource(uint32(h>>33), source)
		c.why = fmt.Sprintf("%s is the address of its interface: the kernel prefers it to the hash", source)
	case !g.usable(owner):
		c.index = g.standIn(owner)
		c.why = fmt.Sprintf("the neighbour of %s is not valid, so its range falls to this one", g.hops[owner].name)
	}
	c.name = g.hops[c.index].name
	return c
}

// usable reports whether the kernel sends to a next hop.
func (g group) usable(i int) bool {
	h := g.hops[i]
	return !h.dead && (!h.failed || !g.passOver)
}

// prefers reports whether a usable next hop has this source.
func (g group) prefers(source netip.Addr) bool {
	for i, h := range g.hops {
		if h.source == source && g.usable(i) {
			return true
		}
	}
	return false
}

// decides reports whether the source alone decides: there is one next hop, or
// one that is preferred for the source.
func (g group) decides(source netip.Addr) bool {
	if len(g.living) == 1 {
		return true
	}
	n := 0
	for i, h := range g.hops {
		if g.list && source.IsValid() && h.source == source && g.usable(i) {
			n++
		}
	}
	return n == 1
}

// bySource returns the next hop of a packet of this host whose source is the
// address of a next hop's interface: among those, the first one whose range
// ends at the hash or above it, or else the first.
func (g group) bySource(h31 uint32, source netip.Addr) int {
	first := -1
	for i, hop := range g.hops {
		if hop.source != source || !g.usable(i) {
			continue
		}
		if _, high := g.bounds(i); h31 <= high {
			return i
		}
		if first < 0 {
			first = i
		}
	}
	return first
}

// standIn returns the next hop that takes the range of one whose neighbour is
// not valid: the next usable one, or the first usable one. Where none is, the
// kernel takes the first one alive.
func (g group) standIn(owner int) int {
	for i := owner + 1; i < len(g.hops); i++ {
		if g.usable(i) {
			return i
		}
	}
	for i := range g.hops {
		if g.usable(i) {
			return i
		}
	}
	return g.living[0]
}

// bounds returns the first and the last of the hashes of 31 bits that belong to
// next hop i, which is not dead.
func (g group) bounds(i int) (low, high uint32) {
	var total, before uint64
	for k, h := range g.hops {
		if h.dead {
			continue
		}
		if k < i {
			before += uint64(h.weight)
		}
		total += uint64(h.weight)
	}
	first := func(sum uint64) uint64 { return (sum<<31 + total/2) / total }
	return uint32(first(before)), uint32(first(before+uint64(g.hops[i].weight)) - 1)
}
