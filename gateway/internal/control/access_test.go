package control_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/control"
)

// run has the gateway run until the test ends.
func run(t *testing.T, f *fixture) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() { assert.NoError(t, f.Services.Run(ctx)) })
	t.Cleanup(func() { cancel(); wait.Wait() })
	require.Eventually(t, func() bool { return f.Services.Health() == nil }, time.Minute, time.Millisecond)
}

func TestToken(t *testing.T) {
	const token = "correct horse battery"
	f := serve(t, config.Control{Network: "tcp", Address: "192.0.2.1:80", Token: token})
	for _, given := range []string{"", token, "Bearer", "Bearer ", "Bearer " + token + "x", "Bearer " + token[1:],
		"Basic " + token} {
		for _, path := range []string{"/members", "/stats", "/metrics", "/members/pod1", "/services/dns/members",
			"/services/dns/stats"} {
			code, answer := f.do(t, "GET", path, "", "Authorization", given)
			assert.Equal(t, 401, code, "%s with %q", path, given)
			assert.Equal(t, "the token is missing or wrong\n", answer)
		}
		code, _ := f.do(t, "DELETE", "/members/pod2", "", "Authorization", given)
		assert.Equal(t, 401, code)
	}
	code, _ := f.do(t, "GET", "/members", "", "Authorization", "Bearer "+token)
	assert.Equal(t, 200, code)
	for path, want := range map[string]int{"/": 200, "/page.js": 200, "/page.css": 200, "/healthz": 503} {
		code, _ := f.do(t, "GET", path, "")
		assert.Equal(t, want, code, "%s needs no token", path)
	}
}

// Pages of other sites in a browser on the same host change and see nothing.
func TestOtherSites(t *testing.T) {
	f := serve(t, config.Control{Network: "tcp", Address: "127.0.0.1:0"})
	code, _ := f.do(t, "POST", "/members/pod1/drain", "", "Origin", "https://example.com")
	assert.Equal(t, 403, code)
	code, _ = f.do(t, "POST", "/members/pod1/drain", "", "Sec-Fetch-Site", "cross-site")
	assert.Equal(t, 403, code)
	for host, want := range map[string]int{
		"example.com": 421, "example.com:80": 421, "192.0.2.1": 421, "127.0.0.1.example.com": 421,
		"localhost": 200, "LOCALHOST:80": 200, "[::1]:80": 200, "[::1]": 200, "127.0.0.1": 200, "127.0.0.2:80": 200,
	} {
		code, _ := f.do(t, "GET", "/members", "", "Host", host)
		assert.Equal(t, want, code, host)
	}
	assert.Equal(t, uint32(1), f.plane.Forwards()[config.Default]["pod1"])
}

func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control")
	at := config.Control{Network: "unix", Address: path}
	l, err := control.Listen(at)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	_, err = control.Listen(at)
	require.ErrorContains(t, err, "is in use")

	f := serve(t, at)
	server := control.NewServer(f.Config)
	var wait sync.WaitGroup
	wait.Go(func() { assert.ErrorIs(t, server.Serve(l), http.ErrServerClosed) })
	client := http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}
	resp, err := client.Get("http://gateway/members")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, 200, resp.StatusCode)
	client.CloseIdleConnections()
	require.NoError(t, server.Shutdown(t.Context()))
	wait.Wait()

	// A process that was killed leaves its socket.
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	dead.SetUnlinkOnClose(false)
	require.NoError(t, dead.Close())
	l, err = control.Listen(at)
	require.NoError(t, err)
	require.NoError(t, l.Close())

	require.NoError(t, os.WriteFile(path, []byte("precious"), 0o600))
	_, err = control.Listen(at)
	require.ErrorContains(t, err, "is there, and no socket")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "precious", string(data))

	l, err = control.Listen(config.Control{Network: "tcp", Address: "127.0.0.1:0"})
	require.NoError(t, err)
	require.NoError(t, l.Close())
}
