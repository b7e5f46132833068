package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
)

const clusterSecret = `"name": "edge", "gateway": "gw1", "secret": "0123456789abcdef"`

func parseCluster(cluster, more string) (*config.Config, error) {
	text := `{"in": "lc", "control": "unix:/c", "vip": "172.16.0.20", "members": [],
"cluster": {` + cluster + `}` + more + `}`
	return config.Parse("f.json", []byte(text), []plane.Kind{{Name: "afpacket"}})
}

func TestCluster(t *testing.T) {
	c, err := parseCluster(clusterSecret+`, "urls": "nats://10.0.0.1:4222", "user": "u", "password": "p",
"heartbeat": "200ms", "pins": false`, "")
	require.NoError(t, err)
	k := c.Cluster
	assert.Equal(t, []string{"nats://10.0.0.1:4222"}, k.URLs)
	assert.Equal(t, 200*time.Millisecond, k.Heartbeat)
	assert.Equal(t, 2*time.Second, k.Prepare)
	assert.Equal(t, 5*time.Second, k.Wait)
	assert.Equal(t, 1, k.Replicas)
	assert.False(t, k.Pins)
	assert.Nil(t, k.Server)
	assert.NotZero(t, c.Seed)

	for more, wait := range map[string]time.Duration{
		`"heartbeat": "3s"`: 15 * time.Second, `"heartbeat": "3s", "wait": "1s"`: time.Second,
	} {
		c, err := parseCluster(clusterSecret+`, "urls": "nats://a", `+more, "")
		require.NoError(t, err)
		assert.Equal(t, wait, c.Cluster.Wait, more)
	}

	other, err := parseCluster(strings.Replace(clusterSecret, "abcdef", "abcdeg", 1)+`, "urls": ["nats://a"]`, "")
	require.NoError(t, err)
	assert.NotEqual(t, c.Seed, other.Seed, "the seed is that of the secret")
	require.ErrorContains(t, other.Follow(c), "takes a restart")

	own, err := parseCluster(clusterSecret+`, "user": "u", "password": "p", "directory": "/d",
"listen": "10.0.0.1:4222", "peer": "10.0.0.1:6222", "peers": ["10.0.0.1:6222", "10.0.0.2:6222", "10.0.0.3:6222"]`, "")
	require.NoError(t, err)
	assert.Equal(t, []string{"nats://10.0.0.1:4222"}, own.Cluster.URLs)
	assert.Equal(t, 3, own.Cluster.Replicas)
	assert.Equal(t, "/d", own.Cluster.Server.Directory)
	require.NoError(t, own.Follow(own))

	for _, bad := range []struct{ cluster, more, reason string }{
		{`"name": "edge", "gateway": "gw1", "urls": "nats://a"`, "", `"secret" is missing`},
		{`"name": "a.b"`, "", "a name in a cluster"},
		{`"secret": "short"`, "", "16 characters or more"},
		{clusterSecret, "", `"urls" is missing`},
		{clusterSecret + `, "urls": "nats://a", "wait": "0s"`, "", "f.json:2: "},
		{clusterSecret + `, "urls": "nats://a", "directory": "/d"`, "", `needs "listen"`},
		{clusterSecret + `, "urls": "nats://a", "user": "u"`, "", "go together"},
		{clusterSecret + `, "urls": ["nats://a", "nats://a"]`, "", "given twice"},
		{clusterSecret + `, "urls": "nats://a"`, `, "seed": 7`, `made of its "secret"`},
		{clusterSecret + `, "urls": "nats://a"`, `, "services": [{"name": "a.b", "vip": "2001:db8::1", "members": []}]`,
			`"a.b": a name in a cluster`},
		{clusterSecret + `, "urls": "nats://a"`, `, "slowstart": {"time": "10s"}`, `no "slowstart"`},
		{clusterSecret + `, "urls": "nats://a"`,
			`, "services": [{"name": "a", "vip": "2001:db8::1", "members": [], "scope": "x"}]`,
			`no "scope"`},
		{clusterSecret + `, "urls": "nats://a"`, `, "strategy": "anchor"`, "f.json:2: anchor places flows"},
		{clusterSecret + `, "urls": "nats://a"`,
			`, "services": [{"name": "a", "vip": "2001:db8::1", "members": [], "strategy": "resilient"}]`,
			"order of changes"},
		{clusterSecret + `, "listen": "127.0.0.1:4222"`, "", `"directory" is missing`},
		{clusterSecret + `, "listen": "10.0.0.1:4222", "directory": "/d"`, "", "others reach this server"},
		{clusterSecret + `, "listen": "127.0.0.1:4222", "directory": "/d", "peer": "127.0.0.1:1"`, "", "go together"},
		{clusterSecret + `, "listen": "127.0.0.1:4222", "directory": "/d", "peer": "127.0.0.1:1",
"peers": ["127.0.0.1:2"]`, "", `none of "peers"`},
		{clusterSecret + `, "listen": "127.0.0.1:4222", "directory": "/d", "credentials": "/f"`, "", "knows"},
		{clusterSecret + `, "urls": "nats://a", "tls": {"cert": "/c"}`, "", "go together"},
		{clusterSecret + `, "listen": "127.0.0.1:4222", "directory": "/d",
"tls": {"ca": "/c"}`, "", `f.json:3: a server within the gateway needs "cert" and "key"`},
	} {
		_, err := parseCluster(bad.cluster, bad.more)
		require.ErrorContains(t, err, bad.reason, bad.cluster)
	}
}

// Files of certificates that can't be read are told with their line.
func TestClusterTLS(t *testing.T) {
	c, err := parseCluster(clusterSecret+`, "urls": "tls://a", "tls": {
"ca": "/nowhere"}`, "")
	require.NoError(t, err)
	_, err = c.Cluster.TLSConfig()
	require.ErrorContains(t, err, "f.json:3: open /nowhere")
	c, err = parseCluster(clusterSecret+`, "urls": "tls://a", "tls": {"name": "nats.example"}`, "")
	require.NoError(t, err)
	secured, err := c.Cluster.TLSConfig()
	require.NoError(t, err)
	assert.Equal(t, "nats.example", secured.ServerName)
}
