package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/commandline"
)

func covered(t *testing.T, args ...string) (c coverage) {
	t.Helper()
	code, out, errs := linuxpath(t, append(args, "-cover", "-json")...)
	require.Zero(t, code, errs)
	require.NoError(t, json.Unmarshal([]byte(out), &c))
	return c
}

// groupList returns a list of next hops for -nexthops, every other one of weight
// 3 if weighted.
func groupList(n int, weighted bool) string {
	var hops []string
	for i := range n {
		weight := 1
		if weighted && i%2 == 1 {
			weight = 3
		}
		hops = append(hops, fmt.Sprintf("h%d=%d", i, weight))
	}
	return strings.Join(hops, ",")
}

// One flow for each next hop covers a group, which is the fewest, and its path
// is the one that is predicted for it.
func TestCover(t *testing.T) {
	for n := 2; n <= 64; n++ {
		for _, weighted := range []bool{false, true} {
			args := []string{"-policy", "1", "-seed", "77", "-dst", "198.18.0.1:80"}
			args = append(args, "-nexthops", groupList(n, weighted))
			c := covered(t, append(args, "-src", "10.0.0.1:2000")...)
			require.Len(t, c.Flows, n)
			assert.Empty(t, c.Missing)
			seen := map[string]bool{}
			for _, f := range c.Flows {
				code, out, errs := linuxpath(t, append(args, "-src", fmt.Sprintf("10.0.0.1:%d", f.Sport))...)
				require.Zero(t, code, errs)
				assert.Contains(t, out, "next hop  "+f.Path[0].Nexthop+"\n")
				assert.GreaterOrEqual(t, f.Sport, uint16(2000))
				seen[f.Path[0].Nexthop] = true
			}
			assert.Len(t, seen, n)
		}
	}
}

// Next hops that no flow takes are not asked for, those that none was found for
// are named, and where nothing of a flow counts that is said.
func TestCoverLimits(t *testing.T) {
	flow := []string{"-seed", "3", "-src", "10.0.0.1", "-dst", "198.18.0.1:80"}
	c := covered(t, append(flow, "-policy", "1", "-nexthops", "a,b:dead,c:failed,d")...)
	assert.Len(t, c.Flows, 2)
	assert.Empty(t, c.Missing)
	c = covered(t, append(flow, "-policy", "1", "-nexthops", "a=65535,b,c=65535,d=65535,e=65535,f=65535")...)
	assert.Len(t, c.Flows, 5)
	assert.Equal(t, []pathLink{{Nexthop: "b"}}, c.Missing)
	assert.Equal(t, 1<<16-1024, c.Tried)
	code, _, errs := linuxpath(t, append(flow, "-cover", "-nexthops", "a,b")...)
	assert.Equal(t, commandline.Failed, code)
	assert.Contains(t, errs, "neither the source port nor the flow label is hashed")
	code, _, errs = linuxpath(t, append(flow, "-cover", "-policy", "1", "-nexthops", "a,b", "-socket", "connected")...)
	assert.Equal(t, commandline.Failed, code)
	assert.Contains(t, errs, randomPort)

	code, _, errs = linuxpath(t, append(flow, "-cover", "-policy", "1", "-nexthops", "a,b", "-proto", "gre",
		"-dst", "198.18.0.1")...)
	assert.Equal(t, commandline.Failed, code)
	assert.Contains(t, errs, errNotVaried.Error())

	six := []string{"-seed", "3", "-src", "2001:db8::1", "-dst", "[2001:db8:1::1]:80", "-nexthops", "a,b,c,d"}
	c = covered(t, six...)
	assert.Len(t, c.Flows, 4)
	assert.NotEqual(t, c.Flows[0].Label, c.Flows[1].Label)
	code, out, _ := linuxpath(t, append(six, "-cover", "-proto", "gre", "-dst", "2001:db8:1::1")...)
	assert.Zero(t, code)
	assert.Regexp(t, `^(label 0x[0-9a-f]+\t[a-d]\n){4}$`, out)
	c = covered(t, append(six, "-policy", "3", "-fields", "0x37")...)
	assert.NotEqual(t, c.Flows[0].Sport, c.Flows[1].Sport)
}

const routers = `{"routers": [
	{"name": "leaf", "policy": 1, "seed": 1, "groups": [
		{"nexthops": "spine1,spine2"}, {"to": "198.19.0.0/16", "nexthops": "spine2"}]},
	{"name": "spine1", "policy": 3, "fields": 55, "seed": 2, "groups": [{"nexthops": "a,b,c=2", "buckets": 64}]},
	{"name": "spine2", "policy": 1, "seed": %d, "groups": [{"nexthops": "a,b:dead,c"}]}]}`

// A flow goes through the routers as each of them alone sends it on.
func TestWalk(t *testing.T) {
	name := filepath.Join(t.TempDir(), "routers.json")
	require.NoError(t, os.WriteFile(name, fmt.Appendf(nil, routers, 9), 0o600))
	alone := map[string][]string{
		"leaf":   {"-policy", "1", "-seed", "1", "-nexthops", "spine1,spine2"},
		"spine1": {"-policy", "3", "-fields", "0x37", "-seed", "2", "-nexthops", "a,b,c=2", "-buckets", "64"},
		"spine2": {"-policy", "1", "-seed", "9", "-nexthops", "a,b:dead,c"},
	}
	visited := map[string]bool{}
	for port := range 100 {
		flow := []string{"-src", fmt.Sprintf("10.0.0.1:%d", 1024+port), "-dst", "198.18.0.1:80"}
		code, out, errs := linuxpath(t, append(flow, "-walk", name, "-json")...)
		require.Zero(t, code, errs)
		var w walk
		require.NoError(t, json.Unmarshal([]byte(out), &w))
		require.Len(t, w.Path, 2)
		assert.Equal(t, "leaf", w.Path[0].Router)
		assert.Equal(t, w.Path[0].Nexthop, w.Path[1].Router)
		for _, p := range w.Path {
			visited[p.Router] = true
			code, out, errs := linuxpath(t, append(flow, alone[p.Router]...)...)
			require.Zero(t, code, errs)
			assert.Contains(t, out, "next hop  "+p.Nexthop+"\n")
		}
	}
	assert.Len(t, visited, 3)
	code, out, _ := linuxpath(t, "-walk", name, "-src", "10.0.0.1:1", "-dst", "198.19.0.1:80")
	assert.Zero(t, code)
	assert.Regexp(t, `^TCP .*\nleaf  policy 1  \w+  spine2  \(it is the only next hop\)\n`+
		`spine2  policy 1  \w+  [ac]  \(uncertain: policy 1 .*\)\n$`, out)
	code, _, errs := linuxpath(t, "-walk", name, "-from", "x", "-src", "10.0.0.1:1", "-dst", "198.19.0.1:80")
	assert.Equal(t, commandline.Usage, code)
	assert.Contains(t, errs, "-from: ")
	code, out, _ = linuxpath(t, "-walk", name, "-from", "spine1", "-src", "10.0.0.1:1", "-dst", "198.19.0.1:80")
	assert.Zero(t, code)
	assert.Regexp(t, `^TCP .*\nspine1 .*\n$`, out)

	// Few flows take all links. With the leaf's seed a spine does not use one.
	c := covered(t, "-walk", name, "-src", "10.0.0.1", "-dst", "198.18.0.1:80")
	assert.Empty(t, c.Missing)
	assert.Len(t, c.Flows, 5)
	assert.Equal(t, []int{2, 2, 1, 1, 1}, []int{c.Flows[0].New, c.Flows[1].New, c.Flows[2].New, c.Flows[3].New,
		c.Flows[4].New})
	require.NoError(t, os.WriteFile(name, fmt.Appendf(nil, routers, 1), 0o600))
	code, out, _ = linuxpath(t, "-cover", "-walk", name, "-src", "10.0.0.1", "-dst", "198.18.0.1:80")
	assert.Zero(t, code)
	assert.Contains(t, out, "none of 64512 flows takes spine2 -> a\n")
}

func TestWalkErrors(t *testing.T) {
	twice := `"name": "a", "seed": 1, "groups": [{"nexthops": "b", "to": "10.1.0.0/8"},` +
		`{"nexthops": "c", "to": "10.0.0.0/8"}]`
	one := func(fields string) string { return `{"routers": [{` + fields + `}]}` }
	for text, want := range map[string]string{
		`{`:               "unexpected EOF",
		`{"router": []}`:  `unknown field "router"`,
		`{"routers": []}`: "there are no routers",
		one(`"seed": 1`):  "it has no name",
		one(`"name": "a", "groups": [{"nexthops": "b"}]`):                               "seed 0 is random",
		one(`"name": "a", "seed": 1`):                                                   "it has no groups",
		one(`"name": "a", "seed": 1, "policy": 4, "groups": [{"nexthops": "b"}]`):       "policy 4 is none",
		one(`"name": "a", "seed": 1, "groups": [{"nexthops": "b=0"}]`):                  "group 1: ",
		one(`"name": "a", "seed": 1, "groups": [{"nexthops": "b", "buckets": -1}]`):     "group 1: ",
		one(`"name": "a", "seed": 1, "groups": [{"nexthops": "b", "to": "x"}]`):         "ParsePrefix",
		one(`"name": "a", "seed": 1, "groups": [{"nexthops": "b"}]`) + `}`:              "something behind the JSON",
		one(`"name": "a", "seed": 1, "groups": [{"nexthops": "b"}, {"nexthops": "c"}]`): "another one has its prefix",
		one(twice): "group 2: another one has its prefix",
		one(`"name": "a", "seed": 1, "groups": [{"nexthops": "a"}]`):               "make a loop",
		one(`"name": "a", "seed": 1, "groups": [{"nexthops": "b", "to": "::/0"}]`): "a has no route to 10.0.0.2",
	} {
		name := filepath.Join(t.TempDir(), "routers.json")
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		code, out, errs := linuxpath(t, "-walk", name, "-src", "10.0.0.1", "-dst", "10.0.0.2")
		status := commandline.Usage
		if want == "make a loop" || strings.Contains(want, "has no route") { // it is the flow that goes nowhere
			status = commandline.Failed
		}
		assert.Equal(t, status, code, text)
		assert.Contains(t, errs, want, text)
		assert.Empty(t, out)
	}
	code, _, errs := linuxpath(t, "-walk", "nowhere.json", "-src", "10.0.0.1", "-dst", "10.0.0.2")
	assert.Equal(t, commandline.Failed, code)
	assert.Contains(t, errs, "nowhere.json")
}
