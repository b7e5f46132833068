package selector_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/golden/place"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

// forever is when upkeep of a balanced group is due.
const forever = time.Duration(math.MaxInt64)

func numbered(members []selector.Member) []selector.Hop[int] {
	hops := make([]selector.Hop[int], len(members))
	for i, m := range members {
		hops[i] = selector.Hop[int]{ID: m.ID, Weight: m.Weight, Value: i}
	}
	return hops
}

func newLinux(t *testing.T, c selector.LinuxResilientConfig) *selector.LinuxResilient[int] {
	t.Helper()
	r, err := selector.NewLinuxResilient[int](c)
	require.NoError(t, err)
	return r
}

func replace(t *testing.T, r *selector.LinuxResilient[int], members []selector.Member,
	now time.Duration) time.Duration {
	t.Helper()
	next, err := r.Replace(numbered(members), now)
	require.NoError(t, err)
	return next
}

func bucketsOf(r *selector.LinuxResilient[int]) []string {
	ids := make([]string, r.Buckets())
	for i := range ids {
		if hop := r.Bucket(i); hop != nil {
			ids[i] = hop.ID
		}
	}
	return ids
}

// bucketHash returns a hash of a bucket.
func bucketHash(bucket int) uint64 { return uint64(bucket) << 33 }

func weighted(weights map[string]uint32) []selector.Member {
	var group []selector.Member
	for id, w := range weights {
		group = append(group, selector.Member{ID: id, Weight: w})
	}
	slices.SortFunc(group, func(a, b selector.Member) int {
		return int(a.ID[0])<<8 +
			int(a.ID[1]) - int(b.ID[0])<<8 - int(b.ID[1])
	})
	return group
}

// TestLinuxResilientTable has the table that Linux 6.18 makes.
func TestLinuxResilientTable(t *testing.T) {
	r := newLinux(t, selector.LinuxResilientConfig{Buckets: 32})
	assert.Nil(t, r.Select(0, 0))
	assert.Nil(t, r.Bucket(31))
	next := replace(t, r, weighted(map[string]uint32{"10": 1, "11": 2, "12": 3, "13": 5}), 0)
	assert.Equal(t, forever, next, "balanced")
	want := slices.Concat(slices.Repeat([]string{"13"}, 15), slices.Repeat([]string{"12"}, 8),
		slices.Repeat([]string{"11"}, 6), slices.Repeat([]string{"10"}, 3))
	assert.Equal(t, want, bucketsOf(r))
	assert.Equal(t, "12", r.Select(15<<33, 1).ID)
	assert.Equal(t, "13", r.Select((32*1000+14)<<33+1<<33-1, 1).ID, "31 bits, modulo the buckets")
	assert.Equal(t, 2, r.Bucket(15).Value)
}

// TestLinuxResilientTimers: a bucket in use waits until it is idle, or until
// the group was unbalanced for too long.
func TestLinuxResilientTimers(t *testing.T) {
	const second = time.Second
	two, three := selector.Equal("a", "b"), selector.Equal("a", "b", "c")
	start := func(unbalanced time.Duration) *selector.LinuxResilient[int] {
		r := newLinux(t, selector.LinuxResilientConfig{Buckets: 6, Idle: 10 * time.Second, Unbalanced: unbalanced})
		replace(t, r, two, 0)
		for bucket := range 6 {
			r.Select(bucketHash(bucket), time.Duration(bucket+1)*second) // b has 0, 1, 2; a has 3, 4, 5
		}
		return r
	}
	before := []string{"b", "b", "b", "a", "a", "a"}

	r := start(0)
	assert.Equal(t, before, bucketsOf(r))
	assert.Equal(t, 11*second, replace(t, r, three, 7*second), "the first bucket is idle then")
	assert.Equal(t, before, bucketsOf(r))
	assert.Equal(t, 11*second, r.Upkeep(11*second-second/2))
	assert.Equal(t, 11*second-1+second/2, r.Upkeep(11*second-1), "not sooner than half a second later")
	assert.Equal(t, before, bucketsOf(r))
	assert.Equal(t, 14*second, r.Upkeep(11*second), "b has enough given, a's first is idle then")
	assert.Equal(t, []string{"c", "b", "b", "a", "a", "a"}, bucketsOf(r))
	r.Select(bucketHash(3), 13*second)
	assert.Equal(t, 15*second, r.Upkeep(14*second), "bucket 3 was used again")
	assert.Equal(t, forever, r.Upkeep(15*second))
	assert.Equal(t, []string{"c", "b", "b", "a", "c", "a"}, bucketsOf(r))

	r = start(2 * time.Second)
	assert.Equal(t, 9*second, replace(t, r, three, 7*second))
	assert.Equal(t, 9*second+second/2, r.Upkeep(9*second), "until the timer has passed")
	assert.Equal(t, before, bucketsOf(r))
	// A replace leaves the clock as it is, and the first buckets in order move,
	// used or not.
	assert.Equal(t, forever, replace(t, r, three, 9*second+1))
	assert.Equal(t, []string{"c", "b", "b", "c", "a", "a"}, bucketsOf(r))

	r = newLinux(t, selector.LinuxResilientConfig{Buckets: 6, Idle: -1})
	replace(t, r, two, 0)
	for bucket := range 6 {
		r.Select(bucketHash(bucket), second)
	}
	assert.Equal(t, forever, replace(t, r, three, second), "always idle")
	assert.Equal(t, []string{"c", "b", "b", "c", "a", "a"}, bucketsOf(r))
}

// TestLinuxResilientAlone: with IPv4 the buckets of one that is alone are never
// marked, so the next change moves them. With IPv6 they wait.
func TestLinuxResilientAlone(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		r := newLinux(t, selector.LinuxResilientConfig{Buckets: 4, IPv6: v6})
		replace(t, r, selector.Equal("a"), 0)
		for bucket := range 3 {
			assert.Equal(t, "a", r.Select(bucketHash(bucket), 1).ID)
		}
		want, due := []string{"b", "b", "a", "a"}, forever
		if v6 {
			want, due = []string{"a", "a", "a", "b"}, 1+120*time.Second
		}
		assert.Equal(t, due, replace(t, r, selector.Equal("a", "b"), 2))
		assert.Equal(t, want, bucketsOf(r))
		r.Select(bucketHash(0), 3)
		replace(t, r, selector.Equal("a"), 4)
		assert.Equal(t, []string{"a", "a", "a", "a"}, bucketsOf(r), "what left is replaced at once")
	}
}

// TestLinuxResilientDrain: a drained member keeps the buckets that are in use.
func TestLinuxResilientDrain(t *testing.T) {
	r := newLinux(t, selector.LinuxResilientConfig{Buckets: 4, Idle: time.Second})
	group := selector.Equal("a", "b")
	replace(t, r, group, 0)
	r.Select(bucketHash(0), 1)
	group[1].Weight = 0
	assert.Equal(t, 1+time.Second, replace(t, r, group, 2))
	assert.Equal(t, []string{"b", "a", "a", "a"}, bucketsOf(r))
	r.Upkeep(1 + time.Second)
	assert.Equal(t, []string{"a", "a", "a", "a"}, bucketsOf(r))
}

func TestLinuxResilientEqualsModel(t *testing.T) {
	racecheck.OneGoroutine(t)
	r := rand.New(rand.NewPCG(9, 1))
	for range 200 {
		buckets := 1 + r.IntN(40)
		idle := time.Duration(1+r.IntN(20)) * time.Second
		unbalanced := time.Duration(r.IntN(3)*r.IntN(20)) * time.Second
		v6 := r.IntN(2) == 0
		got := newLinux(t, selector.LinuxResilientConfig{Buckets: buckets, Idle: idle, Unbalanced: unbalanced,
			IPv6: v6})
		model := &place.LinuxResilient{
			Idle: idle, Unbalanced: unbalanced, IPv6: v6, Buckets: make([]place.LinuxBucket, buckets),
		}
		group := randomGroup(r, 1+r.IntN(6))
		now, due := time.Duration(0), time.Duration(0)
		for step := range 60 {
			now += time.Duration(r.Int64N(4)) * time.Second / 2
			for range r.IntN(2 * buckets) {
				h := r.Uint64()
				hop := got.Select(h, now)
				want := model.Select(h, int64(now))
				if step > 0 {
					require.Equal(t, want, hop.ID)
				}
			}
			switch {
			case step == 0 || r.IntN(4) == 0:
				for i := range group {
					group[i].Weight = min(group[i].Weight, 1<<24)
				}
				due = replace(t, got, group, now)
				require.EqualValues(t, model.Replace(modelled(group), int64(now)), due, "%v", group)
				group = reweigh(r, group, 100)
			case now >= due:
				due = got.Upkeep(now)
				require.EqualValues(t, model.Upkeep(int64(now)), due)
			}
			for i, id := range bucketsOf(got) {
				require.Equal(t, model.Buckets[i].ID, id, "bucket %d", i)
			}
		}
	}
}

func TestLinuxResilientRefuses(t *testing.T) {
	for _, c := range []struct {
		config selector.LinuxResilientConfig
		want   string
	}{
		{selector.LinuxResilientConfig{}, "selector: bad table size: 0 (limit 65535)"},
		{selector.LinuxResilientConfig{Buckets: 65536}, "selector: bad table size: 65536 (limit 65535)"},
		{selector.LinuxResilientConfig{Buckets: 9, Unbalanced: -1},
			"selector: parameter out of range: a negative time"},
	} {
		r, err := selector.NewLinuxResilient[int](c.config)
		assert.Nil(t, r)
		require.EqualError(t, err, c.want)
		var e *selector.GroupError
		require.ErrorAs(t, err, &e)
	}
	r := newLinux(t, selector.LinuxResilientConfig{Buckets: 4})
	_, err := r.Replace(nil, 0)
	require.ErrorIs(t, err, selector.ErrNoMembers)
	replace(t, r, selector.Equal("a", "b"), 0)
	_, err = r.Replace(numbered(selector.Equal("a", "a")), 1)
	require.ErrorIs(t, err, selector.ErrDuplicate)
	assert.Equal(t, []string{"b", "b", "a", "a"}, bucketsOf(r), "an error changes nothing")
	assert.Equal(t, forever, r.Upkeep(math.MaxInt64), "at the end of time")
}

func TestLinuxResilientConcurrency(t *testing.T) {
	r := newLinux(t, selector.LinuxResilientConfig{Buckets: 64, Idle: 5, Unbalanced: 50})
	replace(t, r, selector.Equal("m0", "m1"), 0)
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 20_000 {
				hop := r.Select(uint64(i*(worker+1))<<33, time.Duration(i))
				if hop == nil || hop.ID != fmt.Sprint("m", hop.Value) {
					t.Error("a hop that nobody gave")
					return
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 500 {
			list := selector.Equal("m0", "m1", "m2", "m3")
			if _, err := r.Replace(numbered(list[:2+i%3]), time.Duration(i*40)); err != nil {
				t.Error(err)
			}
			r.Upkeep(time.Duration(i * 40))
		}
	})
	wg.Wait()
}

func TestLinuxResilientAllocations(t *testing.T) {
	r := newLinux(t, selector.LinuxResilientConfig{Buckets: 64})
	replace(t, r, selector.Equal("a", "b"), 0)
	now := time.Duration(0)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		now++
		r.Select(uint64(now)<<33, now)
	}))
}
