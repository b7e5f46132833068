package flowcache_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

func TestFullTableRefusesButKeepsEstablishedFlows(t *testing.T) {
	r := newRouter(t, flowcache.Config{Flows: 1}, "a", "b") // one bucket
	require.Equal(t, 8, r.table.Cap())
	for f := range uint64(8) {
		r.connect(f)
	}
	for f := range uint64(1000) {
		m, v := r.tcp(100+f, hash.SYN)
		require.Equal(t, flowcache.Refused, v)
		require.NotEmpty(t, m)
	}
	assert.EqualValues(t, 1000, r.table.Stats().Refused)
	for f := range uint64(8) {
		_, v := r.tcp(f, hash.ACK)
		require.Equal(t, flowcache.Pinned, v)
	}
}

func TestRoomIsMadeByTheOldestOnProbation(t *testing.T) {
	r := newRouter(t, flowcache.Config{Flows: 1}, "a")
	for f := range uint64(8) {
		_, _ = r.tcp(f*5%8, hash.SYN) // the oldest is flow 0, then 5, 2, 7 ...
		r.wait(time.Second)
	}
	_, v := r.tcp(100, hash.SYN)
	require.Equal(t, flowcache.Placed, v)
	r.expect(5*5%8, hash.ACK, "a", flowcache.Pinned)
	r.expect(0, hash.ACK, "a", flowcache.Placed)
}

func TestRoomIsMadeByPinsOfMembersThatLeft(t *testing.T) {
	r := newRouter(t, flowcache.Config{Flows: 1}, "a")
	for f := range uint64(8) {
		r.connect(f)
	}
	r.set(selector.Equal("b")...)
	for f := range uint64(8) {
		r.expect(100+f, hash.SYN, "b", flowcache.Placed)
		r.expect(100+f, hash.ACK, "b", flowcache.Pinned)
	}
	assert.EqualValues(t, 8, r.table.Stats().Reused)
	assert.Zero(t, r.table.Stats().Refused)
}

func TestFloodEvictsOnlyProbation(t *testing.T) {
	r := newRouter(t, flowcache.Config{Flows: 1}, "a", "b")
	for f := range uint64(7) {
		r.connect(f)
	}
	_, v := r.tcp(50, hash.SYN)
	require.Equal(t, flowcache.Placed, v)
	for f := range uint64(100) {
		_, v := r.tcp(100+f, hash.SYN)
		require.Equal(t, flowcache.Placed, v)
	}
	assert.EqualValues(t, 100, r.table.Stats().Evicted)
	for f := range uint64(7) {
		_, v := r.tcp(f, hash.ACK)
		require.Equal(t, flowcache.Pinned, v)
	}
}

// TestEquallyOldVictimsAreNotAStack floods a bucket within one tick. If the
// first of equals made way each time, the newest flow would.
func TestEquallyOldVictimsAreNotAStack(t *testing.T) {
	r := newRouter(t, flowcache.Config{Flows: 1}, "a")
	for f := range uint64(8) {
		_, _ = r.tcp(f, hash.SYN)
	}
	for f := range uint64(100) {
		_, v := r.tcp(100+f, hash.SYN)
		require.Equal(t, flowcache.Placed, v)
	}
	survivors := 0
	for f := range uint64(8) {
		p := packet(r.view(), f, hash.TCP, hash.SYN)
		p.Mode = flowcache.LookupOnly
		if _, v := r.send(p); v == flowcache.Pinned {
			survivors++
		}
	}
	assert.LessOrEqual(t, survivors, 2)
}

// TestAdoptedPinsPushNobodyOut floods a bucket with packets of connections that
// are met in mid-life.
func TestAdoptedPinsPushNobodyOut(t *testing.T) {
	r := newRouter(t, flowcache.Config{Flows: 1}, "a")
	for f := range uint64(6) {
		r.connect(f)
	}
	for f := range uint64(2) {
		_, v := r.tcp(50+f, hash.ACK)
		require.Equal(t, flowcache.Placed, v)
	}
	r.wait(9 * time.Second) // adopted, or they would be gone
	r.expect(50, hash.ACK, "a", flowcache.Pinned)
	r.expect(50, hash.ACK, "a", flowcache.Pinned)
	for f := range uint64(1000) {
		_, v := r.tcp(100+f, hash.ACK)
		require.Equal(t, flowcache.Placed, v, "in the place of the one that is adopted")
	}
	r.wait(9 * time.Second)
	r.expect(1099, hash.ACK, "a", flowcache.Placed) // it was on probation: the bucket was full
	for f := range uint64(6) {
		r.expect(f, hash.ACK, "a", flowcache.Pinned)
	}
	r.expect(50, hash.ACK, "a", flowcache.Pinned)
}

func TestPinsMadeAnewAreCounted(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	for range 3 {
		_, v := r.tcp(1, hash.SYN)
		require.Equal(t, flowcache.Placed, v)
		r.wait(100 * time.Second)
	}
	s := r.table.Stats()
	assert.EqualValues(t, 3, s.Inserted)
	assert.EqualValues(t, 2, s.Reused)
	r.connect(2)
	r.expect(2, hash.RST, "a", flowcache.Pinned)
	r.expect(2, hash.SYN, "a", flowcache.Placed)
	s = r.table.Stats()
	assert.EqualValues(t, 5, s.Inserted)
	assert.EqualValues(t, 2, s.Reused)
}

func TestDigestsOfFewBits(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	for digest := range uint64(100) {
		for _, want := range []flowcache.Verdict{flowcache.Placed, flowcache.Pinned} {
			p := packet(r.view(), 1, 6, hash.SYN)
			p.Digest = digest << 20
			_, v := r.send(p)
			require.Equal(t, want, v)
		}
	}
}
