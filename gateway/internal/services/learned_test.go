package services_test

import (
	"context"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/links"
)

// What routers announce is served beside the configuration, outlives its
// reload, and is not announced to routers again.
func TestLearned(t *testing.T) {
	f := newRegistry(t)
	require.NoError(t, f.SetLink(links.Link{Name: "lc", Index: 9, Carrier: true}))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- f.Run(ctx) }()
	defer func() {
		stop()
		require.NoError(t, <-ended)
	}()
	for f.Health() != nil {
		require.NoError(t, t.Context().Err())
	}
	learned := service(t, "bgp-a", other, "bounded", pods(2, 3))
	learned.Learned = true
	require.NoError(t, f.SetLearned([]config.Service{learned}))
	assert.Equal(t, map[string]uint32{"pod2": 1, "pod3": 1}, f.weights("bgp-a"))

	own := []netip.Prefix{netip.PrefixFrom(vip, 32)}
	prefixes, others := f.Forwarding()
	assert.Equal(t, own, prefixes)
	assert.Zero(t, others)

	configured := []config.Service{service(t, config.Default, vip, "maglev", pods(1))}
	require.NoError(t, f.Replace(configured, "second"))
	members, err := f.Members("bgp-a")
	require.NoError(t, err)
	assert.Len(t, members, 2)

	configured = append(configured, service(t, "ours", other, "maglev", pods(1)))
	require.NoError(t, f.Replace(configured, "third"))
	_, err = f.Members("bgp-a")
	require.Error(t, err, "the configuration wins")

	require.NoError(t, f.Replace(configured[:1], "fourth"))
	_, err = f.Members("bgp-a")
	require.NoError(t, err)
	require.NoError(t, f.SetLearned(nil))
	_, err = f.Members("bgp-a")
	require.Error(t, err)
}
