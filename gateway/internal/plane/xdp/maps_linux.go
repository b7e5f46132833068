package xdp

import (
	"errors"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// maps are what the program and the plane share.
type maps struct {
	prefixes    *ebpf.Map // lpmKey -> index of a service
	tables      *ebpf.Map // index of a service -> map of one table
	hops        *ebpf.Map // slot of a member -> hopEntry
	outputs     *ebpf.Map // engine.Adjacency.Output -> device
	members     *ebpf.Map // engine.Adjacency.Output -> traffic, per processor
	events      *ebpf.Map // event -> traffic, per processor
	probation   *ebpf.Map // digest -> pin, of flows that may be pushed out; nil without stickiness
	established *ebpf.Map // digest -> pin
}

// A table is a map of one value: tableHeader and then the slots of the members,
// 16 bits each. It is one value, and not an entry for each slot, because those
// would take eight bytes. The header has four bits for each slot of the domain,
// what may be done with it in this group: a slot is that of a member in all of
// its groups.
const (
	tableSlots   = 0 // number of slots, 32 bits
	tableSalt    = 8 // of the group's digests, 64 bits
	tableMembers = 16
	tableHeader  = tableMembers + 1<<16/memberByte
	tableSize    = tableHeader + 2*MaxSlots

	memberBits  = 4 // a hopState
	memberByte  = 8 / memberBits
	memberShift = 1 // log2 of memberByte
)

// A hopEntry is what it takes to send to a member.
type hopEntry struct {
	Dst, Src [6]byte
	Output   uint16
	_        uint16
}

// Where the program finds its parts.
const (
	hopMACs   = 0
	hopOutput = 12
	hopSize   = 16
)

// An lpmKey is a prefix of a family and an address.
type lpmKey struct {
	Length uint32 // familyBits and those of the prefix
	Family uint32
	Addr   [16]byte // that of IPv4 comes first
}

const (
	lpmKeySize = 24
	familyBits = 32
	familyIPv4 = 4
	familyIPv6 = 6
)

// An event is what the program counts besides the traffic of members.
type event uint32

const (
	expired event = iota
	noMember
	noOutput
	placed
	moved
	refused
	events
)

// Shares of the maps of flows.
const (
	probationShare = 4 // of the flows, one in so many
	minProbation   = 1024
)

func tableSpec() *ebpf.MapSpec {
	return &ebpf.MapSpec{
		Name: "ecmp_table", Type: ebpf.Array, KeySize: 4, ValueSize: tableSize, MaxEntries: 1,
		Flags: unix.BPF_F_MMAPABLE,
	}
}

// newMaps makes the maps; flows is 0 without stickiness.
func newMaps(flows int) (_ *maps, err error) {
	m := new(maps)
	defer func() {
		if err != nil {
			err = errors.Join(err, m.close())
		}
	}()
	type spec struct {
		to *(*ebpf.Map)
		ebpf.MapSpec
	}
	const trafficSize = 16
	specs := []spec{
		{&m.prefixes, ebpf.MapSpec{
			Name: "ecmp_prefixes", Type: ebpf.LPMTrie, KeySize: lpmKeySize, ValueSize: 4, MaxEntries: MaxPrefixes,
			Flags: unix.BPF_F_NO_PREALLOC,
		}},
		{&m.tables, ebpf.MapSpec{
			Name: "ecmp_tables", Type: ebpf.ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: MaxServices,
			InnerMap: tableSpec(),
		}},
		{&m.hops, ebpf.MapSpec{Name: "ecmp_hops", Type: ebpf.Array, KeySize: 4, ValueSize: hopSize,
			MaxEntries: 1 << 16}},
		{&m.outputs, ebpf.MapSpec{Name: "ecmp_outputs", Type: ebpf.DevMap, KeySize: 4, ValueSize: 4,
			MaxEntries: MaxOutput + 1}},
		{&m.members, ebpf.MapSpec{
			Name: "ecmp_members", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: trafficSize, MaxEntries: MaxOutput + 1,
		}},
		{&m.events, ebpf.MapSpec{
			Name: "ecmp_events", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: trafficSize, MaxEntries: uint32(events),
		}},
	}
	if flows > 0 {
		specs = append(specs,
			spec{&m.probation, ebpf.MapSpec{
				Name: "ecmp_probation", Type: ebpf.LRUHash, KeySize: 8, ValueSize: 8,
				MaxEntries: uint32(max(flows/probationShare, minProbation)),
			}},
			spec{&m.established, ebpf.MapSpec{
				Name: "ecmp_flows", Type: ebpf.Hash, KeySize: 8, ValueSize: 8, MaxEntries: uint32(flows),
			}},
		)
	}
	for i := range specs {
		if *specs[i].to, err = ebpf.NewMap(&specs[i].MapSpec); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *maps) close() error {
	return errors.Join(
		m.prefixes.Close(), m.tables.Close(), m.hops.Close(), m.outputs.Close(),
		m.members.Close(), m.events.Close(), m.probation.Close(), m.established.Close(),
	)
}
