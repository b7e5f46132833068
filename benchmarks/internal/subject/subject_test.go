package subject_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/dgryski/go-maglev"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

func TestKeysAreTheSameInBothForms(t *testing.T) {
	k := subject.RandomKeys(1)
	require.Len(t, k.Hashes, subject.KeyCount)
	require.Len(t, k.Strings, subject.KeyCount)
	for i, s := range k.Strings {
		require.Equal(t, k.Hashes[i], binary.LittleEndian.Uint64([]byte(s)))
	}
	assert.Equal(t, k, subject.RandomKeys(1))
	assert.NotEqual(t, k.Hashes, subject.RandomKeys(2).Hashes)
}

// TestEveryFormAsksForEveryKey would fail for a loop that leaves keys out,
// which is how benchmarks come to be fast.
func TestEveryFormAsksForEveryKey(t *testing.T) {
	k := subject.RandomKeys(1)
	c := &counter{seen: map[uint64]int{}}
	subject.One(c)(k)
	subject.Batches(c)(k)
	for _, h := range k.Hashes {
		require.Equal(t, 2, c.seen[h])
	}
	assert.Equal(t, subject.KeyCount/subject.BatchSize, c.batches)
}

type counter struct {
	seen    map[uint64]int
	batches int
}

func (c *counter) Select(h uint64) int32 {
	c.seen[h]++
	return 0
}

func (c *counter) SelectBatch(_ []int32, hashes []uint64) {
	c.batches++
	for _, h := range hashes {
		c.Select(h)
	}
}

// TestPeersDoTheSameWork compares sums of answers: those of go-jump are ours,
// and go-maglev's are those of its table.
func TestPeersDoTheSameWork(t *testing.T) {
	k, ids := subject.RandomKeys(1), subject.IDs(100)
	ours, err := selector.New(selector.Jump{}, selector.Equal(ids...))
	require.NoError(t, err)
	assert.Equal(t, subject.One(ours)(k), subject.GoJump(ids)(k))

	sum, table := 0, maglev.New(ids, selector.DefaultTableSize)
	for _, h := range k.Hashes {
		sum += table.Lookup(h)
	}
	assert.Equal(t, sum, subject.GoMaglev(ids)(k))
	assert.Equal(t, subject.KeyCount*len(ids[0]), subject.GoRendezvous(ids)(k), "each key has a member")
}

func TestStrategies(t *testing.T) {
	names := map[string]bool{}
	for _, s := range subject.Strategies() {
		assert.False(t, names[s.Name], "%s is there twice", s.Name)
		names[s.Name] = true
		for _, n := range subject.Sizes() {
			_, err := selector.New(s, subject.Members(n, 1, 2, 3, 10))
			assert.Equal(t, s.EqualOnly, err != nil, "%s: %v", s.Name, err)
			built, err := selector.New(s, subject.Members(n, 1))
			require.NoError(t, err)
			assert.Implements(t, (*selector.BatchSelector)(nil), built)
		}
	}
	for _, p := range subject.Peers() {
		assert.True(t, names[p.Strategy], "%s is compared with %s", p.Name, p.Strategy)
	}
}

func TestParse(t *testing.T) {
	s, err := subject.Parse("bounded:slots=1024+slack=0.02")
	require.NoError(t, err)
	assert.Equal(t, subject.Strategy{
		Name: "bounded:slots=1024+slack=0.02", Strategy: selector.Bounded{Slots: 1024, Slack: 20},
	}, s)
	s, err = subject.Parse("anchor:capacity=2000")
	require.NoError(t, err)
	assert.True(t, s.EqualOnly)
	_, err = subject.Parse("bounded:slots=1024,seed=1+seed=2")
	require.Error(t, err)
}

func TestMembers(t *testing.T) {
	assert.Equal(t, []selector.Member{{ID: "pod-0000", Weight: 1}, {ID: "pod-0001", Weight: 2},
		{ID: "pod-0002", Weight: 1}},
		subject.Members(3, 1, 2))
	assert.True(t, slices.IsSorted(subject.IDs(10_000)), "events rely on it")
}

// TestOtherLibrariesAsStrategies compares what they place with our own
// strategies that are the same.
func TestOtherLibrariesAsStrategies(t *testing.T) {
	members := subject.Members(50, 1)
	built := map[string]selector.Selector{}
	for _, s := range subject.Placements() {
		var err error
		built[s.Name], err = selector.New(s, members)
		require.NoError(t, err)
	}
	k := subject.RandomKeys(1)
	table := built["maglev"].(selector.Tabled)
	used := map[string]map[int32]bool{"kkdai-maglev": {}, "go-rendezvous": {}, "doublejump": {}}
	for i, h := range k.Hashes {
		require.Equal(t, built["jump"].Select(h), built["go-jump"].Select(h))
		require.Equal(t, table.Owner(i), built["go-maglev"].Select(uint64(i)), "it takes slots of the low bits")
		for name, seen := range used {
			seen[built[name].Select(h)] = true
		}
	}
	for name, seen := range used {
		assert.Len(t, seen, len(members), name)
	}
}

// TestDoubleJumpKeepsItsHistory takes members out and puts them back: another
// than the last to leave is not where it was.
func TestDoubleJumpKeepsItsHistory(t *testing.T) {
	var s subject.Strategy
	for _, s = range subject.Placements() {
		if s.Name == "doublejump" {
			break
		}
	}
	all, k := subject.Members(10, 1), subject.RandomKeys(1)
	first, err := selector.New(s, all)
	require.NoError(t, err)
	changed := selector.Selector(first)
	for _, members := range [][]selector.Member{all[1:], all[2:], all[1:], all} {
		changed, err = changed.(selector.Rebuilder).Rebuild(members, nil)
		require.NoError(t, err)
	}
	moved := 0
	for _, h := range k.Hashes {
		if first.Select(h) != changed.Select(h) {
			moved++
		}
	}
	assert.Zero(t, moved, "they came back in the reverse of the order in which they left")

	changed, err = first.(selector.Rebuilder).Rebuild(all[2:], nil)
	require.NoError(t, err)
	changed, err = changed.(selector.Rebuilder).Rebuild(all, nil)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, first.Select(k.Hashes[0]), int32(0))
	for _, h := range k.Hashes {
		if first.Select(h) != changed.Select(h) {
			moved++
		}
	}
	assert.Positive(t, moved, "additions are in order of ID, removals too")
}
