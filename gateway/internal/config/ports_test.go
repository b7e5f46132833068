package config_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/hash"
)

// withServices returns a configuration with two services, of which the first
// stands on line 2 and the second on line 3.
func withServices(first, second string) string {
	return fmt.Sprintf(`{"in": "lc", "control": "127.0.0.1:80", "services": [
{"name": "web", "vip": ["10.0.0.1", "fd00::1"], "members": [] %s},
{"name": "dns", "vip": "10.0.0.1", "members": [] %s}
]}`, first, second)
}

func TestPorts(t *testing.T) {
	c, err := config.Parse("f.json", []byte(withServices(`, "protocol": "tcp", "ports": [443, "8000-8099", 80]`,
		`, "protocol": "udp", "ports": 53`)), kinds())
	require.NoError(t, err)
	web, dns := c.Services[0], c.Services[1]
	assert.EqualValues(t, hash.TCP, web.Protocol)
	assert.Equal(t, []plane.PortRange{{First: 80, Last: 80}, {First: 443, Last: 443}, {First: 8000, Last: 8099}},
		web.Ports)
	assert.EqualValues(t, hash.UDP, dns.Protocol)
	assert.Equal(t, []plane.PortRange{{First: 53, Last: 53}}, dns.Ports)
	other := web
	assert.True(t, web.Equal(&other))
	other.Ports = web.Ports[:2]
	assert.False(t, web.Equal(&other))
	other = web
	other.Protocol = hash.UDP
	assert.False(t, web.Equal(&other))

	c, err = config.Parse("f.json", []byte(`{"in": "lc", "control": "127.0.0.1:80", "vip": "10.0.0.1", "protocol": 50,
		"members": []}`), kinds())
	require.NoError(t, err)
	assert.EqualValues(t, 50, c.Services[0].Protocol)
	assert.Empty(t, c.Services[0].Ports)
}

// Services share an address as long as none has the packets of another. The
// error names both, at the line of the second.
func TestPartsOfAnAddress(t *testing.T) {
	for _, c := range []struct{ first, second, want string }{
		{``, `, "protocol": "tcp"`, ""},
		{`, "protocol": "tcp"`, `, "protocol": "tcp", "ports": 80`, ""},
		{`, "protocol": "tcp", "ports": 80`, `, "protocol": "udp", "ports": 80`, ""},
		{`, "protocol": "tcp", "ports": "80-89"`, `, "protocol": "tcp", "ports": [79, 90]`, ""},
		{`, "protocol": "icmp"`, `, "protocol": 58`,
			`10.0.0.1/32 icmp of service "dns" is served by service "web" already`},
		{``, ``, `10.0.0.1/32 of service "dns" is served by service "web" already`},
		{`, "protocol": "sctp"`, `, "protocol": 132`,
			`10.0.0.1/32 sctp of service "dns" is served by service "web" already`},
		{`, "protocol": "tcp", "ports": [80, "90-99"]`, `, "protocol": "tcp", "ports": ["81-92"]`,
			`10.0.0.1/32 tcp port 81-92 of service "dns" is served by service "web" already`},
	} {
		_, err := config.Parse("f.json", []byte(withServices(c.first, c.second)), kinds())
		if c.want == "" {
			require.NoError(t, err)
			continue
		}
		var conflict *plane.ConflictError
		require.ErrorAs(t, err, &conflict)
		assert.Equal(t, "dns", conflict.Service)
		assert.Equal(t, "web", conflict.Before)
		assert.EqualError(t, err, "f.json:3: "+c.want)
	}
}

func TestPortsRefused(t *testing.T) {
	for second, want := range map[string]string{
		`, "ports": 80`:                     `"ports" needs "protocol": tcp, udp or sctp`,
		`, "protocol": "icmp", "ports": 80`: "icmp has no ports: only tcp, udp and sctp have",
		`, "protocol": "http"`: `"http" is none of tcp, udp, sctp, icmp, ` +
			`and no number from 1 to 255`,
		`, "protocol": 0`:                             "a whole number from 1 to 255 is needed, not 0",
		`, "protocol": "tcp", "ports": 0`:             "a whole number from 1 to 65535 is needed, not 0",
		`, "protocol": "tcp", "ports": 65536`:         "a whole number from 1 to 65535 is needed, not 65536",
		`, "protocol": "tcp", "ports": []`:            "the list is empty",
		`, "protocol": "tcp", "ports": "90-80"`:       `"90-80": ports are from 1 to 65535, the lower one first`,
		`, "protocol": "tcp", "ports": "0-80"`:        `"0-80": ports are from 1 to 65535, the lower one first`,
		`, "protocol": "tcp", "ports": "http"`:        `"http": is no port, and no range of ports such as "8000-8099"`,
		`, "protocol": "tcp", "ports": [80, "79-81"]`: "port 80 is given twice",
	} {
		_, err := config.Parse("f.json", []byte(withServices("", second)), kinds())
		require.EqualError(t, err, "f.json:3: "+want, second)
	}
	_, err := config.Parse("f.json", []byte(`{"in": "lc", "control": "127.0.0.1:80", "vip": "10.0.0.0/24",
		"protocol": "tcp", "members": []}`), kinds())
	require.EqualError(t, err, `f.json:1: 10.0.0.0/24: "protocol" needs single addresses`)
	_, err = config.Parse("f.json", []byte(`{"in": "lc", "control": "127.0.0.1:80", "protocol": "tcp",
		"services": []}`), kinds())
	require.EqualError(t, err, `f.json:1: "vip" is missing`)
}
