package fib

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A nexthop is a nexthop object of the kernel: a next hop, or a group of them.
type nexthop struct {
	Hop
	members   []member // of a group
	resilient bool
}

// A member of a group names another nexthop object.
type member struct{ id, weight uint32 }

// resolve returns a route to a nexthop object with its next hops.
func (c *Conn) resolve(r Route) (Route, error) {
	object, err := c.nexthop(r.Nexthop)
	if err != nil {
		return r, err
	}
	r.Kind = Object
	if object.members == nil {
		r.Hops = []Hop{object.Hop}
		return r, nil
	}
	r.Hops = nil
	for _, m := range object.members {
		hop, err := c.nexthop(m.id)
		if err != nil {
			return r, err
		}
		hop.Weight = m.weight
		r.Hops = append(r.Hops, hop.Hop)
	}
	if object.resilient {
		r.Kind = Resilient
		r.Buckets, err = c.buckets(r.Nexthop, object.members)
	}
	return r, err
}

// nexthop returns a nexthop object.
func (c *Conn) nexthop(id uint32) (n nexthop, err error) {
	request, err := aboutNexthop(id)
	if err != nil {
		return n, err
	}
	n.Weight = 1
	for reply, err := range c.request(unix.RTM_GETNEXTHOP, 0, request) {
		if errors.Is(err, unix.ENOENT) {
			break
		}
		if err != nil {
			return n, err
		}
		if len(reply) >= unix.SizeofNhmsg {
			const flags = 4 // nh_flags of struct nhmsg
			n.setFlags(binary.NativeEndian.Uint32(reply[flags:]))
		}
		return n, decode(reply, unix.SizeofNhmsg, n.set)
	}
	return n, fmt.Errorf("nexthop object %d is gone", id)
}

// aboutNexthop returns a request for a nexthop object or for its buckets.
func aboutNexthop(id uint32) ([]byte, error) {
	e := netlink.NewAttributeEncoder()
	e.Uint32(unix.NHA_ID, id)
	attributes, err := e.Encode()
	return append(make([]byte, unix.SizeofNhmsg), attributes...), err
}

// set keeps an attribute.
func (n *nexthop) set(d *netlink.AttributeDecoder) {
	switch d.Type() {
	case unix.NHA_GATEWAY:
		n.Gateway, _ = netip.AddrFromSlice(d.Bytes())
	case unix.NHA_OIF:
		n.Out = int(d.Uint32())
	case unix.NHA_GROUP:
		n.members = groupMembers(d.Bytes())
	case unix.NHA_GROUP_TYPE:
		const resilient = 1 // NEXTHOP_GRP_TYPE_RES
		n.resilient = d.Uint16() == resilient
	}
}

// groupMembers reads an array of struct nexthop_grp: the ID, and the weight
// less one in two bytes.
func groupMembers(b []byte) (members []member) {
	for ; len(b) >= unix.SizeofNexthopGrp; b = b[unix.SizeofNexthopGrp:] {
		weight := uint32(binary.LittleEndian.Uint16(b[4:])) + 1
		members = append(members, member{binary.NativeEndian.Uint32(b), weight})
	}
	return members
}

// buckets returns the table of a resilient group.
func (c *Conn) buckets(id uint32, members []member) (table []int, err error) {
	index := map[uint32]int{}
	for i, m := range members {
		index[m.id] = i
	}
	request, err := aboutNexthop(id)
	if err != nil {
		return nil, err
	}
	for reply, err := range c.request(unix.RTM_GETNEXTHOPBUCKET, netlink.Dump, request) {
		if err != nil {
			return nil, err
		}
		at, owner, err := decodeBucket(reply)
		if err != nil {
			return nil, err
		}
		hop, ok := index[owner]
		if int(at) != len(table) || !ok {
			return nil, fmt.Errorf("bucket %d of nexthop object %d after %d buckets", at, owner, len(table))
		}
		table = append(table, hop)
	}
	return table, nil
}

// decodeBucket returns the number of a bucket, and the nexthop object that has
// it.
func decodeBucket(data []byte) (at uint16, owner uint32, err error) {
	const (
		bucket = 13 // NHA_RES_BUCKET
		number = 1  // NHA_RES_BUCKET_INDEX
		hop    = 3  // NHA_RES_BUCKET_NH_ID
	)
	err = decode(data, unix.SizeofNhmsg, func(d *netlink.AttributeDecoder) {
		if d.Type() != bucket {
			return
		}
		d.Nested(func(d *netlink.AttributeDecoder) error {
			for d.Next() {
				switch d.Type() {
				case number:
					at = d.Uint16()
				case hop:
					owner = d.Uint32()
				}
			}
			return nil
		})
	})
	return at, owner, err
}
