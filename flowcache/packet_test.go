package flowcache_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

func TestGroupsThatShareATableDoNotShareFlows(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	other, err := selector.NewGroup[string](selector.Config{Name: "other", Strategy: selector.Rendezvous{},
		Domain: r.domain})
	require.NoError(t, err)
	_, err = other.Update([]selector.Hop[string]{{ID: "a", Weight: 1}})
	require.NoError(t, err)
	h := &hash.Headers{Proto: hash.TCP, TCPFlags: hash.SYN}
	one, two := flowcache.NewPacket(r.view(), h, 42), flowcache.NewPacket(other.Load().View(), h, 42)
	_, v := r.send(one)
	assert.Equal(t, flowcache.Placed, v)
	_, v = r.send(two)
	assert.Equal(t, flowcache.Placed, v)
	_, v = r.send(one)
	assert.Equal(t, flowcache.Pinned, v)
}

func TestNewPacketOfErrorsAndFragments(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	for name, h := range map[string]hash.Headers{
		"ICMP error":     {Proto: hash.ICMP, ICMPError: true},
		"first fragment": {Proto: hash.UDP, FragFirst: true},
		"later fragment": {Proto: hash.UDP, FragLater: true},
	} {
		assert.True(t, flowcache.NewPacket(r.view(), &h, 1).LookupOnly, name)
	}
	h := hash.Headers{Proto: hash.TCP, TCPFlags: hash.SYN}
	p := flowcache.NewPacket(r.view(), &h, 5)
	assert.Equal(t, flowcache.Packet{Digest: 5 ^ r.view().Salt(), Hash: 5, View: r.view(), Flags: hash.SYN,
		Proto: hash.TCP}, p)
}

func TestVerdictNames(t *testing.T) {
	seen := make(map[string]bool)
	for v := flowcache.Pinned; v <= flowcache.NoMember+1; v++ {
		seen[v.String()] = true
	}
	assert.Len(t, seen, 9)
}
