package bgp_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// loses: a next hop whose session or link is lost is down, and comes back.
// Placement does not change, and no flow of another moves. A gateway that is
// restarted meanwhile serves what the other routers announce.
func (b *learnBed) loses(t *testing.T) {
	t.Helper()
	prefixes := []int{6, 7} // of both families
	equal := map[int]uint32{1: 1, 2: 1, 3: 1, 4: 1}
	for _, prefix := range prefixes {
		b.has(t, prefix, equal)
	}
	version := b.service(t, prefixes[0]).Version
	var flows []*learnedFlow
	defer func() { closeFlows(flows) }()
	for len(flows) < 20 {
		f, err := b.open(prefixes[len(flows)%2])
		require.NoError(t, err)
		if f.hop == 2 || f.hop == 4 {
			closeFlows([]*learnedFlow{f})
			continue
		}
		flows = append(flows, f)
	}

	b.last.ask(t, "disable", "upstream")
	for _, prefix := range prefixes {
		b.down(t, prefix, 4, "the session with its router 10.9.4.2 ended")
	}
	b.last.ask(t, "enable", "upstream")
	for _, prefix := range prefixes {
		b.has(t, prefix, equal)
	}

	require.NoError(t, b.gateway.ns.IP("link set lp2 down\n"))
	for _, prefix := range prefixes {
		b.down(t, prefix, 2, "")
	}
	require.NoError(t, b.gateway.ns.IP("link set lp2 up\naddr add fd09:2::1/64 dev lp2 nodad\n"))
	for _, prefix := range prefixes {
		b.has(t, prefix, equal)
	}
	assert.Equal(t, version, b.service(t, prefixes[0]).Version)
	for _, f := range flows {
		before := f.answers.Load()
		wait(t, "an answer", func() bool { return f.answers.Load() > before || f.ended.Load() })
		assert.False(t, f.ended.Load(), "a flow to next hop %d", f.hop)
	}

	b.last.ask(t, "disable", "upstream")
	b.down(t, prefixes[0], 4, "the session with its router 10.9.4.2 ended")
	b.gateway.end(syscall.SIGTERM)
	data, err := os.ReadFile(b.gateway.file)
	require.NoError(t, err)
	data = bytes.Replace(data, []byte(`"wait":"1m"`), []byte(`"wait":"1s"`), 1)
	require.NoError(t, os.WriteFile(b.gateway.file, data, 0o600))
	b.gateway.begin(t)
	b.answers(t)
	for _, prefix := range prefixes {
		b.has(t, prefix, map[int]uint32{1: 1, 2: 1, 3: 1})
	}
	b.gateway.end(syscall.SIGTERM)
	assert.Regexp(t, `lacks=.*10\.9\.4\.2\]"? waited=1s`, b.gateway.output.String())
}

// service returns what the gateway has for a prefix.
func (b *learnBed) service(t *testing.T, prefix int) services.ServiceStats {
	t.Helper()
	list := b.gateway.stats(t).Services
	i := slices.IndexFunc(list, func(s services.ServiceStats) bool { return s.Prefixes[0] == learnedPrefix(prefix) })
	require.GreaterOrEqual(t, i, 0, "it is served")
	return list[i]
}

// down waits until a next hop of a prefix is down, for a reason that is given or
// for any, while the others are up.
func (b *learnBed) down(t *testing.T, prefix, hop int, reason string) {
	t.Helper()
	wait(t, fmt.Sprint("next hop ", hop, " is down"), func() bool {
		members := b.service(t, prefix).Members
		require.Len(t, members, learnedHops)
		up := 0
		for _, m := range members {
			if m.State == services.Up {
				up++
			} else if m.Addr != hopAddr(hop, prefix) || reason != "" && m.Reason != reason {
				return false
			}
		}
		return up == learnedHops-1
	})
}
