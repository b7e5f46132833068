package flowcache_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// TestAnnouncedMembersCostFewPins lets half of the members join that were
// announced: every flow stays, pinned or not.
func TestAnnouncedMembersCostFewPins(t *testing.T) {
	ids := make([]string, 110)
	for i := range ids {
		ids[i] = fmt.Sprint("m", i)
	}
	r := newRouter(t, flowcache.Config{}, ids[:100]...)
	_, err := r.group.Announce(selector.Equal(ids[100:]...)...)
	require.NoError(t, err)
	member, pinned := make(map[uint64]string), 0
	for f := range uint64(2 * flows) {
		m, v := r.tcp(f, hash.SYN)
		member[f] = m
		if v == flowcache.Placed {
			pinned++
		} else {
			require.Equal(t, flowcache.Unpinned, v)
		}
	}
	assert.InDelta(t, 2*flows*10/110, pinned, 100)
	assert.EqualValues(t, pinned, r.table.Stats().Inserted)
	r.set(selector.Equal(ids[:105]...)...)
	for f, m := range member {
		got, _ := r.tcp(f, hash.ACK)
		require.Equal(t, m, got)
	}
	newcomers := make(map[string]int)
	for f := range uint64(2 * flows) {
		m, _ := r.tcp(1<<20+f, hash.SYN)
		newcomers[m]++
	}
	assert.InDelta(t, 2*flows/105, newcomers["m100"], 30, "new flows reach those who joined")
}

// A flow that moves to where it is settled loses its pin, and is reported all
// the same, once.
func TestMovedFlowThatIsSettledThen(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a", "b")
	member := make(map[uint64]string)
	for f := range uint64(flows) {
		member[f] = r.connect(f)
	}
	_, err := r.group.Announce(selector.Equal("c")...)
	require.NoError(t, err)
	r.set(selector.Equal("b")...)
	settled := 0
	for f, m := range member {
		if m == "b" {
			r.expect(f, hash.ACK, "b", flowcache.Pinned)
			continue
		}
		r.expect(f, hash.ACK, "b", flowcache.Moved)
		_, v := r.tcp(f, hash.ACK)
		require.NotEqual(t, flowcache.Moved, v)
		if v == flowcache.Unpinned {
			settled++
		}
	}
	assert.Positive(t, settled)
}

// TestFlapUnderAnnouncement: flows of a member that is down for a second come
// back to it, unless they had no pin because a member was announced. Then they
// are pinned where they went, as new flows, and stay: what Announce's comment
// says it costs.
func TestFlapUnderAnnouncement(t *testing.T) {
	for _, announced := range []bool{false, true} {
		r := newRouter(t, flowcache.Config{}, "a", "b", "c", "d")
		if announced {
			_, err := r.group.Announce(selector.Equal("e")...)
			require.NoError(t, err)
		}
		unpinned := make(map[uint64]bool)
		var own []uint64
		for f := range uint64(flows) {
			r.tcp(f, hash.SYN)
			if m, v := r.tcp(f, hash.ACK); m == "a" {
				own, unpinned[f] = append(own, f), v == flowcache.Unpinned
			}
		}
		mark := r.domain.Mark("a")
		mark.SetDown(true)
		for _, f := range own {
			want := flowcache.Detoured
			if unpinned[f] {
				want = flowcache.Placed
			}
			_, v := r.tcp(f, hash.ACK)
			require.Equal(t, want, v)
		}
		r.now += second
		mark.SetDown(false)
		back := 0
		for _, f := range own {
			m, v := r.tcp(f, hash.ACK)
			require.Equal(t, flowcache.Pinned, v)
			require.Equal(t, !unpinned[f], m == "a")
			if m == "a" {
				back++
			}
		}
		if announced {
			assert.InDelta(t, len(own)/5, back, float64(len(own))/10, "the others are settled on a, were it up")
		} else {
			assert.Len(t, own, back)
		}
	}
}
