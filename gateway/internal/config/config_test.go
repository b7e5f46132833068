package config_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

// kinds are data planes that differ in what the configuration has to look at.
func kinds() []plane.Kind {
	return []plane.Kind{
		{Name: "afpacket", Resets: true, Tunnels: true}, {Name: "afxdp", Resets: true},
		{Name: "xdp", Needs: plane.Needs{Tables: true}},
	}
}

// sample is the configuration of the package documentation, as far as it has a
// line for each field.
const sample = `{
"in": "lc",
"vip": "172.16.0.20/32",
"control": "unix:/run/forwarder",
"io": "afpacket",
"strategy": "bounded",
"sticky": true,
"idle": "30s",
"seed": 1,
"members": [
{"id": "pod1", "dev": "lp1", "addr": "10.9.1.2", "weight": 3},
{"id": "pod2", "dev": "lp2", "addr": "10.9.2.2", "mac": "02:00:00:01:02:02"},
{"id": "pod3", "dev": "lp3", "addr": "10.9.3.2", "mac": "02:00:00:01:03:02", "weight": 0}
],
"services": [
{"name": "dns", "vip": ["172.16.0.53/32", "2001:db8::53"], "strategy": "anchor", "members": [
{"id": "pod2", "dev": "lp2", "addr": "2001:db8:9::2", "mac": "02:00:00:01:02:02"}]}
]
}
`

func TestSample(t *testing.T) {
	c, err := config.Parse("f.json", []byte(sample), kinds())
	require.NoError(t, err)
	assert.Equal(t, []string{"lc"}, c.In)
	assert.Equal(t, config.Control{Network: "unix", Address: "/run/forwarder"}, c.Control)
	assert.Equal(t, "afpacket", c.Plane.Name)
	assert.Equal(t, uint64(1), c.Seed)
	assert.Equal(t, 1, c.Workers)
	require.NotNil(t, c.Sticky)
	assert.Equal(t, 30*time.Second, c.Sticky.Established)
	assert.Equal(t, 30*time.Second, c.Sticky.EstablishedTCP)
	assert.Equal(t, time.Second, c.Sticky.Tick)
	assert.Equal(t, 1<<20, c.Sticky.Flows)
	require.Len(t, c.Services, 2)
	first, second := c.Services[0], c.Services[1]
	assert.Equal(t, config.Default, first.Name)
	assert.Equal(t, []netip.Prefix{netip.MustParsePrefix("172.16.0.20/32")}, first.Prefixes)
	assert.Equal(t, selector.Bounded{}, first.Strategy)
	assert.Equal(t, []selector.Member{{ID: "pod1", Weight: 3}, {ID: "pod2", Weight: 1}, {ID: "pod3"}},
		config.Identities(first.Members))
	assert.Zero(t, first.Members[0].MAC, "not given")
	assert.Equal(t, engine.MAC{2, 0, 0, 1, 2, 2}, first.Members[1].MAC)
	assert.Equal(t, "dns", second.Name)
	assert.Equal(t, []netip.Prefix{netip.MustParsePrefix("172.16.0.53/32"),
		netip.MustParsePrefix("2001:db8::53/128")}, second.Prefixes)
	assert.Equal(t, selector.Anchor{}, second.Strategy)
}

// Each case changes one thing of the sample, and says on which line what is
// wrong with it.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		old, is string
		line    int
		want    string
	}{
		{`"seed": 1,`, `"seed": 1`, 10, "not JSON: invalid character '\"' after object key:value pair"},
		{"}\n]\n}\n", "}\n]\n", 18, "not JSON: unexpected end of JSON input"},
		{`"seed": 1`, `"sead": 1`, 9, `unknown field "sead"`},
		{`"seed": 1`, `"io": "xdp"`, 9, `"io" is given twice`},
		{`"seed": 1`, `"seed": -1`, 9, "a whole number from 0 to 18446744073709551615 is needed, not -1"},
		{`"seed": 1`, `"seed": 1.5`, 9, "a whole number from 0 to 18446744073709551615 is needed, not 1.5"},
		{`"seed": 1`, `"seed": "1"`, 9, "a number is needed, not a string"},
		{`"seed": 1`, `"workers": 65`, 9, "a whole number from 1 to 64 is needed, not 65"},
		{`"seed": 1`, `"workers": 0`, 9, "a whole number from 1 to 64 is needed, not 0"},
		{`"seed": 1`, `"flows": 0`, 9, "a whole number from 1 to 1073741824 is needed, not 0"},
		{`"seed": 1`, `"panic": 101`, 9, "a whole number from 0 to 100 is needed, not 101"},
		{`"seed": 1`, `"panic": 20`, 9,
			`"panic" is about what a check finds, and service "default" has no "check"`},
		{`"seed": 1`, `"check": {"by": "tcp", "port": 80, "to": "pod"}`, 9, `"pod" is none of member, vip`},
		{`"seed": 1`, `"check": {"by": "tcp", "port": 80, "to": "vip"}`, 9,
			`a check of service "default" to "vip" needs "kernel": true`},
		{`"seed": 1`, `"snapshot": ""`, 9, "the string is empty"},
		{`"seed": 1`, `"reset": null`, 9, "true or false is needed, not null"},
		{`"seed": 1`, `"token": "short"`, 9, "a token has 16 characters or more"},
		{`"in": "lc",`, ``, 1, `"in" is missing`},
		{`"in": "lc"`, `"in": []`, 2, "the list is empty"},
		{`"in": "lc"`, `"in": "an-interface-with-a-name"`, 2, "no interface has a name this long"},
		{`"in": "lc"`, `"in": "../lc"`, 2, "no interface has such a name"},
		{`"in": "lc"`, `"in": "lc\u0000"`, 2, "no interface has such a name"},
		{`"in": "lc"`, `"in": ".."`, 2, "no interface has such a name"},
		{`"in": "lc"`, `"in": "lc:1"`, 2, "no interface has such a name"},
		{`"in": "lc"`, `"in": "l c"`, 2, "no interface has such a name"},
		{`"in": "lc"`, "\"in\": [\"lc\",\n\"lc\"]", 3, `"lc" is given twice`},
		{`"in": "lc"`, `"in": 5`, 2, "a string is needed, not the number 5"},
		{`"vip": "172.16.0.20/32",`, ``, 1, `"vip" is missing`},
		{`"vip": "172.16.0.20/32"`, `"vip": "172.16.0.20/12"`, 3,
			`"172.16.0.20/12" has bits beyond its length: 172.16.0.0/12 is meant?`},
		{`"vip": "172.16.0.20/32"`, `"vip": "172.16.20"`, 3, `"172.16.20" is neither a prefix nor an address`},
		{`"vip": "172.16.0.20/32"`, `"vip": "fe80::1%lc"`, 3, "is neither a prefix nor an address"},
		{`"vip": "172.16.0.20/32"`, `"vip": ["172.16.0.53"]`, 16,
			`172.16.0.53/32 of service "dns" is served by service "default" already`},
		{`"vip": "172.16.0.20/32"`, `"vip": "224.0.0.0/24"`, 3, "224.0.0.0/24 is no address of a service"},
		{`"vip": "172.16.0.20/32"`, `"vip": "ff02::1"`, 3, "is no address of a service"},
		{`"vip": "172.16.0.20/32"`, `"vip": "127.0.0.1"`, 3, "is no address of a service"},
		{`"vip": "172.16.0.20/32"`, `"vip": "0.0.0.0"`, 3, "is no address of a service"},
		{`"vip": "172.16.0.20/32"`, `"vip": "255.255.255.255"`, 3, "is no address of a service"},
		{`"vip": "172.16.0.20/32"`, `"vip": ["172.16.0.21", "172.16.0.21"]`, 3, "172.16.0.21/32 is given twice"},
		{`"control": "unix:/run/forwarder",`, ``, 1, `"control" is missing`},
		{`unix:/run/forwarder`, `unix:`, 4, "the path of a socket has 1 to 107 bytes"},
		{`unix:/run/forwarder`, `unix:@forwarder`, 4, "starts with no '@'"},
		{`unix:/run/forwarder`, `localhost:80`, 4, `"localhost:80" is neither unix:PATH nor an IP address with a port`},
		{`unix:/run/forwarder`, `0.0.0.0:80`, 4, `0.0.0.0:80 is reached from elsewhere: a "token" is needed`},
		{`unix:/run/forwarder`, `[::]:80`, 4, `[::]:80 is reached from elsewhere: a "token" is needed`},
		{`"io": "afpacket"`, `"io": "dpdk"`, 5, `"dpdk" is none of afpacket, afxdp, xdp`},
		{`"strategy": "bounded"`, `"strategy": "magic"`, 6, `"magic" is none of modulo, threshold`},
		{`"strategy": "bounded"`, `"strategy": "bounded:slots=x"`, 6, `"slots=x" is no number of 32 bits`},
		{`"strategy": "bounded"`, `"strategy": "bounded:slots=3"`, 6, "too few slots: 3"},
		{`"strategy": "bounded"`, `"strategy": "maglev:size=4"`, 6, "prime"},
		{`"sticky": true`, `"sticky": "yes"`, 7, "true or false is needed, not a string"},
		{`"sticky": true`, `"sticky": false`, 8, `"idle" needs "sticky"`},
		{`"io": "afpacket"`, `"io": "xdp"`, 16,
			"xdp needs a strategy with a table, such as bounded or maglev: anchor has none"},
		{`"io": "afpacket"`, "\"io\": \"xdp\",\n\"reset\": true", 6, `"reset" needs another "io" than xdp`},
		{`"idle": "30s"`, `"idle": "30"`, 8, `a time from 1s to 168h0m0s is needed, such as "30s", not "30"`},
		{`"idle": "30s"`, `"idle": "169h"`, 8, "a time from 1s to 168h0m0s is needed"},
		{`"idle": "30s"`, `"timeouts": {"tcp": "1h", "idle": "5s"}`, 8, `unknown field "idle"`},
		{`{"id": "pod1", `, `{`, 11, `"id" is missing`},
		{`"pod1"`, `"pod 1"`, 11, `"pod 1": an ID is made of letters`},
		{`"pod1"`, `"pod2"`, 12, `another member is called "pod2"`},
		{`"dev": "lp1", `, ``, 11, `"dev" is missing`},
		{`"addr": "10.9.1.2", `, ``, 11, `"addr" is missing`},
		{`"10.9.1.2"`, `"10.9.1"`, 11, `"10.9.1" is no address`},
		{`"10.9.1.2"`, `"0.0.0.0"`, 11, "0.0.0.0 is no address of a member"},
		{`"02:00:00:01:02:02"},`, `"02:00:00:01:02"},`, 12, `"02:00:00:01:02" is no MAC address`},
		{`"02:00:00:01:02:02"},`, `"01:00:5e:01:02:02"},`, 12, "01:00:5e:01:02:02 is no MAC address of one member"},
		{`"02:00:00:01:02:02"},`, `"00:00:00:00:00:00"},`, 12, "is no MAC address of one member"},
		{`"weight": 0`, `"weight": 4294967295`, 13, "a whole number from 0 to 4294967294 is needed"},
		{`"weight": 0`, `"weight": 4294967294`, 13, `service "default": selector: weights add up to too much`},
		{`"weight": 0`, `"weight": 1, "port": 80`, 13, `unknown field "port"`},
		{`"weight": 0`, `"tunnel": {}`, 13, `"local" is missing`},
		{`"weight": 0`, `"tunnel": []`, 13, "an object is needed, not a list"},
		{`"weight": 0`, `"tunnel": {"local": "10.9.3.1", "remote": "10.9.3"}`, 13, `"10.9.3" is no address`},
		{`"weight": 0`, `"tunnel": {"local": "10.9.3.1", "to": "10.9.3.2"}`, 13, `unknown field "to"`},
		{`"weight": 0`, `"tunnel": {"local": "10.9.3.1", "via": "127.0.0.1"}`, 13,
			"127.0.0.1 is no address of a member"},
		{`"weight": 0`, `"tunnel": {"local": "2001:db8::1"}`, 13,
			`member "pod3": a tunnel from 2001:db8::1 to 10.9.3.2: they are of different versions of IP`},
		{`"weight": 0`, `"tunnel": {"local": "10.9.3.2"}`, 13, `member "pod3": a tunnel from 10.9.3.2 to 10.9.3.2: `},
		{`"mac": "02:00:00:01:02:02"}]}`, `"mac": "02:00:00:01:02:02", "tunnel": {"local": "2001:db8:9::1"}}]}`, 17,
			`member "pod2" has another "dev", "mac", "addr" or "tunnel" in another service`},
		{`"seed": 1,
"members": [`, `"members": {"a": [`, 18, "not JSON: unexpected end of JSON input"},
		{`"services": [`, `"services": [5,`, 15, "an object is needed, not the number 5"},
		{`"name": "dns", `, ``, 16, `"name" is missing`},
		{`"name": "dns"`, `"name": "default"`, 16, `another service is called "default"`},
		{`"name": "dns"`, `"name": "dns", "in": "lc"`, 16, `unknown field "in"`},
		{`"lp2", "addr": "2001`, `"lp3", "addr": "2001`, 17,
			`member "pod2" has another "dev", "mac", "addr" or "tunnel" in another service`},
	} {
		require.Equal(t, 1, strings.Count(sample, c.old), c.old)
		_, err := config.Parse("f.json", []byte(strings.Replace(sample, c.old, c.is, 1)), kinds())
		var wrong *config.Error
		if assert.ErrorAs(t, err, &wrong, c.is) {
			assert.Equal(t, c.line, wrong.Line, "%s: %v", c.is, err)
			assert.Contains(t, wrong.Reason, c.want)
			assert.Contains(t, err.Error(), "f.json:")
			assert.NotContains(t, err.Error(), "\n")
		}
	}
}

// An error quotes what is wrong, but not megabytes of it.
func TestLongQuotes(t *testing.T) {
	long := strings.Repeat("é", 1<<20)
	for _, c := range []struct{ old, is string }{
		{`"pod1"`, `"` + long + `"`},                         // a value
		{`"seed": 1`, `"` + long + `": 1`},                   // a field that there is not
		{`"seed": 1`, `"` + long + `": 1, "` + long + `":1`}, // twice
		{`"seed": 1`, `"seed": ` + strings.Repeat("1", 1<<20)},
		{`"strategy": "bounded"`, `"strategy": ` + strings.Repeat("1", 1<<20)},
		{`"strategy": "bounded"`, `"strategy": "` + long + `"`},
	} {
		require.Equal(t, 1, strings.Count(sample, c.old), c.old)
		_, err := config.Parse("f.json", []byte(strings.Replace(sample, c.old, c.is, 1)), kinds())
		require.Error(t, err)
		assert.Less(t, len(err.Error()), 1000, c.old)
		assert.True(t, utf8.ValidString(err.Error()))
	}
}

func TestNoService(t *testing.T) {
	const rest = `{"in": "lc", "control": "127.0.0.1:0"`
	for text, want := range map[string]string{
		rest + `}`:                   `f.json:1: "vip" is missing`,
		rest + `, "members": []}`:    `f.json:1: "vip" is missing`,
		rest + `, "services": []}`:   `f.json:1: the list is empty, and there is no "vip" either`,
		rest + `, "services": null}`: `f.json:1: a list is needed, not null`,
		rest + `, "vip": "2001:db8::1/128", "services": []}`: `f.json:1: "members" is missing`,
		`[]`:     `f.json:1: an object is needed, not a list`,
		`{} {}`:  `f.json:1: not JSON: invalid character '{' after top-level value`,
		"\n\n":   `f.json:2: not JSON: unexpected end of JSON input`,
		"\n{\n,": `f.json:3: not JSON: invalid character ',' looking for beginning of object key string`,
	} {
		_, err := config.Parse("f.json", []byte(text), kinds())
		assert.EqualError(t, err, want, text)
	}
}

func TestDefaults(t *testing.T) {
	c, err := config.Parse("f.json", []byte(
		`{"in": "lc", "control": "10.0.0.1:80", "token": "0123456789abcdef", "vip": "::/0", "members": []}`),
		kinds())
	require.NoError(t, err)
	assert.Equal(t, catalog.Default, fmt.Sprint(c.Services[0].Strategy))
	assert.Equal(t, "afpacket", c.Plane.Name)
	require.NotNil(t, c.Sticky)
	assert.Zero(t, c.Sticky.Established, "the flow table's default")
	assert.False(t, c.Control.Loopback())
	c, err = config.Parse("f.json", []byte(
		`{"in": "lc", "control": "[::1]:80", "sticky": false, "vip": "::/0", "members": []}`), kinds())
	require.NoError(t, err)
	assert.Nil(t, c.Sticky)
	assert.True(t, c.Control.Loopback())
}

// Times are as fine as the shortest timeout needs.
func TestTick(t *testing.T) {
	for idle, want := range map[string]time.Duration{
		`"idle": "1s"`: 125 * time.Millisecond, `"idle": "8s"`: time.Second, `"idle": "30s"`: time.Second,
		`"idle": "1h"`:                             time.Second,
		`"timeouts": {"tcp": "10m"}`:               time.Second,
		`"idle": "30s", "timeouts": {"tcp": "2s"}`: 250 * time.Millisecond,
	} {
		c, err := config.Parse("f.json", []byte(strings.Replace(sample, `"idle": "30s"`, idle, 1)), kinds())
		if assert.NoError(t, err, idle) {
			assert.InDelta(t, want, c.Sticky.Tick, 1, idle)
		}
	}
}

// What takes a restart is refused at its line; services, prefixes, members
// and strategies may change.
func TestFollow(t *testing.T) {
	present, err := config.Parse("f.json", []byte(sample), kinds())
	require.NoError(t, err)
	for _, c := range []struct{ old, is, want string }{
		{`"weight": 3`, `"weight": 4`, ""},
		{`"172.16.0.20/32"`, `["172.16.0.21/32", "172.16.0.22/32"]`, ""},
		{`"name": "dns"`, `"name": "web"`, ""},
		{`"in": "lc"`, `"in": "lp4"`, "f.json:2: a change of in takes a restart"},
		{`"in": "lc",`, `"in": "lc", "workers": 2,`, "f.json:2: a change of workers takes a restart"},
		{`unix:/run/forwarder`, `127.0.0.1:80`, "f.json:4: a change of control, token takes a restart"},
		{`"io": "afpacket"`, `"io": "afxdp"`, "f.json:5: a change of io takes a restart"},
		{`"strategy": "bounded"`, `"strategy": "maglev"`, ""},
		{`"strategy": "anchor"`, `"strategy": "bounded"`, ""},
		{`"seed": 1,`, ``, ""},
		{`"idle": "30s"`, `"idle": "31s"`, "f.json:8: a change of sticky, flows, idle, timeouts takes a restart"},
		{`"seed": 1`, `"seed": 1, "reset": true`, "f.json:9: a change of reset takes a restart"},
		{`"seed": 1`, `"seed": 1, "snapshot": "file"`, "f.json:9: a change of snapshot takes a restart"},
	} {
		next, err := config.Parse("f.json", []byte(strings.Replace(sample, c.old, c.is, 1)), kinds())
		require.NoError(t, err, c.is)
		if err = next.Follow(present); c.want == "" {
			assert.NoError(t, err, c.is)
		} else {
			assert.EqualError(t, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(`{"in": ["lc"], "control": "127.0.0.1:1", "services": [{"name": "a", "vip": [], "members": [{}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.Parse("f", data, kinds())
		var wrong *config.Error
		switch {
		case err == nil && len(c.Services) == 0:
			t.Fatal("no service")
		case err == nil:
			require.NoError(t, c.Follow(c))
		case !errors.As(err, &wrong):
			t.Fatalf("%T: %v", err, err)
		default:
			lines := strings.Count(string(data), "\n") + 1
			assert.True(t, wrong.Line >= 1 && wrong.Line <= lines, "line %d of %d", wrong.Line, lines)
		}
	})
}
