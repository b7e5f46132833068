package rtnetlink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// A Conn is a netlink socket. It is not safe for concurrent use.
type Conn struct {
	fd      int
	seq     uint32
	out, in []byte
}

// Dial opens a netlink socket. Asking needs no privilege.
func Dial() (*Conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, errors.Join(os.NewSyscallError("bind", err), unix.Close(fd))
	}
	return &Conn{fd: fd, in: make([]byte, 1<<17)}, nil
}

// Close closes the socket.
func (c *Conn) Close() error { return unix.Close(c.fd) }

func (c *Conn) send() error {
	err := unix.Sendto(c.fd, c.out, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	return os.NewSyscallError("sendto", err)
}

func (c *Conn) receive() ([]byte, error) {
	for {
		n, _, err := unix.Recvfrom(c.fd, c.in, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return c.in[:max(n, 0)], os.NewSyscallError("recvfrom", err)
	}
}

// A Query is a flow that the kernel is asked about.
type Query struct {
	Src, Dst         netip.Addr // of one family
	SrcPort, DstPort uint16
	Proto            uint8  // the kernel answers for TCP, UDP and ICMP
	Label            uint32 // flow label
	In               int    // the index of the interface it comes in by; 0 for what the host sends
}

// An Answer is the next hop that the kernel chose.
type Answer struct {
	Gateway netip.Addr // the zero Addr if the destination is on the link
	Out     int        // interface
	Err     error
}

// MaxQueries is how many queries [Conn.Ask] takes at once. Its answers fit the
// default buffer of a socket.
const MaxQueries = 16

// Ask asks about up to MaxQueries flows: answers[i] is about queries[i].
func (c *Conn) Ask(queries []Query, answers []Answer) error {
	first := c.seq + 1
	c.out = c.out[:0]
	for i := range queries {
		c.seq++
		c.out = queries[i].append(c.out, c.seq)
	}
	if err := c.send(); err != nil {
		return err
	}
	for got := 0; got < len(queries); {
		b, err := c.receive()
		if err != nil {
			return err
		}
		for m := range messages(b) {
			i := m.seq - first
			if i >= uint32(len(queries)) {
				continue // of an earlier request
			}
			answers[i] = newAnswer(m)
			got++
		}
	}
	return nil
}

func (q *Query) append(b []byte, seq uint32) []byte {
	fixed := make([]byte, routeSize)
	fixed[0], fixed[1], fixed[2] = family(q.Dst), byte(q.Dst.BitLen()), byte(q.Src.BitLen())
	b, start := begin(b, unix.RTM_GETROUTE, 0, seq, fixed)
	b = appendAttr(b, unix.RTA_DST, q.Dst.AsSlice()...)
	if q.Src.IsValid() {
		b = appendAttr(b, unix.RTA_SRC, q.Src.AsSlice()...)
	}
	b = appendAttr(b, unix.RTA_IP_PROTO, q.Proto)
	b = appendAttr(b, unix.RTA_SPORT, byte(q.SrcPort>>8), byte(q.SrcPort))
	b = appendAttr(b, unix.RTA_DPORT, byte(q.DstPort>>8), byte(q.DstPort))
	if q.Label != 0 {
		const flowLabel = 31 // RTA_FLOWLABEL
		b = appendAttr(b, flowLabel, binary.BigEndian.AppendUint32(nil, q.Label)...)
	}
	if q.In != 0 {
		b = appendAttr(b, unix.RTA_IIF, binary.NativeEndian.AppendUint32(nil, uint32(q.In))...)
	}
	end(b, start)
	return b
}

func family(a netip.Addr) byte {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func newAnswer(m message) (a Answer) {
	if a.Err = m.err(); a.Err != nil {
		return a
	}
	if m.typ != unix.RTM_NEWROUTE {
		a.Err = fmt.Errorf("message %d in answer to a question for a route", m.typ)
		return a
	}
	attrs, err := m.attrs(routeSize)
	if err != nil {
		a.Err = err
		return a
	}
	for typ, value := range attributes(attrs) {
		switch typ {
		case unix.RTA_GATEWAY:
			a.Gateway, _ = netip.AddrFromSlice(value)
		case unix.RTA_VIA: // a gateway of the other family, behind two bytes that name it
			if len(value) > 2 {
				a.Gateway, _ = netip.AddrFromSlice(value[2:])
			}
		case unix.RTA_OIF:
			if len(value) == 4 {
				a.Out = int(binary.NativeEndian.Uint32(value))
			}
		}
	}
	return a
}

// dump sends a request for a list and calls each with every message of it.
func (c *Conn) dump(typ uint16, fixed, attrs []byte, each func(message) error) error {
	c.seq++
	seq := c.seq
	var start int
	c.out, start = begin(c.out[:0], typ, unix.NLM_F_DUMP, seq, fixed)
	c.out = append(c.out, attrs...)
	end(c.out, start)
	if err := c.send(); err != nil {
		return err
	}
	for {
		b, err := c.receive()
		if err != nil {
			return err
		}
		for m := range messages(b) {
			if m.seq != seq {
				continue
			}
			if m.typ == unix.NLMSG_DONE {
				return nil
			}
			if err := m.err(); err != nil {
				return err
			}
			if err := each(m); err != nil {
				return err
			}
		}
	}
}
