package live_test

import (
	"encoding/json"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/bgp"
	"github.com/ecmp-go/ecmp/gateway/internal/joined"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
)

// share has the pins of a table shared, as a data plane does.
func (f *gateway) share(c plane.Config) error {
	table, err := flowcache.NewTable(*c.Sticky)
	if err != nil {
		return err
	}
	began := time.Now()
	_, end := c.Sharer.Open(table, func() time.Duration { return time.Since(began) }, 1)
	f.t.Cleanup(end)
	return nil
}

// clustered is the sample in a cluster, with a router that is not there: what
// the gateway would tell it counts.
func clustered(name, more string) string {
	return strings.Replace(sample, `"vip"`, `"cluster": {"name": "test", "gateway": "`+name+`",
"secret": "0123456789abcdef", `+more+`}, "bgp": {"as": 65101, "id": "10.0.0.1", "drain": "0s",
"nexthop": "10.0.0.1", "peers": [{"addr": "2001:db8::9", "as": 65000}]}, "vip"`, 1)
}

// server is what the configuration says of a NATS server within the gateway.
func server(t *testing.T) (url, within string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	at := l.Addr().String()
	require.NoError(t, l.Close())
	return `"urls": "nats://` + at + `"`, `"listen": "` + at + `", "directory": "DIR/nats"`
}

func (f *gateway) announced() int {
	var s struct{ BGP bgp.State }
	_, text := f.do("GET", "/stats", "")
	require.NoError(f.t, json.Unmarshal([]byte(text), &s))
	return len(s.BGP.Announced)
}

// missing returns the gateways whose pins are not here.
func (f *gateway) missing() []string {
	var s struct{ Cluster joined.State }
	_, text := f.do("GET", "/stats", "")
	require.NoError(f.t, json.Unmarshal([]byte(text), &s))
	return s.Cluster.Pins.Missing
}

// A gateway tells routers of its services when the pins of the others are here,
// and not before. One that shares none is waited for until it is known to.
func TestBGPWaitsForPins(t *testing.T) {
	url, within := server(t)
	newGateway(t, clustered("gw2", within+`, "heartbeat": "1s", "pins": false`))
	one := &gateway{t: t, shares: true}
	one.prepare(clustered("gw1", url+`, "heartbeat": "1s", "wait": "10m"`))
	for waited := false; !waited; { // a machine may be too slow to see it
		one.start()
		for announced := false; !announced; {
			// Asked in this order, pins that come meanwhile deceive nobody.
			announced = one.announced() > 0
			missing := one.missing()
			if announced {
				assert.Empty(t, missing, "routers know of the gateway")
			}
			waited = waited || slices.Contains(missing, "gw2")
		}
		require.NoError(t, one.stop())
	}
	assert.NotContains(t, one.log.String(), "may break here")
}

// A gateway that has waited for long enough tells routers of its services
// whatever it lacks, and says so.
func TestBGPWaitEnds(t *testing.T) {
	_, within := server(t)
	one := &gateway{t: t, shares: true}
	one.prepare(clustered("gw1", within+`, "heartbeat": "1m", "wait": "10ms"`))
	one.start()
	one.waits("it is announced", func() bool { return one.announced() > 0 })
	require.NoError(t, one.stop())
	assert.Contains(t, one.log.String(),
		`flows of other gateways may break here" lacks="not all gateways may be known yet" waited=10ms`)
}
