package live_test

import (
	"encoding/json"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/joined"
)

// A gateway with a server of its own: what is changed over HTTP is in the log,
// which outlives the process, and counts for more than the configuration.
func TestCluster(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	at := l.Addr().String()
	require.NoError(t, l.Close())
	text := strings.Replace(sample, `"vip"`,
		`"cluster": {"name": "test", "gateway": "gw1", "secret": "0123456789abcdef",
"listen": "`+at+`", "directory": "DIR/nats", "heartbeat": "100ms"}, "vip"`, 1)
	f := newGateway(t, text)
	cluster := func() joined.State {
		var s struct{ Cluster joined.State }
		_, text := f.do("GET", "/stats", "")
		require.NoError(t, json.Unmarshal([]byte(text), &s))
		return s.Cluster
	}
	joins := func() {
		f.waits("it has joined", func() bool { s := cluster(); return s.Connected && s.Services[0].Joined })
	}
	joins()
	code, answer := f.do("POST", "/members/pod1/drain", "")
	require.Equal(t, 204, code, answer)
	changed := map[string]uint32{"pod1": 0, "pod2": 1}
	assert.Equal(t, changed, f.weights())

	f.write(strings.Replace(text, `01:02:02"`, `01:02:02", "weight": 5`, 1))
	f.waits("the file is read", func() bool { return f.reloads().Done == 1 })
	assert.Equal(t, changed, f.weights())
	assert.Equal(t, []string{"service default: pod2 weighs 1 in the cluster, 5 in the configuration"},
		cluster().Configuration)
	version := cluster().Services[0].Version

	require.NoError(t, f.stop())
	f.start()
	joins()
	assert.Equal(t, changed, f.weights())
	assert.Equal(t, version, cluster().Services[0].Version)
	require.NoError(t, f.stop())
	assert.Contains(t, f.log.String(), "the configuration is not what is in force")
}
