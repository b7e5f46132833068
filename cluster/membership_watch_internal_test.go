package cluster

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/cluster/embedded"
	"github.com/ecmp-go/ecmp/selector"
)

// A mortal is a bucket whose watches can die, as those at a server do that is
// gone while the gateway's connection is not: nothing comes any more, and nobody
// answers to their end.
type mortal struct {
	jetstream.KeyValue
	last   atomic.Pointer[mortalWatch] // that was made
	buried chan struct{}               // closed when their ends are answered
}

type mortalWatch struct {
	jetstream.KeyWatcher
	dead    atomic.Bool
	updates chan jetstream.KeyValueEntry
	buried  chan struct{}
}

func (m *mortal) Watch(ctx context.Context, keys string, o ...jetstream.WatchOpt) (jetstream.KeyWatcher, error) {
	alive, err := m.KeyValue.Watch(ctx, keys, o...)
	if err != nil {
		return nil, err
	}
	w := &mortalWatch{KeyWatcher: alive, updates: make(chan jetstream.KeyValueEntry), buried: m.buried}
	m.last.Store(w)
	go func() {
		defer close(w.updates)
		for e := range alive.Updates() {
			if !w.dead.Load() {
				w.updates <- e
			}
		}
	}()
	return w, nil
}

func (w *mortalWatch) Updates() <-chan jetstream.KeyValueEntry { return w.updates }

func (w *mortalWatch) Stop() error {
	<-w.buried
	return w.KeyWatcher.Stop()
}

// watched connects gateways that join a group. The first one has watches that can
// die.
func watched(t *testing.T, heartbeat time.Duration, log *linesOf, names ...string) (*mortal, []*Membership) {
	t.Helper()
	s, err := embedded.Start(embedded.Config{Name: "n1", Listen: "127.0.0.1:0", Store: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	dies := &mortal{buried: make(chan struct{})}
	var groups []*Membership
	for i, name := range names {
		o := nats.GetDefaultOptions()
		o.Servers = []string{s.ClientURL()}
		config := Config{Cluster: "test", Gateway: name, NATS: o, Seed: []byte("0123456789abcdef"),
			Heartbeat: heartbeat, Replicas: 1}
		if i == 0 {
			config.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		}
		c, err := Connect(t.Context(), config)
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close(context.Background()) })
		if i == 0 {
			dies.KeyValue = c.bucket.kv
			c.bucket.kv = dies
		}
		m, _, err := Join(t.Context(), c, selector.NewDomain(), GroupConfig[string]{Name: "web"})
		require.NoError(t, err)
		groups = append(groups, m)
	}
	t.Cleanup(func() { close(dies.buried) })
	return dies, groups
}

// weigh returns a change that gives a member this weight.
func weigh(weight uint32) func(*State) error {
	return func(s *State) error { s.Put(Member{ID: "a", Weight: weight}); return nil }
}

// A gateway whose watch is dead reads on as soon as another one runs more for a
// heartbeat, long before it asks by itself; and it waits for no answer to the
// end of the dead one.
func TestDeadWatch(t *testing.T) {
	t.Parallel()
	var log linesOf
	dies, m := watched(t, 200*time.Millisecond, &log, "g1", "g2")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for weight := uint32(1); !log.has("other gateways have read more"); weight++ { // it may ask before, if it is slow
		dies.last.Load().dead.Store(true)
		revision, err := m[1].Update(ctx, weigh(weight))
		require.NoError(t, err)
		require.NoError(t, m[0].Wait(ctx, revision), "it reads on")
	}
}

// A watch that lags is not made anew while something comes by it, or it just
// began: that would take it longer.
func TestLiveWatchGoesOn(t *testing.T) {
	t.Parallel()
	dies, m := watched(t, time.Minute, new(linesOf), "g1")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	was := dies.last.Load()
	for weight := range uint32(3) {
		m[0].lag()
		for len(m[0].behind) > 0 {
			require.NoError(t, ctx.Err())
			time.Sleep(time.Millisecond)
		}
		_, err := m[0].Update(ctx, weigh(1+weight))
		require.NoError(t, err)
		require.Same(t, was, dies.last.Load())
	}
}

// A gateway that reads what others do has no reason to read it anew, however far
// it lags.
func TestBehind(t *testing.T) {
	now := time.Unix(1000, 0)
	p, config := hearer()
	c := &Conn{config: config, keys: p.keys, peers: *p}
	q := newPeer("g2")
	q.proven, q.Heard, q.Groups = true, now, map[string]Report{"web": {Version: 7}}
	c.peers.known["g2"] = q
	require.False(t, c.behind("web", 6, now), "it came this moment")
	q.ahead["web"] = now.Add(-config.Heartbeat)
	require.True(t, c.behind("web", 6, now))
	require.False(t, c.behind("web", 7, now), "it was read, and is not in force")
	require.False(t, c.behind("web", 6, now.Add(-1)))
	require.False(t, c.behind("dns", 6, now))
	q.Refused = &RefusedError{Gateway: "g2", Field: FieldProof}
	require.False(t, c.behind("web", 6, now), "anybody may say so")
}

// linesOf is what a logger said.
type linesOf struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *linesOf) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *linesOf) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}
