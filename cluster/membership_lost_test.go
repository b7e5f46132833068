package cluster_test

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ecmp-go/ecmp/cluster"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// A journal is what a logger said.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

// has reports whether one line has all of these words.
func (j *journal) has(words ...string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range strings.Lines(j.text.String()) {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			return true
		}
	}
	return false
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// TestLostLogIsTold removes the log of a group that a gateway runs, and has
// another gateway begin a new one.
func TestLostLogIsTold(t *testing.T) {
	t.Parallel()
	url := one(t, nil)
	var said journal
	c := config("g1", url)
	c.Logger = said.logger()
	m, g := join(t, connect(t, c), selector.Bounded{Slots: 1024})
	for _, member := range []string{"a=1", "b=1", "c=1"} {
		_, err := m.Update(soon(t), put(member))
		require.NoError(t, err)
	}
	view := g.Load().View()
	js, err := jetstream.New(m.Conn().NATS())
	require.NoError(t, err)
	require.NoError(t, js.DeleteStream(soon(t), "KV_ecmp_test"))
	lost := func(what string) {
		t.Helper()
		eventually(t, what, func() bool { return m.Err() != nil && strings.Contains(m.Err().Error(), what) })
		require.ErrorIs(t, m.Err(), cluster.ErrLogLost)
		require.Same(t, view, g.Load().View())
	}
	lost("there is no bucket")
	eventually(t, "a line of the log", func() bool {
		return said.has("level=ERROR", "group=web", "no bucket ecmp_test")
	})
	eventually(t, "a difference", func() bool {
		return slices.ContainsFunc(m.Conn().Divergence(), func(d cluster.Difference) bool {
			return d.Gateway == "g1" && d.Field == cluster.FieldFailed && strings.Contains(d.Here, "lost")
		})
	})
	other, _ := join(t, connect(t, config("g2", url)), nil)
	lost("its newest revision is 1, and")
	eventually(t, "what others hear", func() bool {
		p, ok := other.Conn().Peer("g1")
		return ok && strings.Contains(p.Groups["web"].Failed, "lost")
	})
	for range 5 { // its revisions reach what was read, and are others
		_, err := other.Update(soon(t), put("x=1"))
		require.NoError(t, err)
		_, err = other.Update(soon(t), remove("x"))
		require.NoError(t, err)
	}
	lost("revision 4 is not what was applied here")
	require.False(t, said.has("the log is back"))
}
