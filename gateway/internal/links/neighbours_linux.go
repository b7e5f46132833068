package links

import (
	"context"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
)

// WatchNeighbours is [Watch] for the kernel's table of neighbours. An entry that
// the kernel deletes, since nobody used it, is told as Gone by the next list.
func WatchNeighbours(ctx context.Context, interval time.Duration, each func(Neighbour), went func(error)) {
	type key struct {
		index int
		addr  netip.Addr
	}
	w := watcher[key, Neighbour]{each: each, absent: func(k key) Neighbour {
		return Neighbour{Index: k.index, Addr: k.addr, Gone: true}
	}}
	w.watch(ctx, interval, went, unix.RTMGRP_NEIGH, func() (map[key]Neighbour, error) {
		list := make(map[key]Neighbour)
		return list, ListNeighbours(func(n Neighbour) { list[key{n.Index, n.Addr}] = n })
	}, func(m rtnetlink.Message, removed bool) {
		if n, ok := neighbourOf(m); ok && !removed {
			w.tell(key{n.Index, n.Addr}, n)
		}
	})
}

// ListNeighbours calls each with the state of every neighbour.
func ListNeighbours(each func(Neighbour)) error {
	c, err := rtnetlink.Dial(nil)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // nothing was written
	list, err := c.Neigh.List()
	if err != nil {
		return err
	}
	for i := range list {
		if n, ok := neighbourOf(&list[i]); ok {
			each(n)
		}
	}
	return nil
}

func neighbourOf(message rtnetlink.Message) (n Neighbour, ok bool) {
	m, ok := message.(*rtnetlink.NeighMessage)
	if !ok || m.Attributes == nil || m.Family != unix.AF_INET && m.Family != unix.AF_INET6 {
		return n, false
	}
	addr, ok := netip.AddrFromSlice(m.Attributes.Address)
	if !ok {
		return n, false
	}
	n = Neighbour{Index: int(m.Index), Addr: addr.Unmap()}
	const unusable = unix.NUD_INCOMPLETE | unix.NUD_FAILED | unix.NUD_NOARP
	if m.State&unusable == 0 && len(m.Attributes.LLAddress) == len(n.MAC) {
		n.MAC = engine.MAC(m.Attributes.LLAddress)
	}
	return n, true
}

// What Linux calls a neighbour that the kernel resolves by itself and keeps
// (5.16), and the attribute that says so: package unix has neither.
const (
	attrFlags   = 15 // NDA_FLAGS_EXT
	flagManaged = 1  // NTF_EXT_MANAGED
)

// KeepNeighbour has the kernel resolve a neighbour, and again whenever it does
// not answer, as "ip neigh replace ADDR dev DEV managed" does. A kernel before
// 5.16 resolves it once.
func KeepNeighbour(index int, addr netip.Addr) error {
	c, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // nothing is left to be written
	if err = resolve(c, index, addr, true); err != nil {
		err = resolve(c, index, addr, false)
	}
	return err
}

// resolve asks for a neighbour as if there were a packet for it. It does so by
// hand, since rtnetlink writes a MAC address always, and the kernel refuses an
// empty one.
func resolve(c *netlink.Conn, index int, addr netip.Addr, managed bool) error {
	const use = unix.NTF_USE
	message := make([]byte, unix.SizeofNdMsg)
	message[0] = unix.AF_INET
	if addr.Is6() {
		message[0] = unix.AF_INET6
	}
	binary.NativeEndian.PutUint32(message[4:], uint32(index))
	attributes := netlink.NewAttributeEncoder()
	attributes.Bytes(unix.NDA_DST, addr.AsSlice())
	if managed {
		attributes.Uint32(attrFlags, flagManaged)
	} else {
		message[10] = use
	}
	encoded, err := attributes.Encode()
	if err != nil {
		return err
	}
	_, err = c.Execute(netlink.Message{
		Header: netlink.Header{
			Type:  unix.RTM_NEWNEIGH,
			Flags: netlink.Request | netlink.Acknowledge | netlink.Create | netlink.Replace,
		},
		Data: append(message, encoded...),
	})
	return err
}
