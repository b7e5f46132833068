package selector

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// LinuxResilientConfig describes a [LinuxResilient].
type LinuxResilientConfig struct {
	// Buckets is the number of buckets, from 1 to 65535.
	Buckets int

	// Idle is how long a bucket must have been unused before it may leave a
	// member that has too many. 0 means 120 seconds, as in Linux. A bucket that
	// was not used since it moved is always idle. If negative, all buckets are
	// always idle, as with idle_timer 0.
	Idle time.Duration

	// Unbalanced is how long the group may be unbalanced before buckets in use
	// move. 0 means for ever, as in Linux. It must not be negative.
	Unbalanced time.Duration

	// IPv6 says that the packets are IPv6. It matters while the group has one
	// next hop: look-ups of IPv4 then mark no bucket as used, those of IPv6 do.
	// A group for packets of both is not reproduced while it has one.
	IPv6 bool
}

// LinuxResilient reproduces a resilient next-hop group of Linux (ip nexthop add
// ... type resilient, since Linux 5.13), bucket for bucket. Hash h belongs to
// bucket (h>>33) % Buckets. When next hops change, the buckets of those that
// left move at once. Those of members that have too many wait until they are
// idle, or until the group was unbalanced for too long.
//
// Member i is due ub(i)-ub(i-1) buckets, ub(i) = (Buckets*W_i + W/2)/W, where
// W_i is the sum of the weights up to i in the order given and W that of all.
// Buckets that move go to the last member in that order that has too few. So
// placement depends on the order of the members, on history and on time. With
// one next hop, IPv4 marks no bucket as used, so the next change may move all
// of them, while IPv6 marks them. Weight zero, which Linux does not know, is
// due no bucket.
//
// It is mutable and depends on time, so it is neither a [Strategy] nor a
// [Selector]. All methods are safe for concurrent use. Select waits for nobody
// and allocates nothing. Times are since any epoch of the caller's clock, real
// or virtual, which should not go backwards. A bucket takes 32 bytes.
type LinuxResilient[T any] struct {
	config  LinuxResilientConfig
	buckets []linuxBucket[T]
	marking atomic.Bool // off while there is one member, and packets are IPv4

	mu      sync.Mutex
	members []linuxMember[T]
	under   []int32 // members that have too few buckets; the last is served first
	since   int64   // when under was last empty
}

type linuxBucket[T any] struct {
	hop      atomic.Pointer[Hop[T]]
	used     atomic.Int64
	migrated int64
	member   int32 // -1: of nobody that is in the group
}

type linuxMember[T any] struct {
	hop        *Hop[T]
	wants, has int
}

// NewLinuxResilient returns a group without members. The errors are
// [*GroupError]: ErrTableSize for the number of buckets, ErrParameter for a
// negative Unbalanced.
func NewLinuxResilient[T any](c LinuxResilientConfig) (*LinuxResilient[T], error) {
	switch {
	case c.Buckets < 1 || c.Buckets > math.MaxUint16:
		return nil, &GroupError{Err: ErrTableSize, Index: -1, Value: uint64(max(0, c.Buckets)), Limit: math.MaxUint16}
	case c.Unbalanced < 0:
		return nil, &GroupError{Err: fmt.Errorf("%w: a negative time", ErrParameter), Index: -1}
	case c.Idle == 0:
		c.Idle = 120 * time.Second
	}
	r := &LinuxResilient[T]{config: c, buckets: make([]linuxBucket[T], c.Buckets)}
	for i := range r.buckets {
		r.buckets[i].member = -1
	}
	return r, nil
}

// Select returns the next hop for hash h and marks its bucket as used now; nil
// before the first Replace. The hop must not be changed. While a Replace is
// running, it may be one of the list before.
func (r *LinuxResilient[T]) Select(h uint64, now time.Duration) *Hop[T] {
	b := &r.buckets[h>>33%uint64(len(r.buckets))]
	if b.used.Load() != int64(now) && r.marking.Load() { // most packets find the mark of one just before
		b.used.Store(int64(now))
	}
	return b.hop.Load()
}

// Buckets returns the number of buckets.
func (r *LinuxResilient[T]) Buckets() int { return len(r.buckets) }

// Bucket returns the next hop of a bucket, without marking it; nil before the
// first Replace. The bucket must be from 0 to Buckets()-1.
func (r *LinuxResilient[T]) Bucket(i int) *Hop[T] { return r.buckets[i].hop.Load() }

// Replace sets the next hops of the group, in the order in which Linux is given
// them, and returns when Upkeep is due. A hop with the ID of one that is in the
// group takes its place. The list is copied. The errors are those of
// [Validate], and leave the group as it was.
func (r *LinuxResilient[T]) Replace(hops []Hop[T], now time.Duration) (next time.Duration, err error) {
	list := membersOf(hops)
	if err := Validate(list); err != nil {
		return 0, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inherit(hops, list)
	before, since := len(r.under), r.since
	r.rebalance(int64(now))
	if before > 0 && len(r.under) > 0 {
		r.since = since
	}
	r.marking.Store(len(hops) > 1 || r.config.IPv6)
	return r.upkeep(int64(now)), nil
}

// inherit makes the members and tells the buckets who they are of now.
func (r *LinuxResilient[T]) inherit(hops []Hop[T], list []Member) {
	hops = append([]Hop[T](nil), hops...)
	members := make([]linuxMember[T], len(hops))
	index := make(map[string]int32, len(hops))
	for i, m := range list {
		members[i].hop, index[m.ID] = &hops[i], int32(i)
	}
	for i := range r.buckets {
		b := &r.buckets[i]
		if b.member < 0 {
			continue
		}
		m, ok := index[r.members[b.member].hop.ID]
		if !ok {
			b.member = -1
			continue
		}
		b.member = m
		b.hop.Store(members[m].hop)
		members[m].has++
	}
	r.members = members
}

// rebalance computes what members are due and who has fewer.
func (r *LinuxResilient[T]) rebalance(now int64) {
	total, sum, last := uint64(0), uint64(0), uint64(0)
	for _, m := range r.members {
		total += uint64(m.hop.Weight)
	}
	r.under = r.under[:0]
	for i := range r.members {
		m := &r.members[i]
		sum += uint64(m.hop.Weight)
		bound := (uint64(len(r.buckets))*sum + total/2) / total
		m.wants, last = int(bound-last), bound
		if m.has < m.wants {
			r.under = append(r.under, int32(i))
		}
	}
	r.since = now
}

const upkeepPause = 500 * time.Millisecond // the least time between two runs of upkeep

// Upkeep moves the buckets that may move now, and returns when to call it
// again: at the earliest time at which another bucket may move, but not within
// half a second; [math.MaxInt64] if the group is balanced. Linux calls it at
// exactly that time.
func (r *LinuxResilient[T]) Upkeep(now time.Duration) (next time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.upkeep(int64(now))
}

func (r *LinuxResilient[T]) upkeep(now int64) time.Duration {
	deadline := later(now, r.config.Idle)
	if r.config.Unbalanced > 0 {
		deadline = later(now, r.config.Unbalanced)
	}
	for i := range r.buckets {
		b := &r.buckets[i]
		move, retry := r.mayMove(b, now)
		if move {
			r.move(b, now)
		}
		deadline = min(deadline, retry)
	}
	if len(r.under) == 0 {
		return math.MaxInt64
	}
	return time.Duration(max(deadline, later(now, upkeepPause)))
}

// mayMove reports whether a bucket is to move now, and if not, when to ask
// again.
func (r *LinuxResilient[T]) mayMove(b *linuxBucket[T], now int64) (move bool, retry int64) {
	if b.member < 0 {
		return true, math.MaxInt64
	}
	if m := &r.members[b.member]; m.has <= m.wants {
		return false, math.MaxInt64
	}
	used, idle := b.used.Load(), now
	if used != b.migrated {
		idle = later(used, r.config.Idle)
	}
	if now >= idle {
		return true, math.MaxInt64
	}
	if r.config.Unbalanced == 0 {
		return false, idle
	}
	patience := later(r.since, r.config.Unbalanced)
	if now > patience {
		return true, math.MaxInt64
	}
	return false, min(idle, patience)
}

// move gives a bucket to the member that is served first. There is one, since
// what members are due adds up to all buckets: while a bucket is free or a
// member has too many, another has too few.
func (r *LinuxResilient[T]) move(b *linuxBucket[T], now int64) {
	if b.member >= 0 {
		r.members[b.member].has--
	}
	last := len(r.under) - 1
	b.member = r.under[last]
	m := &r.members[b.member]
	b.hop.Store(m.hop)
	b.used.Store(now)
	b.migrated = now
	if m.has++; m.has == m.wants {
		r.under = r.under[:last]
	}
}

// later returns t+d, or the last time there is.
func later(t int64, d time.Duration) int64 {
	if d < 0 {
		d = 0
	}
	if t > math.MaxInt64-int64(d) {
		return math.MaxInt64
	}
	return t + int64(d)
}
