package place

import (
	"math"
	"math/big"
	"slices"
	"time"
)

// LinuxResilient is a resilient next-hop group, from specs of the kernel's
// behaviour: see the type in package selector.
type LinuxResilient struct {
	Idle, Unbalanced time.Duration
	IPv6             bool
	Buckets          []LinuxBucket

	members []Member // in the order given
	since   int64
}

// LinuxBucket is a bucket; an empty ID is nobody.
type LinuxBucket struct {
	ID             string
	Used, Migrated int64
}

// Select marks the bucket as used. IPv4 does not come by while there is one
// member.
func (g *LinuxResilient) Select(h uint64, now int64) string {
	b := &g.Buckets[h>>33%uint64(len(g.Buckets))]
	if g.IPv6 || len(g.members) > 1 {
		b.Used = now
	}
	return b.ID
}

// Replace frees the buckets of members that left and runs Upkeep.
func (g *LinuxResilient) Replace(members []Member, now int64) int64 {
	wasUnbalanced := len(g.under()) > 0
	g.members = slices.Clone(members)
	for i := range g.Buckets {
		b := &g.Buckets[i]
		if !slices.ContainsFunc(members, func(m Member) bool { return m.ID == b.ID }) {
			b.ID = ""
		}
	}
	if !wasUnbalanced {
		g.since = now
	}
	return g.Upkeep(now)
}

func (g *LinuxResilient) has(id string) int {
	n := 0
	for _, b := range g.Buckets {
		if b.ID == id {
			n++
		}
	}
	return n
}

// bound returns buckets*sum/total of the first k members, rounded to the
// nearest, halves up.
func (g *LinuxResilient) bound(k int) int {
	x := big.NewRat(int64(len(g.Buckets))*int64(total(g.members[:k])), int64(total(g.members)))
	x.Add(x, big.NewRat(1, 2))
	return int(new(big.Int).Quo(x.Num(), x.Denom()).Int64())
}

func (g *LinuxResilient) wants(id string) int {
	k := slices.IndexFunc(g.members, func(m Member) bool { return m.ID == id })
	return g.bound(k+1) - g.bound(k)
}

// under returns the members that have too few buckets, in the order given.
func (g *LinuxResilient) under() []string {
	var list []string
	for _, m := range g.members {
		if g.has(m.ID) < g.wants(m.ID) {
			list = append(list, m.ID)
		}
	}
	return list
}

// Upkeep moves buckets to the last member that has too few, and returns when to
// run again.
func (g *LinuxResilient) Upkeep(now int64) int64 {
	next := now + int64(g.Idle)
	if g.Unbalanced > 0 {
		next = now + int64(g.Unbalanced)
	}
	for i := range g.Buckets {
		b := &g.Buckets[i]
		move := b.ID == ""
		if !move && g.has(b.ID) > g.wants(b.ID) {
			idle := b.Used == b.Migrated || now >= b.Used+int64(g.Idle)
			forced := g.Unbalanced > 0 && now > g.since+int64(g.Unbalanced)
			move = idle || forced
			if !move {
				next = min(next, b.Used+int64(g.Idle))
				if g.Unbalanced > 0 {
					next = min(next, g.since+int64(g.Unbalanced))
				}
			}
		}
		if move {
			under := g.under()
			*b = LinuxBucket{under[len(under)-1], now, now}
		}
	}
	if len(g.under()) == 0 {
		return math.MaxInt64
	}
	return max(next, now+int64(time.Second/2))
}
