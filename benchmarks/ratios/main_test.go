package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
)

func TestEveryContestHasARow(t *testing.T) {
	list, err := contests()
	require.NoError(t, err)
	for i := range list { // the sides themselves take long
		pass := func(*subject.Keys) int { return 0 }
		list[i].ours, list[i].theirs = pass, pass
	}
	var out strings.Builder
	require.NoError(t, printContests(&out, list, 1))
	rows := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, rows, 1+len(list))
	for i, c := range list {
		assert.Contains(t, rows[i+1], c.name)
	}
}

func TestVerdicts(t *testing.T) {
	var out strings.Builder
	require.NoError(t, printFigures(&out, []figure{{"a", 1, "ms", 1}, {"b", 1.01, "%", 1}, {"c", 7, "%", 0}}))
	rows := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, rows, 4)
	assert.Regexp(t, "^a +1 ms +1 holds$", rows[1])
	assert.Regexp(t, "^b +1.01 % +1 MISSED$", rows[2])
	assert.Regexp(t, "^c +7 % +-$", rows[3])
}

func TestShares(t *testing.T) {
	all, err := shares(1<<16, "")
	require.NoError(t, err)
	require.Len(t, all, 22)
	for _, f := range all {
		if f.most > 0 && !strings.HasPrefix(f.name, "Rendezvous") { // which takes more keys
			assert.LessOrEqual(t, f.value, f.most, f.name)
		}
	}
	some, err := shares(1, "Bounded, N=8")
	require.NoError(t, err)
	require.Len(t, some, 1)
	assert.Contains(t, all, some[0])
}

// TestSidesTakeTurns watches who looks up which keys.
func TestSidesTakeTurns(t *testing.T) {
	var order strings.Builder
	var keys [][]uint64
	side := func(name string) subject.Lookup {
		return func(k *subject.Keys) int {
			order.WriteString(name)
			keys = append(keys, k.Hashes[:1])
			return 0
		}
	}
	c := contest{items: 1, passes: 1, ours: side("o"), theirs: side("t")}
	ours, theirs := c.run(4)
	assert.Len(t, ours, 4)
	assert.Len(t, theirs, 4)
	assert.Equal(t, "ot"+"ot"+"to"+"ot"+"to", order.String(), "one to warm up, then in turn")
	for i := 0; i < len(keys); i += 2 {
		assert.Equal(t, keys[i], keys[i+1])
	}
	assert.NotEqual(t, keys[2], keys[4])
}

func TestStatistics(t *testing.T) {
	blocks := []float64{5, 1, 3}
	assert.InDelta(t, 1, minima.of(blocks), 0)
	assert.InDelta(t, 3, medians.of(blocks), 0)
}
