package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
)

func TestKey(t *testing.T) {
	c, err := config.Parse("f.json", []byte(withServices(`, "protocol": "tcp", "key": "client", "scope": "sip"`,
		`, "protocol": "udp", "key": "client", "scope": "sip"`)), kinds())
	require.NoError(t, err)
	for _, s := range c.Services {
		assert.Equal(t, placement.Client, s.Key)
		assert.Equal(t, "sip", s.Scope)
		other := s
		other.Key = placement.Addresses
		assert.False(t, s.Equal(&other))
		other = s
		other.Scope = ""
		assert.False(t, s.Equal(&other))
	}
	assert.Equal(t, []flowcache.ClassConfig{{Name: "affinity", Idle: 3 * time.Hour}}, c.Sticky.Classes)
	for first, want := range map[string]string{
		`, "key": "port"`: `f.json:2: "port" is none of five-tuple, three-tuple, addresses, client, inner, ` +
			`inner-addresses, inner-client, teid`,
		`, "protocol": "tcp", "scope": "sip"`: `f.json:3: service "dns" tells flows apart by client, ` +
			`and service "web" of the same scope by five-tuple`,
		`, "scope": "s p"`: `f.json:2: "s p": an ID is made of letters, digits, '.', '_' and '-', ` +
			`starts with a letter or digit, and has up to 100 of them`,
	} {
		_, err := config.Parse("f.json", []byte(withServices(first,
			`, "protocol": "udp", "key": "client", "scope": "sip"`)), kinds())
		require.EqualError(t, err, want)
	}
}

// What a data plane can't do is refused by the names of the service and of the
// plane.
func TestKeyOfAPlane(t *testing.T) {
	text := []byte(withServices(``, `, "protocol": "udp", "key": "teid"`))
	all := kinds()
	_, err := config.Parse("f.json", text, all)
	require.NoError(t, err)
	all[0].Keys = []placement.Key{placement.FiveTuple, placement.Client}
	_, err = config.Parse("f.json", text, all)
	var wrong *plane.KeyError
	require.ErrorAs(t, err, &wrong)
	assert.Equal(t, "dns", wrong.Service)
	assert.Equal(t, "afpacket", wrong.Plane)
	assert.EqualError(t, err,
		`f.json:3: service "dns": afpacket can't tell flows apart by teid: it can by five-tuple, client`)
}

// The scope of the top level is that of every service that has none of its own.
func TestScopeIsInherited(t *testing.T) {
	c, err := config.Parse("f.json", []byte(`{"in": "lc", "control": "127.0.0.1:80", "scope": "a", "services": [
{"name": "one", "vip": "10.0.0.1", "members": []}, {"name": "two", "vip": "10.0.0.2", "members": [], "scope": null},
{"name": "three", "vip": "10.0.0.3", "members": [], "scope": "b"}]}`), kinds())
	require.NoError(t, err)
	var scopes []string
	for _, s := range c.Services {
		scopes = append(scopes, s.Scope)
	}
	assert.Equal(t, []string{"a", "", "b"}, scopes)
}

func TestAffinity(t *testing.T) {
	c, err := config.Parse("f.json", []byte(`{"in": "lc", "control": "127.0.0.1:80", "vip": "10.0.0.1", "members": [],
		"timeouts": {"affinity": "168h"}}`), kinds())
	require.NoError(t, err)
	assert.Equal(t, 7*24*time.Hour, c.Sticky.Classes[0].Idle)
}
