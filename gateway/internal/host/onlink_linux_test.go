package host_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/host"
)

// An address is on the link that the kernel would send by to it, not on one that
// has a network with it.
func TestOnLink(t *testing.T) {
	n := newRouter(t, "onlink")
	require.NoError(t, n.IP("route add 10.9.0.66/32 dev lp1\nroute add 10.9.0.77/32 via 10.9.1.9\n"+
		"route add blackhole 10.9.0.88/32\n"))
	want := map[netip.Addr]string{}
	var all []netip.Addr
	for text, dev := range map[string]string{
		"10.9.0.2": "lc", "10.9.1.2": "lp1", "fd09::7": "lc", "10.9.0.66": "lp1", "10.9.0.77": "", "10.9.0.88": "",
		"10.9.0.1": "", "192.0.2.1": "", "127.0.0.9": "", "fe80::1": "",
	} {
		a := netip.MustParseAddr(text)
		if all = append(all, a, a); dev != "" {
			want[a] = dev
		}
	}
	var got map[netip.Addr]string
	require.NoError(t, n.Do(func() (err error) { got, err = host.OnLink(all); return err }))
	assert.Equal(t, want, got)
}
