package health_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/health"
)

// reports are what a checker said last of each member.
type reports struct {
	mu   sync.Mutex
	last map[string]error
	said map[string]int
}

func (r *reports) add(t health.Target, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil {
		r.last, r.said = make(map[string]error), make(map[string]int)
	}
	r.last[t.Member] = err
	r.said[t.Member]++
}

func (r *reports) of(member string) (times int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.said[member], r.last[member]
}

func (r *reports) becomes(t *testing.T, member, fault string) {
	t.Helper()
	require.Eventually(t, func() bool {
		times, err := r.of(member)
		return times > 0 && (err == nil) == (fault == "") && (err == nil || strings.Contains(err.Error(), fault))
	}, time.Minute, time.Millisecond, "%s: %q", member, fault)
}

// ask has a checker ask these ports of this host, and returns what it says.
func ask(t *testing.T, checks map[string]health.Check) *reports {
	t.Helper()
	var r reports
	ctx, cancel := context.WithCancel(t.Context())
	c := health.New(ctx, r.add, nil)
	t.Cleanup(func() { cancel(); c.Wait() })
	var targets []health.Target
	for member, check := range checks {
		check.Interval = 20 * time.Millisecond
		if check.Timeout == 0 {
			check.Timeout = time.Minute
		}
		check.Failures, check.Successes = 1, 1
		targets = append(targets, health.Target{Member: member, Addr: netip.MustParseAddr("127.0.0.1"), Check: check})
	}
	c.Set(targets)
	return &r
}

func listen(t *testing.T, at string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", at)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func portOf(addr net.Addr) uint16 { return netip.MustParseAddrPort(addr.String()).Port() }

func TestTCP(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	r := ask(t, map[string]health.Check{"a": {By: health.TCP, Port: portOf(l.Addr())}})
	require.NoError(t, l.Close())
	r.becomes(t, "a", "refused")
	listen(t, l.Addr().String())
	r.becomes(t, "a", "")
}

func TestHTTP(t *testing.T) {
	for by, start := range map[health.By]func(*httptest.Server){
		health.HTTP: (*httptest.Server).Start, health.HTTPS: (*httptest.Server).StartTLS,
	} {
		var mu sync.Mutex
		status, connections := 200, 0
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if r.URL.Path != "/alive" {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
			_, _ = w.Write(make([]byte, 1<<10))
		}))
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			mu.Lock()
			defer mu.Unlock()
			if state == http.StateNew {
				connections++
			}
		}
		start(s)
		t.Cleanup(s.Close)
		set := func(now int) { mu.Lock(); status = now; mu.Unlock() }
		at := portOf(s.Listener.Addr())
		r := ask(t, map[string]health.Check{"a": {By: by, Port: at, Path: "/alive"}})
		set(503)
		r.becomes(t, "a", "503 Service Unavailable")
		set(302)
		r.becomes(t, "a", "")
		mu.Lock()
		assert.Equal(t, 1, connections, "it is kept")
		mu.Unlock()
		r = ask(t, map[string]health.Check{"b": {By: by, Port: at, Path: "/"}})
		r.becomes(t, "b", "418")
	}
}

func TestUDP(t *testing.T) {
	open, err := net.ListenPacket("udp", "127.0.0.1:0") // says nothing
	require.NoError(t, err)
	defer open.Close() //nolint:errcheck // nothing is written
	closed, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	r := ask(t, map[string]health.Check{
		"open":   {By: health.UDP, Port: portOf(open.LocalAddr()), Timeout: 10 * time.Millisecond},
		"closed": {By: health.UDP, Port: portOf(closed.LocalAddr())},
	})
	r.becomes(t, "closed", "refused")
	times, err := r.of("open")
	require.NoError(t, err)
	assert.Zero(t, times)
}

// Targets that stay are not begun anew, and those that go are asked no more.
func TestSet(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]int{}
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked[r.URL.Path]++
	}))
	defer s.Close()
	waits := func(path string) {
		t.Helper()
		require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return asked[path] > 2 }, time.Minute,
			time.Millisecond)
	}
	target := func(name string) health.Target {
		return health.Target{Member: name, Addr: netip.MustParseAddr("127.0.0.1"), Check: health.Check{
			By: health.HTTP, Port: portOf(s.Listener.Addr()), Path: name, Interval: 10 * time.Millisecond,
			Timeout: time.Minute, Failures: 1, Successes: 1,
		}}
	}
	ctx, cancel := context.WithCancel(t.Context())
	c := health.New(ctx, func(health.Target, error) {}, nil)
	c.Set([]health.Target{target("a"), target("b")})
	waits("/a")
	waits("/b")
	c.Set([]health.Target{target("b"), target("c")})
	waits("/c")
	mu.Lock()
	clear(asked)
	mu.Unlock()
	waits("/b")
	waits("/c")
	mu.Lock()
	assert.LessOrEqual(t, asked["/a"], 1, "on its way")
	mu.Unlock()
	cancel()
	c.Wait()
	c.Set([]health.Target{target("d")})
	c.Wait()
}

// What is sent to members by one address is marked for each, over connections of
// its own; while nothing leads to one, it is not asked, and what was found of it
// stays.
func TestMarked(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]int{} // by the address that a connection comes from
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked[r.RemoteAddr]++
	}))
	defer s.Close()
	var r reports
	lost := false // of b
	ctx, cancel := context.WithCancel(t.Context())
	c := health.New(ctx, r.add, func(t health.Target) (uint32, error) {
		mu.Lock()
		defer mu.Unlock()
		if lost && t.Member == "b" {
			return 0, errors.New("no route")
		}
		return 0, nil
	})
	defer c.Wait()
	defer cancel()
	target := func(member string) health.Target {
		return health.Target{
			Member: member, Addr: netip.MustParseAddr("127.0.0.1"), Dev: "lp1",
			Via: netip.AddrFrom4([4]byte{10, 9, 1, member[0]}), Check: health.Check{
				By: health.HTTP, Port: portOf(s.Listener.Addr()), Path: "/", Interval: 10 * time.Millisecond,
				Timeout: time.Minute, Failures: 1, Successes: 1,
			},
		}
	}
	c.Set([]health.Target{target("a"), target("b")})
	waits := func(connections int) {
		t.Helper()
		require.Eventually(t, func() bool {
			mu.Lock()
			defer mu.Unlock()
			many := 0
			for _, n := range asked {
				if n > 2 {
					many++
				}
			}
			return many == connections
		}, time.Minute, time.Millisecond)
	}
	waits(2)
	mu.Lock()
	assert.Len(t, asked, 2)
	lost = true
	mu.Unlock()
	time.Sleep(50 * time.Millisecond) // what was under way has come
	mu.Lock()
	clear(asked)
	mu.Unlock()
	waits(1)
	mu.Lock()
	assert.Len(t, asked, 1)
	mu.Unlock()
	for _, member := range []string{"a", "b"} {
		times, last := r.of(member)
		assert.Equal(t, 1, times, member)
		require.NoError(t, last, member)
	}
}

// Nothing but so many answers in a row makes or changes what is thought of a
// target, and the first verdict is reported whatever it is.
// The clock is virtual, and nobody serves.
func TestVerdict(t *testing.T) {
	fault := errors.New("no")
	for _, c := range []struct {
		answers []error
		want    []string
	}{
		{[]error{nil, fault, nil, fault, fault, fault, nil, fault, nil, nil, fault, nil, nil}, []string{"no", "<nil>"}},
		{[]error{fault, fault, nil, nil, nil, fault, fault, nil}, []string{"<nil>"}},
	} {
		verdicts(t, c.answers, c.want)
	}
}

func verdicts(t *testing.T, answers []error, want []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var said []string
		ctx, cancel := context.WithCancel(t.Context())
		c := health.New(ctx, func(_ health.Target, err error) { said = append(said, fmt.Sprint(err)) }, nil)
		n := 0
		c.Ask(func(context.Context, health.Target) error {
			if n++; n > len(answers) {
				return nil
			}
			return answers[n-1]
		})
		began := time.Now()
		c.Set([]health.Target{{Check: health.Check{Interval: time.Second, Timeout: time.Second, Failures: 3,
			Successes: 2}}})
		time.Sleep(time.Duration(len(answers)+3) * time.Second)
		cancel()
		c.Wait()
		assert.Equal(t, want, said)
		assert.InDelta(t, time.Since(began).Seconds(), float64(n), 2)
	})
}
