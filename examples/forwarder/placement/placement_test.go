package placement_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
)

func flow(proto uint8, src, dst string) hash.FlowKey {
	return hash.NewFlowKey(proto, netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst))
}

// Each key tells those flows apart that differ in what it takes, and no others.
// The directions of a conversation have one hash unless they are to differ.
func TestKeys(t *testing.T) {
	base := flow(hash.TCP, "10.0.0.1:1000", "10.9.9.9:443")
	for name, same := range map[string][4]bool{ // with another port, protocol, destination; the other direction
		"five-tuple":  {false, false, false, true},
		"three-tuple": {true, false, false, true},
		"addresses":   {true, true, false, true},
		"client":      {true, true, true, false},
		"inner":       {false, false, false, true}, "inner-addresses": {true, true, false, true},
		"inner-client": {true, true, true, false}, "teid": {},
	} {
		key, err := placement.ParseKey(name)
		require.NoError(t, err)
		assert.Equal(t, name, key.String())
		assert.Contains(t, placement.KeyNames(), name)
		for _, oneWay := range []bool{false, true} {
			p := placement.Placement{Seed: 5, Key: key, OneWay: oneWay}.Policy()
			for i, other := range []hash.FlowKey{
				flow(hash.TCP, "10.0.0.1:1001", "10.9.9.9:443"), flow(hash.UDP, "10.0.0.1:1000", "10.9.9.9:443"),
				flow(hash.TCP, "10.0.0.1:1000", "10.9.9.8:443"), base.Reverse(),
			} {
				want := same[i] && (i < 3 || !oneWay)
				assert.Equal(t, want, p.Hash(base) == p.Hash(other), "%s, one way %t, %v", name, oneWay, other)
			}
		}
	}
	_, err := placement.ParseKey("port")
	require.ErrorContains(t, err, `"port" is none of five-tuple, `)
	assert.Equal(t, "Key(99)", placement.Key(99).String())
}

func TestPorts(t *testing.T) {
	none, err := placement.ParsePorts("")
	require.NoError(t, err)
	assert.Equal(t, hash.TunnelPorts{}, none)
	_, err = placement.ParsePorts("vxlan=4789, geneve=6081,gtp-u=2152,mpls=6635,gre=4754")
	require.NoError(t, err)
	for list, want := range map[string]string{
		"vxlan": "a port is a number", "vxlan=0": "port 0", "wire=1": "the tunnels are",
		"vxlan=70000": "a port is a number", "vxlan=4789,gre=4789": `"gre=4789": the port is given twice`,
	} {
		_, err := placement.ParsePorts(list)
		require.ErrorContains(t, err, want, list)
	}
	_, err = placement.ParsePorts("vxlan=1,vxlan=3,mpls=2")
	require.NoError(t, err)
}

func TestConfig(t *testing.T) {
	c, err := placement.Placement{Seed: 3}.Config(flowcache.FragmentsConfig{})
	require.NoError(t, err)
	assert.True(t, c.Hold)
	assert.NotNil(t, c.Fragments)
	_, err = placement.Placement{}.Config(flowcache.FragmentsConfig{Hold: -1})
	require.Error(t, err)
}
