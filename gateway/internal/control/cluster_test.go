package control_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/cluster/embedded"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/control"
	"github.com/ecmp-go/ecmp/gateway/internal/joined"
)

// cluster has the gateway of a fixture be one of a cluster, over a server at an
// address.
func (f *fixture) cluster(t *testing.T, name, at string) *fixture {
	t.Helper()
	c := joined.New(joined.Options{
		Config: config.Cluster{
			Name: "test", Gateway: name, Secret: "0123456789abcdef", URLs: []string{"nats://" + at},
			Replicas: 1, Heartbeat: 50 * time.Millisecond, Prepare: time.Second, Pins: true, Least: time.Minute,
		},
		Services: f.Services, Log: slog.New(slog.DiscardHandler), Sticky: &flowcache.Config{Flows: 1024},
	})
	f.Services.Cluster, f.Cluster = c, c
	// in place of the one without
	f.Server = httptest.NewServer(control.NewServer(f.Config).Handler)
	t.Cleanup(f.Close)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	parsed, err := config.Parse("", []byte(configuration), kinds())
	require.NoError(t, err)
	c.Follow(parsed.Services)
	go func() {
		defer close(done)
		c.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return f
}

// joins starts a NATS server, and waits until the gateways have joined.
func joins(t *testing.T, at string, all ...*fixture) {
	t.Helper()
	s, err := embedded.Start(embedded.Config{Name: "n1", Listen: at, Store: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, f := range all {
		require.NoError(t, f.Cluster.Wait(ctx))
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// waitsFor waits until a path answers with a text.
func (f *fixture) waitsFor(t *testing.T, path, want string) {
	t.Helper()
	last := ""
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if _, last = f.do(t, "GET", path, ""); strings.Contains(last, want) {
			return
		}
	}
	require.FailNow(t, "it never came", "%s: %s in %s", path, want, last)
}

// Without a server the gateway is healthy, says since when, and refuses changes
// of members. With one, a change at one gateway is one of both.
func TestCluster(t *testing.T) {
	local := config.Control{Network: "tcp", Address: "127.0.0.1:0"}
	at := freeAddress(t)
	one, two := serve(t, local).cluster(t, "gw1", at), serve(t, local).cluster(t, "gw2", at)
	run(t, one)
	code, text := one.do(t, "GET", "/healthz", "")
	assert.Equal(t, 200, code)
	assert.Contains(t, text, "ok, without the cluster since 20")
	code, text = one.do(t, "POST", "/members/pod1/drain", "")
	assert.Equal(t, 503, code)
	assert.Contains(t, text, "not within reach")
	code, _ = one.do(t, "POST", "/members/pod1/down", "")
	assert.Equal(t, 204, code, "who is down is the gateway's own")
	_, text = one.do(t, "GET", "/metrics", "")
	assert.Contains(t, text, "forwarder_cluster_connected 0")

	joins(t, at, one, two)
	one.waitsFor(t, "/healthz", "ok\n")
	one.waitsFor(t, "/metrics", `forwarder_cluster_gateway{gateway="gw2",state="live"} 1`)

	// Who has no secret may invent names, and what is no text.
	stranger, err := nats.Connect("nats://" + at)
	require.NoError(t, err)
	defer stranger.Close()
	for _, name := range []string{"\xff", "mallory"} {
		require.NoError(t, stranger.Publish("ecmp.test.heartbeat."+name, []byte("{}")))
	}
	one.waitsFor(t, "/metrics", "forwarder_cluster_gateways_unproven 1")
	_, text = one.do(t, "GET", "/metrics", "")
	assert.NotContains(t, text, "mallory")
	code, text = one.do(t, "PUT", "/members/pod4",
		`{"dev": "lp4", "addr": "10.9.4.2", "mac": "02:00:00:01:04:02", "weight": 2}`)
	assert.Equal(t, 201, code, text)
	two.waitsFor(t, "/members/pod4", `"weight":2`)
	code, text = two.do(t, "PUT", "/members/pod1", `{"weight": 0}`)
	assert.Equal(t, 200, code, text)
	code, text = two.do(t, "PUT", "/members/pod9", `{"dev": "lp9"}`)
	assert.Equal(t, 400, code, text)
	code, text = two.do(t, "DELETE", "/members/pod9", "")
	assert.Equal(t, 404, code, text)
	code, text = two.do(t, "PUT", "/services/dns/members/pod2", `{"dev": "lp7", "addr": "10.9.7.2"}`)
	assert.Equal(t, 422, code, text)

	var stats struct{ Cluster joined.State }
	_, text = two.do(t, "GET", "/stats", "")
	require.NoError(t, json.Unmarshal([]byte(text), &stats))
	assert.True(t, stats.Cluster.Connected)
	require.Len(t, stats.Cluster.Services, 2)
	assert.True(t, stats.Cluster.Services[0].Joined)
	assert.Contains(t, stats.Cluster.Configuration,
		"service default: pod4 is in the cluster, and not in the configuration")
	one.waitsFor(t, "/flow?src=10.0.0.7:5000&dst=172.16.0.20:80", `"gateway":"gw2","answer"`)
}

// The page shows the gateways, and what is wrong with the cluster.
func TestPageOfCluster(t *testing.T) {
	b := newBrowser(t)
	local := config.Control{Network: "tcp", Address: "127.0.0.1:0"}
	at := freeAddress(t)
	one, two := serve(t, local).cluster(t, "gw1", at), serve(t, local).cluster(t, "gw2", at)
	run(t, one)
	b.does(t, chromedp.Navigate(one.URL+"/"))
	b.waits(t, `document.getElementById("notice").textContent.startsWith("No server of the cluster")`)
	joins(t, at, one, two)
	b.waits(t, `document.getElementById("notice").hidden`)
	b.waits(t, `document.getElementById("clusterState").textContent === "gateways agree"`)
	b.waits(t, `document.querySelectorAll("#gateways tr").length === 2`)
	b.waits(t, `document.querySelector("#gateways tr:last-child").textContent.startsWith("gw2live")`)
	b.axe(t)
	b.quiet(t, one.URL)
}
