package hash

import (
	"fmt"
	"maps"
	"math/bits"
	"slices"
)

// TunnelPorts says to which UDP ports tunnels are sent, and of which kind they
// are. The zero value is that of [DefaultTunnelPorts]. It is immutable, and
// comparable: copies of one are equal.
type TunnelPorts struct{ table *portTable }

// DefaultTunnelPorts returns a new map of the ports that stand for a tunnel
// unless one says otherwise: GTP-U 2152, GRE 4754 (RFC 8086), VXLAN 4789 and
// 8472 (the default of Linux, flannel and Cilium), Geneve 6081, MPLS 6635.
func DefaultTunnelPorts() map[uint16]Layer {
	return map[uint16]Layer{
		2152: LayerGTPU,
		4754: LayerGRE,
		4789: LayerVXLAN,
		6081: LayerGeneve,
		6635: LayerMPLS,
		8472: LayerVXLAN,
	}
}

// maxTunnelPorts is how many ports a table has room for.
const maxTunnelPorts = 32

// NewTunnelPorts returns the TunnelPorts of these ports and no others. An empty
// map means that no tunnel over UDP is looked into. It returns a
// [*TunnelPortError] for more than 32 ports, for port 0, and for a layer that
// is no tunnel over UDP: those are LayerVXLAN, LayerGeneve, LayerGTPU,
// LayerMPLS and LayerGRE.
func NewTunnelPorts(ports map[uint16]Layer) (TunnelPorts, error) {
	for _, port := range slices.Sorted(maps.Keys(ports)) {
		if _, ok := udpShape(ports[port]); !ok || port == 0 || len(ports) > maxTunnelPorts {
			return TunnelPorts{}, &TunnelPortError{Port: port, Layer: ports[port], Ports: len(ports)}
		}
	}
	return TunnelPorts{newPortTable(ports)}, nil
}

// A TunnelPortError says why [NewTunnelPorts] refused ports.
type TunnelPortError struct {
	Port  uint16
	Layer Layer // what Port was to stand for
	Ports int   // how many there were
}

// Error returns a text such as "hash: TCP on UDP port 80 is no tunnel".
func (e *TunnelPortError) Error() string {
	if e.Ports > maxTunnelPorts {
		return fmt.Sprintf("hash: %d tunnel ports, want at most %d", e.Ports, maxTunnelPorts)
	}
	return fmt.Sprintf("hash: %s on UDP port %d is no tunnel", e.Layer, e.Port)
}

// A portTable finds the kind of tunnel of a port without a branch.
type portTable struct {
	factor uint16
	ports  [256]uint16 // where there is none, a port whose place is another
	layers [256]Layer
	shapes [256]uint8 // index of tunnelShapes
}

// anyTunnel is in every portTable: the fast path looks it up for protocols that
// always carry IP. It looks up port 0, which is in none, for protocols that
// never do.
const anyTunnel = 1

// newPortTable tries factors until every port has a place of its own and none
// has that of port 0. Odd factors keep ports apart that differ by a multiple of
// 256, and one in 50 does so for 32 ports of any kind.
func newPortTable(ports map[uint16]Layer) *portTable {
	t := &portTable{factor: 1}
	for !t.fill(ports) {
		t.factor += 2
	}
	return t
}

// fill places the ports, and reports whether no two share a place. That of port
// 0 is taken.
func (t *portTable) fill(ports map[uint16]Layer) bool {
	*t = portTable{factor: t.factor}
	at := t.place(anyTunnel)
	t.ports[0], t.ports[at] = anyTunnel, anyTunnel
	for port, layer := range ports {
		at := t.place(port)
		if t.ports[at] != 0 && t.ports[at] != port {
			return false
		}
		t.ports[at], t.layers[at] = port, layer
		t.shapes[at], _ = udpShape(layer)
	}
	return at != 0
}

//nolint:gochecknoglobals // read-only
var defaultPorts = newPortTable(DefaultTunnelPorts())

// orDefault returns the table of p, or the default one.
func (p TunnelPorts) orDefault() *portTable {
	if p.table == nil {
		return defaultPorts
	}
	return p.table
}

func (t *portTable) place(port uint16) uint8 { return uint8(port * t.factor >> 8) }

// layer returns the kind of tunnel of a port; 0 if there is none.
func (t *portTable) layer(port uint16) Layer {
	at := t.place(port)
	if t.ports[at] != port {
		return 0
	}
	return t.layers[at]
}

// carry reports whether packets of flow k are those of a tunnel, as far as
// ports and protocols can tell.
func (t *portTable) carry(k FlowKey) bool {
	switch k.Proto() {
	case protoIPv4, protoIPv6, GRE:
		return true
	case UDP:
		return t.layer(bits.ReverseBytes16(uint16(k.rest>>16))) != 0
	}
	return false
}

// mayCarry reports whether a packet of transport q to port dst, in network
// order, may be one of a tunnel.
func (t *portTable) mayCarry(q *fastTransport, dst uint16) bool {
	port := bits.ReverseBytes16(dst)&q.portMask | q.alwaysTunnel
	return t.ports[t.place(port)] == port
}
