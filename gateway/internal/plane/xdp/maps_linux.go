package xdp

import (
	"encoding/binary"
	"errors"
	"fmt"
	gomaps "maps"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/hash"
)

// maps are what the program and the plane share.
type maps struct {
	prefixes    *ebpf.Map // lpmKey -> index of a service
	tables      *ebpf.Map // index of a service -> map of one table
	hops        *ebpf.Map // slot of a member -> hopEntry
	tunnels     *ebpf.Map // hopEntry.Tunnel -> tunnelEntry
	outputs     *ebpf.Map // engine.Adjacency.Output -> device
	members     *ebpf.Map // engine.Adjacency.Output -> traffic, per processor
	events      *ebpf.Map // event -> traffic, per processor
	unserved    *ebpf.Map // index of a service -> dropCounts from expired on, per processor
	pings       *ebpf.Map // 0 -> when a ping can be answered again, per processor
	unsent      *ebpf.Map // engine.Adjacency.Output -> dropCounts from noOutput on, per processor
	probation   *ebpf.Map // digest -> pin, of flows that may be pushed out; nil without stickiness
	established *ebpf.Map // digest -> pin

	group *ebpf.MapSpec // of what tables holds
}

// Where things are in a table, which is struct table of the program.
const (
	tableSlots   = 0
	tableKey     = 4
	tableState   = 5
	tableSalt    = 8
	tableMembers = 16
	tableHeader  = tableMembers + 1<<16/memberByte
	tableSize    = tableHeader + slotSize*MaxSlots

	memberBits = 4 // a hopState
	memberByte = 8 / memberBits
	slotSize   = 2 // bytes of a member's slot
)

// A hopEntry is what it takes to send to a member.
type hopEntry struct {
	Dst, Src [6]byte
	Output   uint16
	Fits     uint16 // bytes of a frame that the MTU of the output allows
	Tunnel   uint16 // the slot of the member if it is in a tunnel, or 0
	_        uint16
}

// A tunnelEntry is what it takes to send to a member in a tunnel.
type tunnelEntry struct {
	Src, Dst [16]byte // those of IPv4 come first
	Size     uint32   // of the outer header
	_        uint32
}

func entryOf(t engine.Tunnel) (e tunnelEntry) {
	local, remote := t.Ends()
	copy(e.Src[:], local.AsSlice())
	copy(e.Dst[:], remote.AsSlice())
	e.Size = uint32(t.Size())
	return e
}

// pingedFlag is set in the index of a service where the key is that of pings of
// an address, which the slow path answers.
const pingedFlag = 1 << 31

// pingKey is the key of what has the protocol of pings of an address.
func pingKey(a netip.Addr) lpmKey {
	protocol := uint8(hash.ICMP)
	if a.Is6() {
		protocol = hash.ICMPv6
	}
	return keysOf(plane.Part{Prefix: netip.PrefixFrom(a, a.BitLen()), Protocol: protocol})[0]
}

// An lpmKey is a prefix of a family, an address, and what packets are for there.
type lpmKey struct {
	Length uint32 // familyBits and those that count
	Family uint32
	Addr   [16]byte // that of IPv4 comes first
	End    [4]byte  // protocol, destination port, 0
}

const (
	familyBits   = 32
	familyIPv4   = 4
	familyIPv6   = 6
	addressBits  = 128
	protocolBits = 8
	portBits     = 16
)

// keysOf returns the keys of a part of what a service has: one, or for a range
// of ports the least number of prefixes that make it up.
func keysOf(part plane.Part) (keys []lpmKey) {
	k := lpmKey{Length: familyBits + uint32(part.Prefix.Bits()), Family: familyIPv6}
	if part.Prefix.Addr().Is4() {
		k.Family = familyIPv4
	}
	copy(k.Addr[:], part.Prefix.Addr().AsSlice())
	if part.Protocol == 0 {
		return []lpmKey{k}
	}
	k.Length, k.End[0] = familyBits+addressBits+protocolBits, part.Protocol
	if part.Ports.Last == 0 {
		return []lpmKey{k}
	}
	for port, end := uint32(part.Ports.First), uint32(part.Ports.Last)+1; port < end; {
		free := uint(bits.TrailingZeros32(port)) // of the port: so many ports more have the same prefix
		for port+1<<free > end {
			free--
		}
		at := k
		at.Length += portBits - uint32(free)
		binary.BigEndian.PutUint16(at.End[1:], uint16(port))
		keys = append(keys, at)
		port += 1 << free
	}
	return keys
}

// An event is what the program counts besides the traffic of members.
type event uint32

const (
	// of a service: no member gets the frame
	expired event = iota
	noMember
	tooManyPings

	// of a member, which does not get the frame
	noOutput
	overMTU
	noRoom

	placed
	moved
	refused
	detoured // packets
	events
)

// reason says why a frame is dropped.
func (e event) reason() string {
	switch e {
	case expired:
		return engine.Expired.String()
	case noMember:
		return engine.NoMember.String()
	case tooManyPings:
		return "ping over the rate"
	case noOutput:
		return "no output"
	case overMTU:
		return "over the MTU"
	}
	return "no room for the outer header"
}

// dropCounts are frames dropped, by event from the first one of a service or of
// a member on.
type dropCounts struct{ Frames [dropKinds]uint64 }

const dropKinds = placed - noOutput // services have no more than members

// Shares of the maps of flows.
const (
	probationShare = 4 // of the flows, one in so many
	minProbation   = 1024
)

// byName has the place of each map by its name in the object file.
func (m *maps) byName() map[string]**ebpf.Map {
	return map[string]**ebpf.Map{
		"ecmp_prefixes":  &m.prefixes,
		"ecmp_tables":    &m.tables,
		"ecmp_hops":      &m.hops,
		"ecmp_tunnels":   &m.tunnels,
		"ecmp_outputs":   &m.outputs,
		"ecmp_members":   &m.members,
		"ecmp_events":    &m.events,
		"ecmp_unserved":  &m.unserved,
		"ecmp_unsent":    &m.unsent,
		"ecmp_pings":     &m.pings,
		"ecmp_probation": &m.probation,
		"ecmp_flows":     &m.established,
	}
}

// newMaps makes the maps that spec asks for, and writes into it how many prefixes
// and pins they have room for; flows is 0 without stickiness.
func newMaps(spec *ebpf.CollectionSpec, flows int) (_ *maps, err error) {
	m := &maps{group: spec.Maps["ecmp_tables"].InnerMap}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.close())
		}
	}()
	places := m.byName()
	names := slices.Sorted(gomaps.Keys(places))
	err = eachOf(len(names), func(i int) (err error) { // the kernel clears those of flows for long
		to, s := places[names[i]], spec.Maps[names[i]]
		switch to {
		case &m.prefixes:
			// Those to come are written before those of now go. Room that is
			// not used takes no memory.
			s.MaxEntries = 2 * MaxPrefixes
		case &m.probation:
			s.MaxEntries = uint32(max(flows/probationShare, minProbation))
		case &m.established:
			s.MaxEntries = uint32(flows)
		}
		if flows == 0 && (to == &m.probation || to == &m.established) {
			return nil
		}
		if *to, err = ebpf.NewMap(s); err != nil {
			return fmt.Errorf("%s: %w", names[i], err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (m *maps) close() error {
	return errors.Join(
		m.prefixes.Close(), m.tables.Close(), m.hops.Close(), m.tunnels.Close(), m.outputs.Close(),
		m.members.Close(), m.events.Close(), m.unserved.Close(), m.unsent.Close(), m.pings.Close(),
		m.probation.Close(), m.established.Close(),
	)
}
