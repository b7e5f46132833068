package selector

import (
	"math"
	"time"
)

const upkeepPause = int64(500 * time.Millisecond) // the least time between two runs of upkeep

// Upkeep moves the buckets that may move now, and returns when it is to be
// called again: at the earliest time at which another bucket may move, but not
// within half a second; [math.MaxInt64] if the group is balanced. Linux calls
// it at exactly that time; a bucket may move later here if Upkeep is called
// later, or earlier if earlier.
func (r *LinuxResilient[T]) Upkeep(now int64) (next int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.upkeep(now)
}

func (r *LinuxResilient[T]) upkeep(now int64) int64 {
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
	return max(deadline, later(now, time.Duration(upkeepPause)))
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

// move gives a bucket to the member that is served first. There is one: what
// members are due adds up to all buckets, so if a bucket is free or a member
// has too many, another one has too few.
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
