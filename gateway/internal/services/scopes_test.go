package services_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// Services of one scope that don't have the same members, or place otherwise, are
// named, also after a change of one of them over HTTP; those by whose key no two
// services have one flow are not.
func TestMismatches(t *testing.T) {
	f := newRegistry(t)
	a := service(t, "a", vip, "maglev", pods(1, 2, 3))
	b := service(t, "b", netip.MustParseAddr("10.7.0.1"), "maglev", pods(3, 2, 1))
	a.Scope, b.Scope, a.Key, b.Key = "sip", "sip", placement.Client, placement.Client
	alone := service(t, "c", netip.MustParseAddr("10.7.0.2"), "maglev", pods(3))
	alone.Key = placement.Client
	require.NoError(t, f.Replace([]config.Service{a, b, alone}, ""))
	assert.Empty(t, f.Mismatches())
	require.NoError(t, f.Drain("b", "pod2"))
	assert.Empty(t, f.Mismatches(), "a drained member has flows")
	require.NoError(t, f.Delete("b", "pod2"))
	assert.Equal(t, []services.Mismatch{{"sip", `services "a" and "b" share flows, but not the members pod2: ` +
		`a client of such a member changes it with each packet of the other service`, true}}, f.Mismatches())

	other := service(t, "b", b.Prefixes[0].Addr(), "rendezvous", pods(1, 2, 3))
	other.Scope, other.Key = "sip", placement.Client
	require.NoError(t, f.Replace([]config.Service{a, other, alone}, ""))
	list := f.Mismatches()
	require.Len(t, list, 1)
	assert.Equal(t, "sip", list[0].Scope)
	assert.Contains(t, list[0].Says, "a client without pin meets different members")
	assert.False(t, list[0].Wrong)

	a.Key, other.Key, other.Members = placement.FiveTuple, placement.FiveTuple, pods(3)
	require.NoError(t, f.Replace([]config.Service{a, other, alone}, ""))
	assert.Empty(t, f.Mismatches())
}
