package hash_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/golden/packet"
	"github.com/ecmp-go/ecmp/internal/racecheck"
)

func portsOf(t *testing.T, ports map[uint16]hash.Layer) hash.TunnelPorts {
	t.Helper()
	p, err := hash.NewTunnelPorts(ports)
	require.NoError(t, err)
	return p
}

// Each set of ports opens these tunnels and no others, in Parse and in a
// Reader, and as the model does.
func TestTunnelPorts(t *testing.T) {
	racecheck.OneGoroutine(t)
	custom := hash.DefaultTunnelPorts()
	delete(custom, 4789)
	custom[1], custom[53], custom[65535] = hash.LayerVXLAN, hash.LayerGeneve, hash.LayerGRE
	for name, ports := range map[string]map[uint16]hash.Layer{
		"default": hash.DefaultTunnelPorts(), "none": {}, "custom": custom,
	} {
		model := packet.Ports{}
		for port, layer := range ports {
			model[port] = layer.String()
		}
		parser := hash.Parser{Ports: portsOf(t, ports)}
		reader := hash.Policy{Extractor: hash.Inner(hash.FiveTuple), Ports: parser.Ports}.Reader()
		tunnels := 0
		for port := range 1 << 16 {
			for _, b := range [][]byte{
				ip4(hash.UDP, udpTo(uint16(port), vxlan(ether4(other4())))),
				ip4(hash.TCP, patch(tcp(0), 2, byte(port>>8), byte(port))),
			} {
				var h hash.Headers
				require.NoError(t, parser.ParseIP(b, &h))
				want, err := model.FromIP(b)
				require.NoError(t, err)
				if got := headers(want); got != exported(h) {
					require.Equal(t, got, exported(h), "%s, port %d", name, port)
				}
				var flows [1]hash.Flow
				reader.ReadIP(flows[:], [][]byte{b})
				require.Equal(t, model.Read(b, false, true), reading(flows[0]), "%s, port %d", name, port)
				if h.Tunnels > 0 {
					require.Equal(t, hash.LayerVXLAN, ports[uint16(port)])
					tunnels++
				}
			}
		}
		vxlans := 0
		for _, layer := range ports {
			if layer == hash.LayerVXLAN {
				vxlans++
			}
		}
		assert.Equal(t, vxlans, tunnels, name)
	}
}

func TestTunnelPortsZeroValue(t *testing.T) {
	var zero hash.Parser
	listed := hash.Parser{Ports: portsOf(t, hash.DefaultTunnelPorts())}
	for _, f := range frames() {
		var a, b, c hash.Headers
		errA, errB, errC := hash.Parse(f.bytes, &a), zero.Parse(f.bytes, &b), listed.Parse(f.bytes, &c)
		require.Equal(t, errA, errB)
		require.Equal(t, errA, errC)
		require.Equal(t, a, b)
		require.Equal(t, a, c)
	}
	ports := hash.DefaultTunnelPorts()
	clear(ports)
	assert.Len(t, hash.DefaultTunnelPorts(), 6, "the map is the caller's")
}

// Any 32 ports have room, however they are spread.
func TestTunnelPortsHaveRoom(t *testing.T) {
	r := rand.New(rand.NewPCG(51, 52))
	sets := [][]uint16{{}}
	for step := range uint16(600) {
		var set []uint16
		for i := range uint16(32) {
			set = append(set, 1+i*(step+1))
		}
		sets = append(sets, set)
	}
	for range 300 {
		var set []uint16
		for range 32 {
			set = append(set, uint16(r.Uint32()))
		}
		sets = append(sets, set)
	}
	for _, set := range sets {
		ports := map[uint16]hash.Layer{}
		for _, port := range set {
			if port != 0 {
				ports[port] = hash.LayerVXLAN
			}
		}
		parser := hash.Parser{Ports: portsOf(t, ports)}
		for _, port := range append(slices.Collect(maps.Keys(ports)), 9, 4789) {
			var h hash.Headers
			require.NoError(t, parser.ParseIP(ip4(hash.UDP, udpTo(port, vxlan(ether4(other4())))), &h))
			_, want := ports[port]
			require.Equal(t, want, h.Tunnels == 1, "port %d of %v", port, set)
		}
	}
}

func TestTunnelPortErrors(t *testing.T) {
	many := map[uint16]hash.Layer{}
	for port := range uint16(33) {
		many[port+1] = hash.LayerVXLAN
	}
	for text, ports := range map[string]map[uint16]hash.Layer{
		"hash: UDP on UDP port 80 is no tunnel":     {80: hash.LayerUDP, 4789: hash.LayerVXLAN},
		"hash: VXLAN on UDP port 0 is no tunnel":    {0: hash.LayerVXLAN},
		"hash: 33 tunnel ports, want at most 32":    many,
		"hash: layer 0 on UDP port 80 is no tunnel": {80: 0},
	} {
		_, err := hash.NewTunnelPorts(ports)
		var portErr *hash.TunnelPortError
		require.ErrorAs(t, err, &portErr)
		assert.EqualError(t, err, text)
	}
}
