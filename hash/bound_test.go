package hash_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
)

// slowFrames are the slowest that are known: of 1,500 bytes, and of as many as
// there can be.
func slowFrames(size int) map[string][]byte {
	pad := func(b []byte) []byte { return append(b, make([]byte, max(size-len(b), 0))...) }
	extension := bytesOf(1, 0, 0, 0x85)
	chain := slices.Repeat(extension, (size-100)/4)
	options := chainOf(8, 41)
	nested := tcp(0)
	for range 9 {
		nested = ip6(60, options, nested)
	}
	quoted := ip6(58, icmp(1, nested))
	gtp := ip4(17, udpTo(2152, gtpu(4, 255, bytesOf(0, 0, 0, 0x85), chain)))
	bridged := other4()
	for range 8 {
		bridged = ip4(47, gre(0, 0x6558, ether(0x8100, slices.Repeat(tag(1, 0x8100), 7), tag(1, 0x0800), bridged)))
	}
	return map[string][]byte{
		"GTP-U extensions":         ether4(gtp),
		"quoted GTP-U extensions":  ether4(ip4(1, icmp(3, gtp))),
		"6in6 with options":        ether6(pad(nested)),
		"quoted 6in6 with options": ether6(pad(quoted)),
		"GRE of tagged Ethernet":   ether4(pad(bridged)),
	}
}

// What is far behind the headers does not count, even where a chain leads
// there.
func TestParseLooksAtTheStart(t *testing.T) {
	const start = 2048
	for name, b := range slowFrames(60_000) {
		var h, other hash.Headers
		require.NoError(t, hash.Parse(b, &h))
		for i := start; i < len(b); i++ {
			b[i] ^= 0xff
		}
		require.NoError(t, hash.Parse(b, &other))
		assert.Equal(t, h, other, name)
	}
}
