package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/links"
)

// A standIn is a neighbour in the place of a member whose MAC address was given.
// The kernel has another one for the address of the member, perhaps, or none, and
// goes on to send by that what is not from checks.
type standIn struct {
	dev  int
	addr netip.Addr
}

// standInOf returns the stand-in of a mark for a version of IP. It has an address
// that no host has: a reserved one of IPv4 (240.0.0.0/8 of RFC 1112), or one of
// those of IPv6 whose packets are to be discarded (100::/64, RFC 6666).
func standInOf(mark uint32, like netip.Addr) netip.Addr {
	b := make([]byte, like.BitLen()/8)
	if b[0] = 240; like.Is6() {
		b[0] = 1
	}
	const low = 3 // bytes of the mark: the first is the same in all
	var m [4]byte
	binary.BigEndian.PutUint32(m[:], mark)
	copy(b[len(b)-low:], m[len(m)-low:])
	a, _ := netip.AddrFromSlice(b)
	return a
}

// gate returns the neighbour that a path leads to.
func (w way) gate(p Path) netip.Addr {
	if p.MAC == (engine.MAC{}) {
		return p.Addr
	}
	return standInOf(w.mark, p.VIP)
}

// standIns returns those that there are to be, on interfaces that are up.
func (w *Ways) standIns() map[standIn]engine.MAC {
	wanted := make(map[standIn]engine.MAC)
	for _, p := range w.paths {
		if way := w.ways[p.Hop]; way.dev != 0 && p.MAC != (engine.MAC{}) {
			wanted[standIn{way.dev, way.gate(p)}] = p.MAC
		}
	}
	return wanted
}

// missingStandIns returns what is to be set so that each has its MAC address.
func (w *Ways) missingStandIns(l *look) (steps []step, err error) {
	wanted := w.standIns()
	if len(wanted) == 0 {
		return nil, nil
	}
	found, err := w.foundStandIns()
	if err != nil {
		return nil, err
	}
	for s, mac := range wanted {
		if found[s] != mac {
			steps = append(steps, step{
				what: fmt.Sprintf("ip neigh replace %s lladdr %s dev %s nud permanent",
					s.addr, net.HardwareAddr(mac[:]), l.byIndex[s.dev]),
				do: func() error { return s.set(mac) },
			})
		}
	}
	return steps, nil
}

// oldStandIns returns the removal of those that are none any more.
func (w *Ways) oldStandIns(l *look) (steps []step, err error) {
	wanted := w.standIns()
	found, err := w.foundStandIns()
	for s := range found {
		if _, ok := wanted[s]; !ok {
			steps = append(steps, step{
				what: fmt.Sprintf("ip neigh del %s dev %s", s.addr, l.byIndex[s.dev]), do: s.unset,
			})
		}
	}
	return steps, err
}

// foundStandIns returns those of this gateway that the kernel has.
func (w *Ways) foundStandIns() (map[standIn]engine.MAC, error) {
	found := make(map[standIn]engine.MAC)
	err := links.ListNeighbours(func(n links.Neighbour) {
		b := n.Addr.AsSlice()
		mark := w.first&^0xffffff | uint32(b[len(b)-3])<<16 | uint32(b[len(b)-2])<<8 | uint32(b[len(b)-1])
		if mark-w.first < MostHops && standInOf(mark, n.Addr) == n.Addr {
			found[standIn{n.Index, n.Addr}] = n.MAC
		}
	})
	return found, err
}

func (s standIn) set(mac engine.MAC) error {
	return s.tell(unix.RTM_NEWNEIGH, netlink.Create|netlink.Replace, func(ae *netlink.AttributeEncoder) {
		ae.Bytes(unix.NDA_LLADDR, mac[:])
		ae.Uint8(attrProtocol, protocol)
	})
}

// unset removes it; it is no error that it went with its interface.
func (s standIn) unset() error {
	err := s.tell(unix.RTM_DELNEIGH, 0, func(*netlink.AttributeEncoder) {})
	return unless(unless(err, unix.ENOENT), unix.ENODEV)
}

// tell has the kernel change the entry.
func (s standIn) tell(kind netlink.HeaderType, flags netlink.HeaderFlags, more func(*netlink.AttributeEncoder)) error {
	c, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return err
	}
	ae := netlink.NewAttributeEncoder()
	ae.Bytes(unix.NDA_DST, s.addr.AsSlice())
	more(ae)
	data := make([]byte, unix.SizeofNdMsg)
	data[0] = familyOf(s.addr)
	binary.NativeEndian.PutUint32(data[4:], uint32(s.dev))
	binary.NativeEndian.PutUint16(data[8:], unix.NUD_PERMANENT)
	attributes, err := ae.Encode()
	if err == nil {
		_, err = c.Execute(netlink.Message{
			Header: netlink.Header{Type: kind, Flags: netlink.Request | netlink.Acknowledge | flags},
			Data:   append(data, attributes...),
		})
	}
	return errors.Join(err, c.Close())
}
