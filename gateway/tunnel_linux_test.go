package main

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/decap"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// Members beyond the link are reached by the routers that the kernel's routes
// lead to: both families come to them, on every data plane. Where a route comes
// to lead to a router that isn't there, its member is down, until it is mended.
func TestTunnelsFollowRoutes(t *testing.T) {
	for _, k := range planes.All() {
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			r := newReadme(t, k, k.Name+"way")
			config := strings.Replace(block(t, "json"), `"io": "afpacket"`, fmt.Sprintf(`"io": %q`, k.Name), 1)
			for i, pod := range r.bed.Pods {
				link, beyond := fmt.Sprintf("10.9.%d", i+1), fmt.Sprintf("192.0.2.%d", i+1)
				require.NoError(t, r.bed.Router.IP(fmt.Sprintf("route add %s/32 via %s.2\n", beyond, link)))
				var end io.Closer
				require.NoError(t, pod.Do(func() (err error) {
					end, err = decap.Attach("eth0", netip.MustParseAddr(beyond))
					return err
				}))
				t.Cleanup(func() { require.NoError(t, end.Close()) })
				was := fmt.Sprintf(`"addr": "%s.2"`, link)
				require.Contains(t, config, was)
				config = strings.Replace(config, was,
					fmt.Sprintf(`"addr": %q, "tunnel": {"local": "%s.1"}`, beyond, link), 1)
			}
			for _, n := range []string{"172.16.0.0/16 via 10.9.0.1", "2001:db8:ac10::/48 via 2001:db8:9::1"} {
				require.NoError(t, r.bed.Client.IP("route replace "+n+"\n"))
			}
			require.NoError(t, os.WriteFile(filepath.Join(r.dir, "gateway.json"), []byte(config), 0o600))
			r.run(block(t, "sh gateway"))
			r.waits("pod1", services.Up, "")
			r.waits("pod2", services.Up, "")
			for _, vip := range []string{"172.16.0.20", "10.9.0.20", "2001:db8:ac10::20", "2001:db8:9::20"} {
				assert.Zero(t, r.connects(vip, times(t, 10)), vip)
			}

			require.NoError(t, r.bed.Router.IP("route replace 192.0.2.1/32 via 10.9.1.77\n"))
			r.waits("pod1", services.Down, "no neighbour 10.9.1.77 on lp1")
			assert.Zero(t, r.connects("172.16.0.20", times(t, 10)), "the other takes them")
			require.NoError(t, r.bed.Router.IP("route replace 192.0.2.1/32 via 10.9.1.2\n"))
			r.waits("pod1", services.Up, "")
		})
	}
}

// waits waits until a member is in a state, for this reason.
func (r *readme) waits(id string, state services.State, reason string) {
	r.Helper()
	require.Eventually(r, func() bool {
		s, err := r.stats()
		if err != nil || len(s.Services) == 0 {
			return false
		}
		for _, m := range s.Services[0].Members {
			if m.ID == id {
				return m.State == state && m.Reason == reason
			}
		}
		return false
	}, time.Minute, 20*time.Millisecond, id)
}
