package config_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/selector"
)

// bgpSample is a gateway with two routers, a line for each thing.
const bgpSample = `{
"in": "lc", "vip": "172.16.0.20/32", "control": "unix:/run/forwarder", "members": [],
"services": [{"name": "six", "vip": "2001:db8::1", "members": []}],
"bgp": {
"as": 65101,
"id": "10.77.1.2",
"listen": "10.77.1.2:179",
"nexthop": ["10.77.1.2", "fd77:1::2"],
"bandwidth": 10000,
"drain": "2s",
"end": "keep", "learn": {"prefixes": "172.31.0.0/16", "keep": "1m"},
"peers": [
{"addr": "10.77.1.1", "as": 65000, "bfd": "100ms"},
{"addr": "fd77:2::1", "as": 4200000000, "restart": "30s", "hold": "30s", "password": "secret"}
]}}
`

func TestBGP(t *testing.T) {
	c, err := config.Parse("f.json", []byte(bgpSample), kinds())
	require.NoError(t, err)
	b := c.BGP
	require.NotNil(t, b)
	assert.Equal(t, uint32(65101), b.AS)
	assert.Equal(t, netip.MustParseAddr("10.77.1.2"), b.ID)
	assert.Equal(t, netip.MustParseAddrPort("10.77.1.2:179"), b.Listen)
	assert.Equal(t, netip.MustParseAddr("fd77:1::2"), b.NextHop(true))
	assert.Equal(t, netip.MustParseAddr("10.77.1.2"), b.NextHop(false))
	assert.Equal(t, uint32(10000), b.Bandwidth)
	assert.Equal(t, 2*time.Second, b.Drain)
	assert.True(t, b.Keep)
	assert.Equal(t, selector.Bounded{}, b.Learn.Strategy)
	assert.Equal(t, time.Minute, b.Learn.Keep)
	assert.Equal(t, 5*time.Second, b.Learn.Wait)
	for prefix, wanted := range map[string]bool{
		"172.31.0.0/16": true, "172.31.7.0/24": true, "172.16.0.0/12": false, "172.32.0.0/24": false,
	} {
		assert.Equal(t, wanted, b.Learn.Wants(netip.MustParsePrefix(prefix)), prefix)
		assert.False(t, (*config.Learn)(nil).Wants(netip.MustParsePrefix(prefix)))
	}
	assert.Equal(t, []config.Peer{
		{Addr: netip.MustParseAddr("10.77.1.1"), AS: 65000, Hold: 9 * time.Second, BFD: 100 * time.Millisecond},
		{Addr: netip.MustParseAddr("fd77:2::1"), AS: 4200000000, Hold: 30 * time.Second,
			Restart: 30 * time.Second, Password: "secret"},
	}, b.Peers)
}

// Each case changes one thing of the sample, and says on which line what is
// wrong.
func TestBGPErrors(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{`"as": 65101,`, `"as": 0,`, "f.json:5: a whole number from 1 to 4294967295 is needed, not 0"},
		{`"prefixes": "172.31.0.0/16", `, ``, `f.json:11: "prefixes" is missing`},
		{`"1m"`, `"2h"`, `f.json:11: a time from 0s to 1h0m0s is needed, such as "30s", not "2h"`},
		{`"1m"`, `"1m", "wait": "1h"`, `f.json:11: a time from 0s to 10m0s is needed, such as "30s", not "1h"`},
		{`"172.31.0.0/16"`, `"172.31.0.0/16", "strategy": "jump:x"`, "f.json:11: "},
		{`"as": 65101,`, ``, `f.json:4: "as" is missing`},
		{`"10.77.1.2",`, `"fd77::1",`, "f.json:6: fd77::1: the ID of a router is an IPv4 address"},
		{`"10.77.1.2:179"`, `"10.77.1.2"`,
			`f.json:7: "10.77.1.2" is no IP address with a port, such as 10.0.0.1:179`},
		{`["10.77.1.2", "fd77:1::2"]`, `["10.77.1.2", "10.77.1.3"]`,
			"f.json:8: 10.77.1.3: there is an address of this family already"},
		{`"bandwidth": 10000,`, `"bandwidth": 0.5,`,
			"f.json:9: a whole number from 1 to 1000000000 is needed, not 0.5"},
		{`"keep"`, `"stay"`, `f.json:11: "stay" is none of withdraw, keep`},
		{`"restart": "30s"`, `"bfd": "1s"`, `f.json:11: no peer keeps routes: "keep" needs one with "restart"`},
		{`"restart": "30s"`, `"restart": "1500ms"`, "f.json:14: whole seconds are needed, not 1.5s"},
		{`"bfd": "100ms"`, `"bfd": "100ms", "restart": "30s"`,
			`f.json:13: "restart" and "bfd" exclude each other: while the gateway restarts its BFD is silent, ` +
				"and the peer withdraws the routes that it was to keep"},
		{`"fd77:2::1"`, `"10.77.1.1"`, "f.json:14: another peer has the address 10.77.1.1"},
		{`"secret"`, `"` + strings.Repeat("x", 81) + `"`, "f.json:14: a password has up to 80 characters"},
		{`"hold": "30s"`, `"hold": "2s"`,
			`f.json:14: a time from 3s to 1h0m0s is needed, such as "30s", not "2s"`},
	} {
		require.Contains(t, bgpSample, c.old)
		_, err := config.Parse("f.json", []byte(strings.Replace(bgpSample, c.old, c.new, 1)), kinds())
		require.Error(t, err, c.new)
		assert.True(t, strings.HasPrefix(err.Error(), c.want), "%v, not %s", err, c.want)
	}
}

func TestBGPLearnNeedsTable(t *testing.T) {
	text := strings.Replace(bgpSample, `"172.31.0.0/16"`, `"172.31.0.0/16", "strategy": "rendezvous"`, 1)
	_, err := config.Parse("f.json", []byte(text), kinds())
	require.NoError(t, err)
	_, err = config.Parse("f.json", []byte(strings.Replace(text, `"in"`, `"io": "xdp", "in"`, 1)), kinds())
	require.EqualError(t, err, "f.json:11: the data plane needs a strategy with a table, "+
		"such as bounded or maglev: rendezvous has none")
}

// A prefix that no session carries would be a service that nobody finds.
func TestBGPCarriesEveryService(t *testing.T) {
	text := strings.Replace(bgpSample, `["10.77.1.2", "fd77:1::2"]`, `"10.77.1.2"`, 1)
	_, err := config.Parse("f.json", []byte(text), kinds())
	require.NoError(t, err, "over the session of the IPv6 peer")
	text = strings.Replace(text, `"fd77:2::1"`, `"10.77.2.1"`, 1)
	_, err = config.Parse("f.json", []byte(text), kinds())
	require.EqualError(t, err, "f.json:8: nobody would be told of 2001:db8::1/128 of service \"six\": "+
		"no peer has an address of its family, and no \"nexthop\" is of it either")
}

func TestBGPFollow(t *testing.T) {
	was, err := config.Parse("f.json", []byte(bgpSample), kinds())
	require.NoError(t, err)
	same, err := config.Parse("f.json", []byte("\n"+bgpSample), kinds())
	require.NoError(t, err)
	require.NoError(t, same.Follow(was))
	other, err := config.Parse("f.json", []byte(strings.Replace(bgpSample, "100ms", "200ms", 1)), kinds())
	require.NoError(t, err)
	require.EqualError(t, other.Follow(was), "f.json:4: a change of bgp takes a restart")
}

func TestICMP(t *testing.T) {
	text := strings.Replace(bgpSample, `"in": "lc",`, `"in": "lc", "icmp": {"from": ["10.77.1.2", "fd77:1::2"]},`, 1)
	c, err := config.Parse("f.json", []byte(text), kinds())
	require.NoError(t, err)
	assert.Len(t, c.ICMP.From, 2)
	assert.Equal(t, 100, c.ICMP.Rate)
	assert.Equal(t, 1000, c.ICMP.Pings)
	without, err := config.Parse("f.json", []byte(bgpSample), kinds())
	require.NoError(t, err)
	assert.Equal(t, plane.ICMP{Rate: 100, Pings: 1000}, without.ICMP)
	members, err := config.Parse("f.json", []byte(strings.Replace(bgpSample, `"in": "lc",`,
		`"in": "lc", "icmp": {"pings": 0},`, 1)), kinds())
	require.NoError(t, err)
	assert.Zero(t, members.ICMP.Pings)
	for icmp, want := range map[string]string{
		`{"rate": 5}`:                        `"from" is missing`,
		`{"from": ["10.0.0.2", "10.0.0.1"]}`: "10.0.0.1: there is an address of this family already",
		`{"from": "10.0.0.2", "rate": 0}`:    "a whole number from 1 to 10000 is needed, not 0",
		`{"pings": 200000}`:                  "a whole number from 0 to 100000 is needed, not 200000",
	} {
		text := strings.Replace(bgpSample, `"in": "lc",`, `"in": "lc", "icmp": `+icmp+`,`, 1)
		_, err := config.Parse("f.json", []byte(text), kinds())
		require.EqualError(t, err, "f.json:2: "+want)
	}
}
