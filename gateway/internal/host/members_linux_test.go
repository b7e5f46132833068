package host_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/host"
)

// What it takes to find the router of one more member does not depend on how many
// interfaces there are: they are listed once, and not for each member.
func TestRoutersListsInterfacesOnce(t *testing.T) {
	const interfaces, members = 100, 16
	n := newRouter(t, "many-routers")
	require.NoError(t, n.IP("route add 192.0.2.0/24 via 10.9.1.254\n"))
	list := make([]host.Member, members)
	for i := range list {
		list[i] = host.Member{ID: fmt.Sprint("far", i), Dev: "lp1", Outer: 20,
			Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)})}
	}
	// allocations for each member beyond the first, which tell what was read
	each := func() (perMember float64) {
		require.NoError(t, n.Do(func() error {
			of := func(list []host.Member) float64 {
				return testing.AllocsPerRun(3, func() {
					routers, err := host.Routers(list)
					assert.NoError(t, err)
					assert.Len(t, routers, len(list))
				})
			}
			perMember = (of(list) - of(list[:1])) / (members - 1)
			return nil
		}))
		return perMember
	}
	few := each()
	var more strings.Builder
	for i := range interfaces / 2 {
		fmt.Fprintf(&more, "link add more%d type veth peer name peer%[1]d\n", i)
	}
	require.NoError(t, n.IP(more.String()))
	many := each()
	t.Logf("%.0f allocations for each member, %.0f with %d interfaces more", few, many, interfaces)
	assert.Less(t, many-few, interfaces/4.)
}
