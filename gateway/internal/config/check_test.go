package config_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/host"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
)

// through returns a configuration whose members are asked by their service, the
// line of the first of which is the third.
func through(vips, members string) (*config.Config, error) {
	return config.Parse("gateway.json", fmt.Appendf(nil, `{"in": "lc", "control": "unix:/run/x", "kernel": true,
"check": {"by": "tcp", "to": "vip", "port": 80}, "vip": [%s], "members": [
%s]}`, vips, members), planes.All())
}

// A member is asked by the first address of its service that is of the version
// of its own.
func TestCheckThroughVIP(t *testing.T) {
	c, err := through(`"fd16::/120", "172.16.0.20", "172.16.1.0/24"`, `{"id": "a", "dev": "lp1", "addr": "10.9.1.2"},
{"id": "b", "dev": "lp1", "addr": "fd09::2"}`)
	require.NoError(t, err)
	s := &c.Services[0]
	for i, want := range []string{"172.16.0.20", "fd16::"} {
		addr, err := s.Asked(s.Members[i])
		require.NoError(t, err)
		assert.Equal(t, netip.MustParseAddr(want), addr)
	}
	s.Check = nil
	addr, err := s.Asked(s.Members[0])
	require.NoError(t, err)
	assert.Equal(t, s.Members[0].Addr, addr)
}

// Who can't be asked that way is refused.
func TestCheckThroughVIPRefused(t *testing.T) {
	var many []string
	for i := range host.MostHops + 1 {
		many = append(many, fmt.Sprintf(`{"id": "m%d", "dev": "lp1", "addr": "10.9.%d.%d"}`, i, i/256, i%256))
	}
	for _, c := range []struct {
		vips, members string
		line          int
		want          string
	}{
		{`"172.16.0.20"`, `{"id": "a", "dev": "lp1", "addr": "fd09::2"}`, 3,
			`member "a" has the address fd09::2, and the service no "vip" of that version of IP to check it by`},
		{`"172.16.0.20"`, `{"id": "a", "dev": "lp1", "addr": "10.9.1.2", "tunnel": {"local": "10.9.1.1"}}`, 3,
			`member "a" has a tunnel, and a check to "vip" goes by the link alone`},
		{`"172.16.0.20"`, strings.Join(many, ",\n"), 3 + host.MostHops,
			`member "m256": checks to "vip" are for at most 256 members`},
	} {
		_, err := through(c.vips, c.members)
		e := &config.Error{}
		require.ErrorAs(t, err, &e)
		assert.Equal(t, c.want, e.Reason)
		assert.Equal(t, c.line, e.Line)
	}
	_, err := through(`"172.16.0.20"`, strings.Join(many[1:], ",\n"))
	assert.NoError(t, err)
}
