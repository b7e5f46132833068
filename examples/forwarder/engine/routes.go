package engine

import (
	"encoding/binary"
	"net/netip"

	"github.com/gaissmai/bart"

	"github.com/ecmp-go/ecmp/hash"
)

// Routes says which group a destination belongs to, by longest prefix. Workers
// share it, so it must not be written once a worker has it: make a changed one
// by InsertPersist and give it to each worker by [Worker.SetRoutes]. What
// changes often, the members of a group, is behind it and needs no new routes.
type Routes = bart.Table[*Group]

// A destination is an address whose group a worker has found, so that it need
// not search again: services are few and packets many.
type destination struct {
	high, low uint64    // of the address, as it stands in the packet
	kind      hash.Kind // whether it is IPv6; noKind if there is no address here
	ref       uint16    // of the group, in this burst
	burst     uint32    // the last one with a packet for it
	salt      uint64    // of the group
	group     *Group    // nil: only listeners are served
	ends      *ends     // the listeners at the address; nil: there are none
	keyed     *keyed    // how flows are told apart; nil: by the worker's policy

	_ [8]byte // to the end of a cache line
}

// detailed marks the kind of a destination that needs more than the address of
// a packet: the loop of plain packets leaves those to the one after it.
const detailed hash.Kind = 1 << 6

// lead has a destination lead to a group.
func (d *destination) lead(g *Group, keyings map[*Group]*keyed) {
	if g != nil {
		d.group, d.salt, d.keyed = g, g.Salt(), keyings[g]
	}
	if d.ends != nil || d.keyed != nil {
		d.kind |= detailed
	}
}

// destinations are the recent ones of a worker. Each has two places, which are
// neighbours: the loops look at the first alone.
type destinations [1 << placeBits]destination

const (
	placeBits = 12
	noKind    = ^hash.Kind(0)
)

// place returns the first place of an address. The other one is place^1.
func place(high, low uint64) uint64 { return (high ^ low) * 0x9e3779b97f4a7c15 >> (64 - placeBits) }

// forget empties all places.
func (r *destinations) forget() {
	for i := range r {
		r[i] = destination{kind: noKind}
	}
}

// find returns the destination of a flow, nil if no prefix holds it and nobody
// listens there.
func (w *Worker) find(frame []byte, f *hash.Flow) *destination {
	ip, kind := frame[f.L3:], f.Kind&hash.IPv6
	var high, low uint64
	var addr netip.Addr
	if kind != 0 {
		high, low = binary.LittleEndian.Uint64(ip[24:]), binary.LittleEndian.Uint64(ip[32:])
		addr = netip.AddrFrom16([16]byte(ip[24:]))
	} else {
		low = uint64(binary.LittleEndian.Uint32(ip[16:]))
		addr = netip.AddrFrom4([4]byte(ip[16:]))
	}
	r, at := &w.recent, place(high, low)
	for _, d := range []*destination{&r[at], &r[at^1]} {
		if d.low == low && d.high == high && d.kind&^detailed == kind {
			return d
		}
	}
	group, _ := w.routes.Lookup(addr)
	d := destination{high: high, low: low, kind: kind, ends: w.listeners.at(addr)}
	if group == nil && d.ends == nil {
		return nil
	}
	d.lead(group, w.keyings)
	r[at^1] = r[at]
	r[at] = d
	return &r[at]
}
