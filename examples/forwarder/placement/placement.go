// Package placement says by what a load balancer places flows: which parts of a
// packet count, by which hash, and where fragments go. The gateway and the
// forwarder's -pcap take it from here, so a capture shows where the gateway
// with the same members, strategy and seed sends each packet.
package placement

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/symmetric"
)

// Placement is what decides the hash of a packet. The zero value is what the
// gateway does: both directions of a conversation have one hash, XX of the
// five-tuple. A Placement is a value, safe for concurrent use.
type Placement struct {
	Seed   uint64
	Key    Key
	OneWay bool             // the directions of a conversation have hashes of their own
	Ports  hash.TunnelPorts // for the keys of what is inside a tunnel
}

// Policy returns the hash policy.
func (p Placement) Policy() hash.Policy {
	policy := hash.Policy{Hasher: hash.XX{Seed: p.Seed}, Extractor: p.Key.extractor(), Ports: p.Ports}
	if p.OneWay || p.Key.OneWay() {
		return policy
	}
	return symmetric.Policy(policy)
}

// Config returns the configuration of an engine's workers. Fragments follow
// their flow, and one that comes before the first of its datagram is held for
// it. Routes and a memory of flows are for the caller to add.
func (p Placement) Config(fragments flowcache.FragmentsConfig) (engine.Config, error) {
	fragments.Seed = p.Seed
	f, err := flowcache.NewFragments(fragments)
	return engine.Config{Policy: p.Policy(), Fragments: f, Hold: true}, err
}

// A Key says which parts of a packet make up its flow.
type Key uint8

// The keys. Those that begin with Inner are about the innermost flow of a
// tunnel, or the packet's own where there is none.
const (
	FiveTuple  Key = iota
	ThreeTuple     // addresses and protocol
	Addresses
	Client // source address: all flows of a client go to one member
	Inner
	InnerAddresses
	InnerClient
	// addresses and the ID of the tunnel: the TEID of GTP-U, the VNI of VXLAN
	// and Geneve, the key of GRE; without a tunnel the five-tuple
	TEID
)

// keyNames are the names that ParseKey takes.
var keyNames = [...]string{ //nolint:gochecknoglobals // read-only
	"five-tuple", "three-tuple", "addresses", "client", "inner", "inner-addresses", "inner-client", "teid",
}

// KeyNames returns the names of the keys, as for a flag.
func KeyNames() string { return strings.Join(keyNames[:], ", ") }

// ParseKey returns the key of a name.
func ParseKey(name string) (Key, error) {
	for i, known := range keyNames {
		if name == known {
			return Key(i), nil
		}
	}
	return 0, fmt.Errorf("%q is none of %s", name, KeyNames())
}

func (k Key) String() string {
	if int(k) < len(keyNames) {
		return keyNames[k]
	}
	return fmt.Sprintf("Key(%d)", uint8(k))
}

// Inner reports whether a key is about the flow inside a tunnel.
func (k Key) Inner() bool { return k == Inner || k == InnerAddresses || k == InnerClient }

// OneWay reports whether a key is of one direction in any case.
func (k Key) OneWay() bool { return k == Client || k == InnerClient || k == TEID }

// Aggregate reports whether a flow by this key may be many connections.
func (k Key) Aggregate() bool { return k != FiveTuple && k != Inner }

func (k Key) extractor() hash.Extractor {
	switch k {
	case ThreeTuple:
		return hash.ThreeTuple
	case Addresses:
		return hash.Addresses
	case Client:
		return hash.SrcAddr
	case Inner:
		return hash.Inner(hash.FiveTuple)
	case InnerAddresses:
		return hash.Inner(hash.Addresses)
	case InnerClient:
		return hash.Inner(hash.SrcAddr)
	}
	if k == TEID {
		return tunnel{}
	}
	return hash.FiveTuple
}

// tunnel is the extractor of TEID.
type tunnel struct{}

// Extract implements [hash.Extractor].
func (tunnel) Extract(h *hash.Headers, packet []byte) hash.FlowKey {
	if h.TunnelID == 0 {
		return hash.FiveTuple.Extract(h, packet)
	}
	w0, w1, w2, w3, w4 := hash.Addresses.Extract(h, packet).Words()
	return hash.FlowKeyFromWords(w0, w1, w2, w3, w4|uint64(h.TunnelID))
}

// layers are the names of the tunnels over UDP that ParsePorts takes.
func layers() map[string]hash.Layer {
	return map[string]hash.Layer{
		"vxlan": hash.LayerVXLAN, "geneve": hash.LayerGeneve, "gtp-u": hash.LayerGTPU, "mpls": hash.LayerMPLS,
		"gre": hash.LayerGRE,
	}
}

// ParsePorts reads ports of tunnels over UDP, such as vxlan=4789,gre=4754, which
// are then those of no others; "" stands for the usual ones.
func ParsePorts(list string) (hash.TunnelPorts, error) {
	if list == "" {
		return hash.TunnelPorts{}, nil
	}
	ports := make(map[uint16]hash.Layer)
	for text := range strings.SplitSeq(list, ",") {
		name, number, _ := strings.Cut(strings.TrimSpace(text), "=")
		layer, ok := layers()[name]
		if !ok {
			return hash.TunnelPorts{}, fmt.Errorf("%q: the tunnels are vxlan, geneve, gtp-u, mpls and gre", text)
		}
		port, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			return hash.TunnelPorts{}, fmt.Errorf("%q: a port is a number from 1 to 65535", text)
		}
		if _, ok := ports[uint16(port)]; ok {
			return hash.TunnelPorts{}, fmt.Errorf("%q: the port is given twice", text)
		}
		ports[uint16(port)] = layer
	}
	return hash.NewTunnelPorts(ports)
}
