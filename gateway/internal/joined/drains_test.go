package joined_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/joined"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/internal/cut"
)

// A clock is that of one gateway.
type clock struct{ seconds atomic.Int64 }

func (c *clock) now() time.Time { return at(c.seconds.Load()) }

// A timed is a gateway with a clock of its own, which begins at second 1000.
type timed struct {
	*gateway
	clock *clock
}

func startTimed(t *testing.T, name, url string) timed {
	t.Helper()
	c := new(clock)
	c.seconds.Store(1000)
	return startAt(t, name, url, c)
}

func startAt(t *testing.T, name, url string, c *clock) timed {
	t.Helper()
	g := start(t, settings(name, url), func(o *joined.Options) { o.Services.Now = c.now }, pods(1, 2, 3)...)
	g.joins(t)
	return timed{g, c}
}

// drainedThree starts three gateways whose drain ends at second 1060.
func drainedThree(t *testing.T) []timed {
	t.Helper()
	url := free(t)
	serve(t, url, t.TempDir())
	all := startThree(t, url)
	drainUntil(t, services.Until{Deadline: at(1060)}, all...)
	return all
}

// startThree starts three gateways of a cluster, which know of each other.
func startThree(t *testing.T, url string) (all []timed) {
	t.Helper()
	for i := range 3 {
		all = append(all, startTimed(t, fmt.Sprintf("gw%d", i+1), url))
	}
	return all
}

// drain is what the gateway knows of the drain of pod1; nil: there is none.
func (g timed) drain() *services.Drain { return g.Stats().Services[0].Members[0].Drain }

// released is which flows of pod1 the data plane was told to send elsewhere.
func (g timed) released() plane.Released {
	g.drain() // waits for who tells it
	return g.plane.Released[web+"/pod1"]
}

func (g timed) ended() bool { d := g.drain(); return d != nil && !d.Ended.IsZero() }

// ends counts what the history says of ends.
func (g timed) ends() (n int) {
	for _, c := range g.Stats().Changes {
		if strings.HasPrefix(c.What, "the drain of pod1 ended") {
			n++
		}
	}
	return n
}

// at is a time by the clocks.
func at(second int64) time.Time { return time.Unix(second, 0).UTC() }

// drainUntil drains pod1 by the first gateway, and waits for all others.
func drainUntil(t *testing.T, end services.Until, all ...timed) {
	t.Helper()
	require.NoError(t, all[0].By("ann").DrainUntil(web, "pod1", end))
	for _, g := range all {
		eventually(t, "the drain", func() bool { d := g.drain(); return d != nil && d.Until == end })
	}
}

// The end of a drain is one entry of the log, which the gateway writes whose
// clock comes to it first; what the clocks of the others say does not matter.
// A gateway that comes later knows all of it.
func TestDrainEndsAtAllGateways(t *testing.T) {
	t.Parallel()
	url := free(t)
	serve(t, url, t.TempDir())
	all := startThree(t, url)
	drainUntil(t, services.Until{Deadline: at(1060), UDP: at(1010)}, all...)
	for _, g := range all {
		assert.Equal(t, "ann", g.drain().By)
		assert.Equal(t, at(1000), g.drain().At)
		assert.Equal(t, plane.Kept, g.released())
	}
	version := all[0].view(t).Version()
	all[1].clock.seconds.Store(1010)
	require.NoError(t, all[1].EndOverdue())
	for _, g := range all {
		eventually(t, "the end for UDP", func() bool { return g.drain().UDPEnded.Equal(at(1010)) })
		assert.Equal(t, plane.Connectionless, g.released())
	}
	all[2].clock.seconds.Store(1061)
	require.NoError(t, all[2].EndOverdue())
	all = append(all, startTimed(t, "gw4", url))
	for _, g := range all {
		eventually(t, "the end", g.ended)
		assert.Equal(t, at(1061), g.drain().Ended)
		assert.Equal(t, plane.Everything, g.released())
		assert.Equal(t, version+2, g.view(t).Version())
	}
	require.NoError(t, all[0].By("bob").DrainUntil(web, "pod1", services.Until{Deadline: at(2000)}))
	for _, g := range all {
		eventually(t, "the other end", func() bool { return !g.ended() })
		assert.Equal(t, plane.Kept, g.released())
		assert.Equal(t, at(1000), g.drain().At, "it is the drain that it was")
		assert.Equal(t, "bob", g.drain().EndBy)
	}
}

// Gateways that come to the deadline at one moment write one end, and each tells
// it once.
func TestOneEndOfADrain(t *testing.T) {
	t.Parallel()
	all := drainedThree(t)
	version := all[0].view(t).Version()
	var ending sync.WaitGroup
	for i, g := range all {
		g.clock.seconds.Store(1060 + int64(i))
		ending.Go(func() { assert.NoError(t, g.EndOverdue()) })
	}
	ending.Wait()
	for _, g := range all {
		eventually(t, "the end", g.ended)
		require.NoError(t, g.EndOverdue())
	}
	for _, g := range all {
		assert.Equal(t, all[0].drain().Ended, g.drain().Ended)
		assert.Equal(t, version+1, g.view(t).Version())
		assert.Equal(t, 1, g.ends())
	}
}

// A drain ends without the gateway that made it.
func TestDrainOutlivesItsMaker(t *testing.T) {
	t.Parallel()
	all := drainedThree(t)
	all[0].stop()
	all[2].clock.seconds.Store(1060)
	for _, g := range all[1:] {
		eventually(t, "the end", g.ended)
		assert.Equal(t, plane.Everything, g.released())
	}
}

// A gateway that is cut off keeps the flows, whatever its clock says, until it
// catches up with what the others did.
func TestDrainAtAGatewayThatIsCutOff(t *testing.T) {
	t.Parallel()
	url := free(t)
	serve(t, url, t.TempDir())
	way := cut.New(t, url)
	one, two := startTimed(t, "gw1", way.Addr), startTimed(t, "gw2", url)
	drainUntil(t, services.Until{Deadline: at(1060)}, one, two)
	way.Cut(true)
	eventually(t, "it notices", func() bool { since, _ := one.cluster.Cut(); return !since.IsZero() })
	one.clock.seconds.Store(1070)
	require.ErrorIs(t, one.EndOverdue(), services.ErrNoCluster)
	require.NoError(t, one.Step())
	assert.Equal(t, plane.Kept, one.released())
	assert.False(t, two.ended())
	two.clock.seconds.Store(1065)
	require.NoError(t, two.EndOverdue())
	assert.True(t, two.ended())
	assert.Equal(t, plane.Kept, one.released(), "it can't know")
	way.Cut(false)
	eventually(t, "the end", one.ended)
	assert.Equal(t, at(1065), one.drain().Ended, "that of the other one")
	assert.Equal(t, plane.Everything, one.released())
}

// A deadline that passed while nothing ran is come to by the gateway that starts
// first.
func TestDrainEndsAfterAllWereDown(t *testing.T) {
	t.Parallel()
	url, store := free(t), t.TempDir()
	n := serve(t, url, store)
	all := startThree(t, url)
	drainUntil(t, services.Until{Deadline: at(1060)}, all...)
	for _, g := range all {
		g.stop()
	}
	halt(n)
	serve(t, url, store)
	late := new(clock)
	late.seconds.Store(5000)
	g := startAt(t, "gw2", url, late)
	eventually(t, "the end", g.ended)
	assert.Equal(t, plane.Everything, g.released())
	assert.Equal(t, "ann", g.drain().By)
}

// Who takes flows again before the deadline loses none, and an older deadline
// does not end a newer drain.
func TestDrainThatIsUndoneDoesNotEnd(t *testing.T) {
	t.Parallel()
	all := drainedThree(t)
	_, _, err := all[1].Edit(web, "pod1", func(m *config.Member, before uint32) (config.Member, error) {
		m.Weight = before
		return *m, nil
	})
	require.NoError(t, err)
	for _, g := range all {
		eventually(t, "it takes flows", func() bool { return g.drain() == nil })
		g.clock.seconds.Store(1100)
	}
	endsNothing(t, all...)
	drainUntil(t, services.Until{}, all...)
	endsNothing(t, all...)
}

// endsNothing looks for drains whose time has come, and wants none.
func endsNothing(t *testing.T, all ...timed) {
	t.Helper()
	version := all[0].view(t).Version()
	for _, g := range all {
		require.NoError(t, g.EndOverdue())
		assert.Equal(t, plane.Kept, g.released())
		assert.Equal(t, version, g.view(t).Version())
	}
}
