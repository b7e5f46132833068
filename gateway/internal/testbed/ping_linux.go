package testbed

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/netns"
)

// Ping pings an address from a namespace, with so many bytes, until it has the
// reply. It returns the TTL or hop limit of that, which tells whose it is: each
// router on the way takes one.
func Ping(n *netns.Namespace, to string, size int) (ttl int, err error) {
	p := pinger{to: netip.MustParseAddr(to), network: "ip4:icmp", request: 8}
	level, option := unix.IPPROTO_IP, unix.IP_RECVTTL
	if p.to.Is6() {
		p.network, p.request, p.reply = "ip6:ipv6-icmp", 128, 129
		level, option = unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT
	}
	if err := n.Do(func() (err error) {
		p.conn, err = net.ListenIP(p.network, nil)
		return err
	}); err != nil {
		return 0, err
	}
	defer p.conn.Close() //nolint:errcheck // nothing is left to be sent
	raw, err := p.conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	failed := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, option, 1) })
	if failed != nil || err != nil {
		return 0, fmt.Errorf("%w, %w", failed, err)
	}
	const patience = time.Minute
	message := p.message(size)
	for began := time.Now(); time.Since(began) < patience; {
		if _, err = p.conn.WriteToIP(message, &net.IPAddr{IP: p.to.AsSlice()}); err != nil {
			time.Sleep(time.Second) // of an ICMP error, such as one for the ping before
			continue
		}
		if ttl, err = p.await(message[icmpHeader:]); err == nil {
			return ttl, nil
		}
	}
	return 0, fmt.Errorf("ping %s: %w", to, err)
}

type pinger struct {
	conn           *net.IPConn
	to             netip.Addr
	network        string
	request, reply byte
}

const icmpHeader = 8

// message returns a request. The kernel writes the checksum of IPv6.
func (p *pinger) message(size int) []byte {
	m := make([]byte, icmpHeader+size)
	m[0] = p.request
	binary.BigEndian.PutUint16(m[4:], uint16(os.Getpid()))
	for i := range size {
		m[icmpHeader+i] = byte(time.Now().UnixNano() >> (i % 8 * 8))
	}
	if p.to.Is4() {
		binary.BigEndian.PutUint16(m[2:], ^sumOf(m))
	}
	return m
}

// await waits for the reply with this content for a second.
func (p *pinger) await(content []byte) (ttl int, err error) {
	if err := p.conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		return 0, err
	}
	b, control := make([]byte, 1<<16), make([]byte, 100)
	for {
		size, c, _, from, err := p.conn.ReadMsgIP(b, control)
		if err != nil {
			return 0, err
		}
		m := b[:size]
		if p.to.Is4() { // a message has its IP header
			m = m[min(int(m[0]&15)*4, len(m)):]
		}
		addr, _ := netip.AddrFromSlice(from.IP)
		if len(m) < icmpHeader || m[0] != p.reply || addr.Unmap() != p.to || !bytes.Equal(m[icmpHeader:], content) {
			continue
		}
		if p.to.Is4() && sumOf(m) != 0xffff {
			return 0, fmt.Errorf("checksum of %x", m[:icmpHeader])
		}
		return ttlIn(control[:c])
	}
}

// ttlIn returns the TTL or hop limit from control messages.
func ttlIn(control []byte) (int, error) {
	list, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return 0, err
	}
	for _, m := range list {
		if t := m.Header.Type; (t == unix.IP_TTL || t == unix.IPV6_HOPLIMIT) && len(m.Data) >= 4 {
			return int(binary.NativeEndian.Uint32(m.Data)), nil
		}
	}
	return 0, fmt.Errorf("no TTL in %d control messages", len(list))
}

// sumOf is the sum of RFC 1071.
func sumOf(b []byte) uint16 {
	sum := uint32(0)
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}
