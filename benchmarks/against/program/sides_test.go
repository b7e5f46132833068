package program

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
)

// counting is a table whose flows have digests that spread.
type counting struct{ Table }

func (counting) Hash(dst []uint64, from int) {
	for i := range dst {
		dst[i] = uint64(from+i+1) * 0x9e3779b97f4a7c15
	}
}

func (c counting) HashEach(dst []uint64, from int) { c.Hash(dst, from) }

// The peers know the flows that they hold, and no others.
func TestPeersKnowTheirFlows(t *testing.T) {
	const flows = 10_000
	for name, route := range map[string]func(from, n int) int{
		"xsync": newXsyncTable(counting{}, flows).route,
		"flat":  newFlatTable(counting{}, flows).route,
	} {
		assert.Equal(t, flows, route(0, flows), name)
		assert.Equal(t, 100, route(flows-100, 150), name)
		assert.Zero(t, route(flows, flows), name)
	}
}

// Frames of all shapes are whole, each of a flow of its own.
func TestShapes(t *testing.T) {
	for _, s := range []shape{{}, {six: 1}, {six: .5}, {vlan: true}, {destinations: 1000}, {vxlan: true}} {
		keys := map[hash.FlowKey]bool{}
		frames := s.frames(1000)
		for _, f := range frames {
			var h hash.Headers
			require.NoError(t, hash.Parse(f, &h))
			keys[h.Inner] = true
			assert.Equal(t, s.vxlan, h.Tunnels == 1)
		}
		assert.Len(t, keys, len(frames), s)
		was := slices.Clone(frames[0])
		restore(frames)
		assert.Equal(t, was, frames[0], "their time to live is whole")
	}
}

// The peer keeps flows where they are, and rewrites frames as a router does.
func TestPeerForwards(t *testing.T) {
	p := newPeer(1000)
	frames := shape{}.frames(1000)
	assert.Zero(t, p.Forward(frames))
	assert.Equal(t, 1000, p.Forward(frames))
	members := map[byte]int{}
	for _, f := range frames {
		assert.EqualValues(t, ttl-2, f[22])
		members[f[5]]++
	}
	assert.Len(t, members, 10)
}

// The parser by hand finds the flow that the library finds, so that their hashes
// are equal.
func TestHandParserFindsFlows(t *testing.T) {
	frames := shape{six: 1}.frames(100)
	p := handParser{hashes: true}
	for _, f := range frames {
		var h hash.Headers
		require.NoError(t, hash.Parse(f, &h))
		assert.Equal(t, hash.XX{}.Hash(h.Outer), p.parse([][]byte{f}))
	}
	assert.Panics(t, func() { p.parse(shape{}.frames(1)) })
}

// What is drawn holds all that a capture is short of.
func TestDrawnFrames(t *testing.T) {
	frames, err := captured("../../../examples/forwarder/testdata")
	require.NoError(t, err)
	require.Greater(t, len(frames), 10_000)
	kinds := map[string]int{}
	for _, f := range drawn(frames) {
		var h hash.Headers
		switch err := hash.Parse(f, &h); {
		case err != nil:
			kinds["refused"]++
		case h.FragLater:
			kinds["fragment"]++
		case h.ICMPError:
			kinds["ICMP error"]++
		case h.Encapsulated:
			kinds["labels"]++
		}
	}
	for _, kind := range []string{"refused", "fragment", "ICMP error", "labels"} {
		assert.Greater(t, kinds[kind], 500, kind)
	}
	_, err = captured(t.TempDir())
	assert.ErrorContains(t, err, "no captures")
}
