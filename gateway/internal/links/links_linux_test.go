package links_test

import (
	"context"
	"net/netip"
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

func TestHost(t *testing.T) {
	n := newNamespace(t)
	require.NoError(t, n.IP("neigh add 10.9.1.2 lladdr 02:00:00:01:01:02 dev va nud permanent\n"+
		"neigh add 2001:db8::2 lladdr 02:00:00:01:01:06 dev va nud permanent\n"+
		"neigh add 10.9.1.3 dev va nud failed\n"+
		"neigh add 10.9.1.4 lladdr 02:00:00:01:01:04 dev vb nud permanent\n"))
	require.NoError(t, n.Do(func() error {
		var h links.Host
		mac, err := h.Address("va")
		require.NoError(t, err)
		assert.Equal(t, engine.MAC{2, 0, 0, 0, 0, 0xa}, mac)
		_, err = h.Address("vc")
		require.EqualError(t, err, "no such interface")
		_, err = h.Address("lo")
		require.Error(t, err)
		for addr, want := range map[string]engine.MAC{"10.9.1.2": {2, 0, 0, 1, 1, 2}, "2001:db8::2": {2, 0, 0, 1, 1,
			6}} {
			mac, err = h.Neighbour("va", netip.MustParseAddr(addr))
			require.NoError(t, err)
			assert.Equal(t, want, mac)
		}
		for _, addr := range []string{"10.9.1.3", "10.9.1.4", "10.9.1.5"} {
			_, err = h.Neighbour("va", netip.MustParseAddr(addr))
			require.EqualError(t, err, "the kernel knows no neighbour "+addr+" on va")
		}
		_, err = h.Neighbour("vc", netip.MustParseAddr("10.9.1.2"))
		require.EqualError(t, err, "no such interface")
		return nil
	}))
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
			return links.Watch(ctx, func(l links.Link) {
				mu.Lock()
				defer mu.Unlock()
				now[l.Name] = l
			})
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
