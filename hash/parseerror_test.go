package hash_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
)

// An error is of one packet: a later one must not change it.
func TestParseErrorsStay(t *testing.T) {
	var h hash.Headers
	first := hash.ParseSnapped(ether4(ip4(6, tcp(0)))[:42], 58, &h)
	second := hash.Parse(ether(0x8100, tag(1, 0x86dd), ip6(0, ext(17, 8), udp()))[:50], &h)
	require.EqualError(t, first, "hash: TCP header at byte 34: truncated")
	require.EqualError(t, second, "hash: IPv6 header at byte 18: truncated")
}

func TestParseErrorIsOneOfThree(t *testing.T) {
	sentinels := []error{hash.ErrTruncated, hash.ErrMalformed, hash.ErrTooDeep}
	for _, f := range badFrames() {
		var h hash.Headers
		err := hash.Parse(f.bytes, &h)
		require.Error(t, err, f.name)
		matches := 0
		for _, sentinel := range sentinels {
			if errors.Is(err, sentinel) {
				matches++
			}
		}
		assert.Equal(t, 1, matches, f.name)
		assert.NotErrorIs(t, err, hash.ErrNotIP)
	}
}
