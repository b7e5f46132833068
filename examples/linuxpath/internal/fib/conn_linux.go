package fib

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A Conn is a netlink socket. It is not safe for concurrent use.
type Conn struct{ netlink *netlink.Conn }

// Dial opens a netlink socket in the network namespace of the calling thread.
func Dial() (*Conn, error) {
	const buffer = 1 << 16 // the kernel's messages have up to 32 KB
	c, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{MessageBufferSize: buffer})
	if err != nil {
		return nil, err
	}
	return &Conn{c}, nil
}

// Close closes the socket.
func (c *Conn) Close() error { return c.netlink.Close() }

// request sends a request and returns the data of each reply. The caller sends
// no other request while it ranges over them.
func (c *Conn) request(typ netlink.HeaderType, flags netlink.HeaderFlags, data []byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		m := netlink.Message{Header: netlink.Header{Type: typ, Flags: netlink.Request | flags}, Data: data}
		if _, err := c.netlink.Send(m); err != nil {
			yield(nil, err)
			return
		}
		for reply, err := range c.netlink.ReceiveIter() {
			if !yield(reply.Data, cause(err)) {
				return
			}
		}
	}
}

// cause returns the bare error number if the kernel refused a request.
func cause(err error) error {
	var op *netlink.OpError
	if errors.As(err, &op) && op.Sequence != 0 {
		return op.Err
	}
	return err
}

// decode calls each for every attribute of a message, which follow a fixed part
// of the given size.
func decode(data []byte, fixed int, each func(*netlink.AttributeDecoder)) error {
	if len(data) < fixed {
		return fmt.Errorf("netlink message of %d bytes", len(data))
	}
	d, err := netlink.NewAttributeDecoder(data[fixed:])
	if err != nil {
		return err
	}
	for d.Next() {
		each(d)
	}
	return d.Err()
}

// A Query is a flow that the kernel is asked about.
type Query struct {
	Src, Dst         netip.Addr // of one family; Src may be the zero Addr, for a socket that is not bound
	SrcPort, DstPort uint16
	Proto            uint8  // TCP, UDP or ICMP; 0: any, without ports
	Label            uint32 // flow label
	Mark             uint32 // firewall mark, for policy rules
	In               int    // index of the interface it comes in by; 0 for what the host sends
}

// An Answer is the next hop that the kernel chose.
type Answer struct {
	Gateway netip.Addr // the zero Addr if the destination is on the link
	Out     int        // index of the interface
}

// Ask asks which next hop a flow takes. The error is a [syscall.Errno] where
// the kernel has no route.
func (c *Conn) Ask(q Query) (Answer, error) {
	reply, err := c.get(q, 0)
	if err != nil {
		return Answer{}, err
	}
	var m rtnetlink.RouteMessage
	if err := m.UnmarshalBinary(reply); err != nil {
		return Answer{}, err
	}
	return Answer{gateway(m.Attributes.Gateway, m.Attributes.Via), int(m.Attributes.OutIface)}, nil
}

// get asks about a flow and returns the data of the reply.
func (c *Conn) get(q Query, flags uint32) ([]byte, error) {
	request, err := q.encode(flags)
	if err != nil {
		return nil, err
	}
	for reply, err := range c.request(unix.RTM_GETROUTE, 0, request) {
		return reply, err
	}
	return nil, errors.New("no reply to a question for a route")
}

func (q Query) encode(flags uint32) ([]byte, error) {
	m := rtnetlink.RouteMessage{
		Family: family(q.Dst), DstLength: uint8(q.Dst.BitLen()), SrcLength: uint8(q.Src.BitLen()), Flags: flags,
	}
	header, err := m.MarshalBinary()
	if err != nil {
		return nil, err
	}
	e := netlink.NewAttributeEncoder()
	e.ByteOrder = binary.BigEndian // of ports and the label
	e.Bytes(unix.RTA_DST, q.Dst.AsSlice())
	if q.Src.IsValid() {
		e.Bytes(unix.RTA_SRC, q.Src.AsSlice())
	}
	if q.Proto != 0 {
		e.Uint8(unix.RTA_IP_PROTO, q.Proto)
		e.Uint16(unix.RTA_SPORT, q.SrcPort)
		e.Uint16(unix.RTA_DPORT, q.DstPort)
	}
	if q.Label != 0 {
		const flowLabel = 31 // RTA_FLOWLABEL
		e.Uint32(flowLabel, q.Label)
	}
	if q.Mark != 0 {
		e.Bytes(unix.RTA_MARK, binary.NativeEndian.AppendUint32(nil, q.Mark))
	}
	if q.In != 0 {
		e.Bytes(unix.RTA_IIF, binary.NativeEndian.AppendUint32(nil, uint32(q.In)))
	}
	attributes, err := e.Encode()
	return append(header, attributes...), err
}

func family(a netip.Addr) uint8 {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// gateway returns the gateway of a next hop. The kernel gives one of the
// other family in via.
func gateway(own net.IP, via *rtnetlink.RouteVia) netip.Addr {
	if via != nil {
		own = via.Addr
	}
	addr, _ := netip.AddrFromSlice(own)
	return addr
}
