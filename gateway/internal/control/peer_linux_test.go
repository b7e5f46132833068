package control_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/control"
)

// listen serves a gateway at an address of its own until the test ends.
func listen(
	t *testing.T, at config.Control, server *http.Server, wrap func(net.Listener) net.Listener,
) (dial func() net.Conn) {
	t.Helper()
	l, err := control.Listen(at)
	require.NoError(t, err)
	var wait sync.WaitGroup
	wait.Go(func() { assert.ErrorIs(t, server.Serve(wrap(l)), http.ErrServerClosed) })
	t.Cleanup(func() { require.NoError(t, server.Close()); wait.Wait() })
	address := l.Addr().String()
	return func() net.Conn {
		c, err := net.Dial(at.Network, address)
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
		return c
	}
}

// The history says who asked for a change: the user and the process at a unix
// socket, the address elsewhere.
func TestWhoChanges(t *testing.T) {
	for _, at := range []config.Control{
		{Network: "unix", Address: filepath.Join(t.TempDir(), "control")},
		{Network: "tcp", Address: "127.0.0.1:0"},
	} {
		f := serve(t, at)
		dial := listen(t, at, control.NewServer(f.Config), func(l net.Listener) net.Listener { return l })
		var who string
		client := http.Client{Timeout: time.Minute, Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(context.Context, string, string) (net.Conn, error) {
				c := dial()
				who = c.LocalAddr().String()
				return c, nil
			},
		}}
		for _, request := range []struct{ method, path, body string }{
			{"POST", "/members/pod1/drain", ""}, {"PUT", "/members/pod1", ""}, {"DELETE", "/members/pod2", ""},
			{"PUT", "/members", "[]"},
		} {
			r, err := http.NewRequestWithContext(t.Context(), request.method, "http://localhost"+request.path,
				strings.NewReader(request.body))
			require.NoError(t, err)
			resp, err := client.Do(r)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Less(t, resp.StatusCode, 300)
			if at.Network == "unix" {
				who = fmt.Sprintf("uid %d pid %d", os.Getuid(), os.Getpid())
			}
			assert.Equal(t, "HTTP "+who, f.Services.Stats().Changes[0].By, request)
		}
	}
}

// A census counts the connections that are accepted and not closed.
type census struct {
	net.Listener

	mu         sync.Mutex
	open, most int
}

func (c *census) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open++
	c.most = max(c.most, c.open)
	return &counted{Conn: conn, census: c}, nil
}

type counted struct {
	net.Conn

	census *census
	once   sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { // before it makes room for another one
		c.census.mu.Lock()
		defer c.census.mu.Unlock()
		c.census.open--
	})
	return c.Conn.Close()
}

// However many connections are opened, a fixed number is served, so that there
// are files left for all else. The others wait, and are served when those end.
func TestConnectionsAreLimited(t *testing.T) {
	const limit, waiting = 100, 20
	at := config.Control{Network: "unix", Address: filepath.Join(t.TempDir(), "control")}
	f := serve(t, at)
	c := new(census)
	dial := listen(t, at, control.NewServer(f.Config), func(l net.Listener) net.Listener {
		c.Listener = l
		return c
	})
	conns := make([]net.Conn, limit+waiting)
	for i := range conns {
		conns[i] = dial()
		_, err := conns[i].Write([]byte("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"))
		require.NoError(t, err)
	}
	now := func() int { c.mu.Lock(); defer c.mu.Unlock(); return c.open }
	require.Eventually(t, func() bool { return now() == limit }, time.Minute, time.Millisecond)
	assert.Never(t, func() bool { return now() > limit }, time.Second/5, time.Millisecond)
	for i, conn := range conns { // in the order in which they came
		_, err := conn.Read(make([]byte, 1))
		require.NoError(t, err, "connection %d", i)
		if i < waiting {
			require.NoError(t, conn.Close())
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	assert.Equal(t, limit, c.most)
}
