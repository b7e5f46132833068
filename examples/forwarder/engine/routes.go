package engine

import (
	"encoding/binary"

	"github.com/gaissmai/bart"

	"github.com/ecmp-go/ecmp/hash"
)

// Routes says which group a destination belongs to, by longest prefix. Workers
// share it, so it must not be written once a worker has it: make a changed one
// by InsertPersist and give it to each worker by [Worker.SetRoutes]. What
// changes often, the members of a group, is behind it and needs no new routes.
type Routes = bart.Table[*Group]

// A destination is a group that a worker found, so that it need not search
// again: services are few and packets many.
type destination struct {
	high, low uint64 // of the address, as it stands in the packet
	is6       bool
	group     *Group // nil: none yet
}

// recent is the number of destinations that a worker remembers.
const (
	recentBits = 6
	recent     = 1 << recentBits
)

// lookup returns the group that the destination of a frame belongs to, nil if
// none does.
func (w *Worker) lookup(frame []byte, h *hash.Headers) *Group {
	// From the packet, since the processor would have to wait for the headers
	// to be written first.
	var high, low uint64
	ip := frame[h.L3Offset:]
	is6 := ip[0]>>4 == 6
	if is6 {
		high, low = binary.LittleEndian.Uint64(ip[24:]), binary.LittleEndian.Uint64(ip[32:])
	} else {
		low = uint64(binary.LittleEndian.Uint32(ip[16:]))
	}
	d := &w.recent[(high^low)*0x9e3779b97f4a7c15>>(64-recentBits)]
	if d.low == low && d.high == high && d.is6 == is6 && d.group != nil {
		return d.group
	}
	group, ok := w.routes.Lookup(h.Outer.Dst().Addr())
	if !ok {
		return nil
	}
	*d = destination{high, low, is6, group}
	return group
}
