package links_test

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/gateway/internal/links"
)

func newNamespace(t *testing.T) *netns.Namespace {
	t.Helper()
	if err := netns.Available(); err != nil {
		t.Skip(err)
	}
	t.Log("needs privileges, and has them") // for .ci/run
	n, err := netns.New("links")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	require.NoError(t, n.IP(pair("0a")))
	return n
}

// pair makes the links va, whose MAC address ends so, and vb.
func pair(mac string) string {
	return "link add va address 02:00:00:00:00:" + mac + " type veth peer name vb\nlink set va up\nlink set vb up\n"
}

// A neighbour's states are told as they come, those that were before as well.
func TestWatchNeighbours(t *testing.T) {
	n := newNamespace(t)
	require.NoError(t, n.IP("addr add 10.9.1.1/24 dev va\naddr add 2001:db8::1/64 dev va nodad\n"+
		"neigh add 10.9.1.2 lladdr 02:00:00:01:01:02 dev va nud permanent\n"+
		"neigh add 2001:db8::2 lladdr 02:00:00:01:01:06 dev va nud permanent\n"+
		"neigh add 10.9.1.4 lladdr 02:00:00:01:01:04 dev vb nud permanent\n"))
	var mu sync.Mutex
	now := make(map[links.Neighbour]bool)
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() {
		assert.NoError(t, n.Do(func() error {
			links.WatchNeighbours(ctx, time.Second, func(n links.Neighbour) {
				mu.Lock()
				defer mu.Unlock()
				for o := range now {
					if o.Addr == n.Addr && o.Index == n.Index {
						delete(now, o)
					}
				}
				now[n] = true
			}, func(err error) { assert.NoError(t, err) })
			return nil
		}))
	})
	var va, vb int
	require.NoError(t, n.Do(func() error {
		return links.List(func(l links.Link) {
			switch l.Name {
			case "va":
				va = l.Index
			case "vb":
				vb = l.Index
			}
		})
	}))
	waits := func(index int, addr string, mac engine.MAC) {
		t.Helper()
		require.Eventually(t, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return now[links.Neighbour{Index: index, Addr: netip.MustParseAddr(addr), MAC: mac}]
		}, time.Minute, time.Millisecond)
	}
	waits(va, "10.9.1.2", engine.MAC{2, 0, 0, 1, 1, 2})
	waits(va, "2001:db8::2", engine.MAC{2, 0, 0, 1, 1, 6})
	waits(vb, "10.9.1.4", engine.MAC{2, 0, 0, 1, 1, 4})
	require.NoError(t, n.IP("neigh replace 10.9.1.2 lladdr 02:00:00:01:01:0a dev va nud permanent\n"))
	waits(va, "10.9.1.2", engine.MAC{2, 0, 0, 1, 1, 0xa})
	require.NoError(t, n.IP("neigh del 10.9.1.4 dev vb\n"))
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		addr := netip.MustParseAddr("10.9.1.4")
		return now[links.Neighbour{Index: vb, Addr: addr}] || now[links.Neighbour{Index: vb, Addr: addr, Gone: true}]
	}, time.Minute, time.Millisecond)

	// The kernel resolves whom it is asked to keep, and says if nobody answers.
	for _, addr := range []string{"10.9.1.9", "2001:db8::9"} {
		require.NoError(t, n.Do(func() error { return links.KeepNeighbour(va, netip.MustParseAddr(addr)) }))
		waits(va, addr, engine.MAC{})
	}
	cancel()
	wait.Wait()
}

// Events that were lost are made up for, also that an interface is no more.
func TestWatchSweeps(t *testing.T) {
	n := newNamespace(t)
	var mu sync.Mutex
	now := make(map[string]links.Link)
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	blocked := make(chan struct{})
	listed := sync.OnceFunc(func() { <-blocked })
	wait.Go(func() {
		assert.NoError(t, n.Do(func() error {
			links.Watch(ctx, time.Minute, func(l links.Link) {
				mu.Lock()
				now[l.Name] = l
				mu.Unlock()
				if l.Name == "va" {
					listed()
				}
			}, func(err error) { assert.NoError(t, err) })
			return nil
		}))
	})
	has := func(until func(l links.Link) bool) {
		t.Helper()
		require.Eventually(t, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return until(now["va"])
		}, time.Minute, time.Millisecond)
	}
	has(func(l links.Link) bool { return l.Carrier })
	// While it is held up, more happens than the kernel keeps.
	var storm strings.Builder
	storm.WriteString("link del va\n")
	for range 200 {
		storm.WriteString("link add sa type veth peer name sb\nlink del sa\n")
	}
	require.NoError(t, n.IP(storm.String()))
	close(blocked)
	has(func(l links.Link) bool { return l.Index == 0 && !l.Carrier })
	cancel()
	wait.Wait()
}

// Each event ends in a state that is waited for; how many are told on the way
// is the kernel's affair.
func TestWatch(t *testing.T) {
	n := newNamespace(t)
	var mu sync.Mutex
	now := make(map[string]links.Link)
	state := func(name string) (l links.Link) {
		mu.Lock()
		defer mu.Unlock()
		return now[name]
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() {
		assert.NoError(t, n.Do(func() error {
			links.Watch(ctx, time.Minute, func(l links.Link) {
				mu.Lock()
				defer mu.Unlock()
				now[l.Name] = l
			}, func(err error) { assert.NoError(t, err) })
			return nil
		}))
	})
	waits := func(carrier bool) {
		t.Helper()
		require.Eventually(t, func() bool { return state("va").Carrier == carrier }, time.Minute, time.Millisecond)
	}
	waits(true)
	first := state("va")
	assert.Equal(t, engine.MAC{2, 0, 0, 0, 0, 0xa}, first.MAC)
	require.NoError(t, n.IP("link set vb down\n"))
	waits(false)
	require.NoError(t, n.IP("link set vb up\n"))
	waits(true)
	require.NoError(t, n.IP("link set va down\n"))
	waits(false)
	require.NoError(t, n.IP("link set va up\n"))
	waits(true)
	require.NoError(t, n.IP("link del va\n"))
	waits(false)
	require.NoError(t, n.IP(pair("0c")))
	waits(true)
	assert.NotEqual(t, first.Index, state("va").Index)
	assert.Equal(t, engine.MAC{2, 0, 0, 0, 0, 0xc}, state("va").MAC)
	cancel()
	wait.Wait()
}
