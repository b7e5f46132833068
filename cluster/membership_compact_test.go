package cluster_test

import (
	"fmt"
	"testing"

	"github.com/ecmp-go/ecmp/cluster"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// first returns the oldest revision that there is.
func first(t *testing.T, c *cluster.Conn) uint64 {
	t.Helper()
	js, err := jetstream.New(c.NATS())
	require.NoError(t, err)
	stream, err := js.Stream(soon(t), "KV_ecmp_test")
	require.NoError(t, err)
	return stream.CachedInfo().State.FirstSeq
}

func agree(t *testing.T, version uint64, all ...*cluster.Membership) {
	t.Helper()
	for _, m := range all {
		require.NoError(t, m.Wait(soon(t), version))
		require.NoError(t, m.Err())
		require.Equal(t, version, m.View().Version())
		require.Equal(t, all[0].View().Fingerprint(), m.View().Fingerprint())
	}
}

func TestLogIsShortened(t *testing.T) {
	t.Parallel()
	url := one(t, nil)
	way := wayTo(t, url)
	g1, _ := join(t, connect(t, config("g1", url)), selector.Modulo{})
	g2, _ := join(t, connect(t, config("g2", way.Addr)), nil)
	way.Cut(true)
	var version uint64
	var err error
	for i := range 600 {
		version, err = g1.Update(soon(t), put(fmt.Sprintf("m%d=%d", i%50, 1+i%7)))
		require.NoError(t, err)
	}
	eventually(t, "a shorter log", func() bool { return first(t, g1.Conn()) > 200 })
	g3, _ := join(t, connect(t, config("g3", url)), nil)
	agree(t, version, g1, g3)
	way.Cut(false)
	agree(t, version, g1, g2)
	state, revision := g2.State()
	require.Equal(t, version, revision)
	mine, _ := g1.State()
	require.Equal(t, mine, state)
}

// A gateway that comes back when the history of its strategy is gone begins the
// newer one, as everybody did.
func TestHistoryThatWasMissed(t *testing.T) {
	t.Parallel()
	url := one(t, nil)
	way := wayTo(t, url)
	g1, _ := join(t, connect(t, config("g1", url)), selector.Anchor{Capacity: 64})
	g2, _ := join(t, connect(t, config("g2", way.Addr)), nil)
	change := func(f func(*cluster.State) error) uint64 {
		version, err := g1.Update(soon(t), f)
		require.NoError(t, err)
		return version
	}
	strategy := func(s string) { change(func(state *cluster.State) error { state.Strategy = s; return nil }) }
	change(put("a b c d e"))
	agree(t, change(remove("b")), g1, g2)
	way.Cut(true)
	for _, s := range []string{"modulo", "anchor:capacity=64", "modulo", "anchor:capacity=64"} {
		for _, id := range []string{"d", "e", "a"} {
			change(remove(id))
			change(put(id))
		}
		strategy(s)
	}
	eventually(t, "a shorter log", func() bool { return first(t, g1.Conn()) > 10 })
	way.Cut(false)
	agree(t, change(put("b")), g1, g2)
	g3, _ := join(t, connect(t, config("g3", url)), nil)
	agree(t, change(remove("a")), g1, g2, g3)
}
