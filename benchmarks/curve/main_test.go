package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
)

func TestRun(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(&out, 4096, 1, "3,16"))
	for _, want := range []string{"| 16 | Maglev | 1.0", "| 16 | unlimited | 1.", "| 1985 | none | ", "\n| 100 | 1."} {
		assert.Contains(t, out.String(), want)
	}
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, "| unlimited |") && strings.HasPrefix(line, "| 16") {
			assert.Equal(t, 5, strings.Count(line, " 1.000 (1.000) |"), line)
		}
	}
	for _, members := range []string{"", "x", "1"} {
		require.Error(t, run(&out, 4096, 1, members))
	}
	require.ErrorIs(t, run(&out, 4095, 1, "10"), selector.ErrTableSize)
}

func TestGroupsOfASeedExtendEachOther(t *testing.T) {
	assert.Equal(t, group(3, 10), group(3, 20)[:10])
	assert.NotEqual(t, group(3, 10), group(4, 10))
}

func TestNextPrime(t *testing.T) {
	for n, want := range map[uint32]uint32{2: 3, 8: 11, 64: 67, 65536: 65537} {
		assert.Equal(t, want, nextPrime(n))
	}
}
