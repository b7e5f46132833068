package main

import (
	"encoding/json"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The bounds for the weights 1, 2, 3 and 5 are those of the kernel.
func TestBounds(t *testing.T) {
	g, err := parseGroup("a=1,b=2,c=3,d=5")
	require.NoError(t, err)
	next := uint32(0)
	for i, want := range []uint32{195225785, 585677358, 1171354716, 2147483647} {
		low, high := g.bounds(i)
		assert.Equal(t, next, low)
		assert.Equal(t, want, high)
		next = high + 1
		for _, h := range []uint32{low, high} {
			assert.Equal(t, i, g.choose(uint64(h)<<33, netip.Addr{}).index)
		}
	}
}

// The table for the weights 1, 2, 3 and 5 is the kernel's: the buckets 0 to 14
// are d's, 15 to 22 c's, 23 to 28 b's, and 29 to 31 a's.
func TestBuckets(t *testing.T) {
	g, err := parseGroup("a=1,b=2,c=3,d=5")
	require.NoError(t, err)
	g, err = g.resilient(32)
	require.NoError(t, err)
	want := slices.Concat(slices.Repeat([]int{3}, 15), slices.Repeat([]int{2}, 8), slices.Repeat([]int{1}, 6),
		slices.Repeat([]int{0}, 3))
	assert.Equal(t, want, g.buckets)

	code, out, errs := linuxpath(t, "-seed", "1", "-nexthops", "a=1,b=2,c=3,d=5", "-buckets", "32", "-src",
		"10.0.0.1", "-dst", "10.0.0.2", "-json")
	assert.Zero(t, code, errs)
	var p prediction
	require.NoError(t, json.Unmarshal([]byte(out), &p))
	require.NotNil(t, p.Bucket)
	assert.EqualValues(t, p.Hash31%32, *p.Bucket)
	assert.Equal(t, g.hops[want[*p.Bucket]].name, p.Nexthop)
	assert.Nil(t, p.Range)
}

func groupOf(t *testing.T, list string) group {
	t.Helper()
	g, err := parseGroup(list)
	require.NoError(t, err)
	return g
}

// Dead next hops leave the total of weights, and ranges of those whose
// neighbours have failed fall to the next usable one, in the end to the first.
func TestDeadNextHops(t *testing.T) {
	with, err := parseGroup("a=1,b=7:dead,c=2,d=3:failed,e=5:failed")
	require.NoError(t, err)
	without, err := parseGroup("a=1,c=2,d=3,e=5")
	require.NoError(t, err)
	for h31 := range uint64(1000) {
		h := h31 * (1 << 31 / 1000) << 33
		got, owner := with.choose(h, netip.Addr{}), without.choose(h, netip.Addr{})
		assert.Equal(t, []uint32{owner.low, owner.high}, []uint32{got.low, got.high})
		want := map[string]string{"a": "a", "c": "c", "d": "a", "e": "a"}[owner.name]
		assert.Equal(t, want, got.name)
		assert.Equal(t, want != owner.name, got.why != "")
	}
	old, err := groupOf(t, "a=1,b=7,c=2").resilient(32)
	require.NoError(t, err)
	now, err := groupOf(t, "a=1,b=7:dead,c=2").resilient(32)
	require.NoError(t, err)
	for i, hop := range now.buckets {
		assert.NotEqual(t, 1, hop)
		if old.buckets[i] != 1 {
			assert.Equal(t, old.buckets[i], hop, "a bucket keeps its next hop")
		}
	}
}

// Sockets that are not bound are routed before their source is known. A TCP
// socket then has another source port in the hash.
func TestSockets(t *testing.T) {
	args := []string{"-seed", "9", "-policy", "1", "-nexthops", "a,b,c,d"}
	explain := func(src, dst string, more ...string) prediction {
		all := slices.Concat(args, []string{"-json", "-src", src, "-dst", dst}, more)
		code, out, errs := linuxpath(t, all...)
		require.Zero(t, code, errs)
		var p prediction
		require.NoError(t, json.Unmarshal([]byte(out), &p))
		return p
	}
	for _, v6 := range []bool{false, true} {
		src, dst, unknown := "10.0.0.1:1000", "198.18.0.1:80", "0.0.0.0:1000"
		if v6 {
			src, dst, unknown = "[2001:db8::1]:1000", "[2001:db8:1::1]:80", "[::]:1000"
		}
		own := explain(src, dst, "-proto", "udp", "-socket", "bound").Hash32
		none := explain(unknown, dst, "-proto", "udp", "-socket", "bound").Hash32
		assert.NotEqual(t, own, none)
		assert.Equal(t, none, explain(src, dst, "-proto", "udp", "-socket", "sendto").Hash32)
		assert.Equal(t, map[bool]string{false: own, true: none}[v6],
			explain(src, dst, "-proto", "udp", "-socket", "connected").Hash32)
		p := explain(src, dst, "-socket", "connected")
		assert.Empty(t, p.Nexthop)
		assert.Equal(t, randomPort, p.Why)
		assert.NotEmpty(t, explain(src, dst, "-socket", "bound").Nexthop)
	}
	assert.Equal(t, cardHash, explain("10.0.0.1:1000", "198.18.0.1:80").Uncertain, "forwarded under policy 1")
	code, out, _ := linuxpath(t, append(args, "-src", "10.0.0.1:1", "-dst", "10.0.0.2:2")...)
	assert.Zero(t, code)
	assert.Contains(t, out, "uncertain "+cardHash)
	code, out, _ = linuxpath(t, append(args, "-src", "10.0.0.1:1", "-dst", "10.0.0.2:2", "-socket", "connected")...)
	assert.Zero(t, code)
	assert.Contains(t, out, "next hop  not predicted\nsince     "+randomPort)
}

// The last group of an IPv6 address is no state, whatever it reads.
func TestStates(t *testing.T) {
	g, err := parseGroup("fe80::2,fe80::dead,fe80::dead@v0,fe80::2@v0:dead," +
		"10.0.0.1:dead,fe80::dead:dead=2:failed,a:failed")
	require.NoError(t, err)
	var got []string
	for _, h := range g.hops {
		got = append(got, h.name+" "+h.state())
	}
	assert.Equal(t, []string{"fe80::2 ", "fe80::dead ", "fe80::dead@v0 ", "fe80::2@v0 dead", "10.0.0.1 dead",
		"fe80::dead:dead failed", "a failed"}, got)
}
