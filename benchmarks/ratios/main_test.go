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
	require.NoError(t, run(&out, list, 1))
	rows := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, rows, 1+len(list))
	for i, c := range list {
		assert.Contains(t, rows[i+1], c.name)
	}
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
