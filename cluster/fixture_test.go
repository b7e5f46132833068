package cluster_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ecmp-go/ecmp/cluster"
	"github.com/ecmp-go/ecmp/cluster/embedded"
	"github.com/ecmp-go/ecmp/internal/cut"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

var seed = []byte("0123456789abcdef")

// one starts one NATS server.
func one(t *testing.T, change func(*server.Options)) string {
	t.Helper()
	s, err := embedded.Start(embedded.Config{
		Name: "n1", Listen: "127.0.0.1:0", Store: t.TempDir(), Options: change,
	})
	require.NoError(t, err)
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s.ClientURL()
}

// wayTo returns a way to a server that can be cut.
func wayTo(t *testing.T, url string) *cut.Way { return cut.New(t, strings.TrimPrefix(url, "nats://")) }

// config returns the configuration of a gateway.
func config(name string, urls ...string) cluster.Config {
	o := nats.GetDefaultOptions()
	o.Servers, o.ReconnectWait = urls, 20*time.Millisecond
	return cluster.Config{
		Cluster: "test", Gateway: name, NATS: o, Seed: seed, Heartbeat: 50 * time.Millisecond,
		Replicas: min(len(urls), 3),
	}
}

// connect connects a gateway until the test ends.
func connect(t *testing.T, c cluster.Config) *cluster.Conn {
	t.Helper()
	conn, err := cluster.Connect(soon(t), c)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// join takes part in the group "web".
func join(t *testing.T, c *cluster.Conn, s selector.Strategy) (*cluster.Membership, *selector.Group[string]) {
	t.Helper()
	m, g, err := cluster.Join(soon(t), c, selector.NewDomain(), cluster.GroupConfig[string]{
		Name: "web", Strategy: s, Value: func(m cluster.Member) (string, error) { return m.Data, nil },
	})
	require.NoError(t, err)
	return m, g
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// put returns a change that adds members "a=1 b=2", or gives them these
// weights.
func put(members string) func(*cluster.State) error {
	return func(s *cluster.State) error {
		for text := range strings.FieldsSeq(members) {
			id, weight, _ := strings.Cut(text, "=")
			n := uint32(1)
			if weight != "" {
				n = uint32(weight[0] - '0')
			}
			s.Put(cluster.Member{ID: id, Weight: n, Data: "at " + id})
		}
		return nil
	}
}

func remove(ids ...string) func(*cluster.State) error {
	return func(s *cluster.State) error {
		s.Remove(ids...)
		return nil
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			require.FailNow(t, "did not come: "+what)
		}
	}
}
