package services

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/hash"
)

// A Question is about a flow, one that there is or one that could be.
type Question struct {
	Proto    uint8 // an IP protocol
	Src, Dst netip.AddrPort
}

// A QuestionError says what is wrong with a question.
type QuestionError struct{ Reason string }

func (e *QuestionError) Error() string { return e.Reason }

// ParseQuestion reads a question: a protocol by name (tcp, udp, icmp, sctp) or
// number, and source and destination, as ADDRESS:PORT or, of protocols without
// ports, ADDRESS. The error is a [*QuestionError].
func ParseQuestion(proto, src, dst string) (q Question, err error) {
	if q.Src, err = parseEnd("source", src); err != nil {
		return q, err
	}
	if q.Dst, err = parseEnd("destination", dst); err != nil {
		return q, err
	}
	six := q.Dst.Addr().Is6()
	if q.Src.Addr().Is6() != six {
		return q, &QuestionError{fmt.Sprintf("%s and %s are of different IP versions", q.Src.Addr(), q.Dst.Addr())}
	}
	if q.Proto, err = parseProtocol(proto, six); err != nil {
		return q, err
	}
	ports := plane.HasPorts(q.Proto)
	for _, end := range []struct {
		what string
		netip.AddrPort
	}{{"source", q.Src}, {"destination", q.Dst}} {
		switch {
		case ports && end.Port() == 0:
			return q, &QuestionError{fmt.Sprintf("the %s %s has no port, which %s needs: ADDRESS:PORT", end.what,
				end.Addr(), plane.ProtocolName(q.Proto))}
		case !ports && end.Port() != 0:
			return q, &QuestionError{fmt.Sprintf("the %s %s has a port, which %s has not", end.what, end.AddrPort,
				plane.ProtocolName(q.Proto))}
		}
	}
	return q, nil
}

func parseEnd(what, text string) (netip.AddrPort, error) {
	text = strings.TrimSpace(text)
	a, err := netip.ParseAddrPort(text)
	if err != nil {
		var addr netip.Addr
		addr, err = netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
		a = netip.AddrPortFrom(addr, 0)
	}
	if err != nil || a.Addr().Zone() != "" {
		return a, &QuestionError{fmt.Sprintf("%s %q: is neither ADDRESS:PORT nor an address", what, text)}
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), nil
}

const (
	icmp4 = 1
	icmp6 = 58
)

func parseProtocol(text string, six bool) (uint8, error) {
	switch strings.ToLower(text) {
	case "", "tcp":
		return hash.TCP, nil
	case "udp":
		return hash.UDP, nil
	case "sctp":
		return hash.SCTP, nil
	case "icmp", "icmp6", "icmpv6", "ping":
		if six {
			return icmp6, nil
		}
		return icmp4, nil
	}
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil {
		return 0, &QuestionError{fmt.Sprintf("protocol %q: is none of tcp, udp, icmp, sctp, or a number to 255", text)}
	}
	return uint8(n), nil
}

// frame returns a packet of the flow, in an Ethernet frame: of TCP one that
// goes on with the connection, and of ICMP an echo request, whose identifier is
// 0.
func (q Question) frame() []byte {
	payload := make([]byte, 20)
	if plane.HasPorts(q.Proto) {
		binary.BigEndian.PutUint16(payload, q.Src.Port())
		binary.BigEndian.PutUint16(payload[2:], q.Dst.Port())
	}
	const ack = 0x10
	switch q.Proto {
	case hash.TCP:
		payload[12], payload[13] = 5<<4, ack
	case hash.UDP:
		binary.BigEndian.PutUint16(payload[4:], uint16(len(payload)))
	case icmp4:
		payload[0] = 8
	case icmp6:
		payload[0] = 128
	}
	const hops = 64
	frame := make([]byte, 12)
	if q.Dst.Addr().Is4() {
		frame = append(frame, 0x08, 0x00, 0x45, 0, 0, byte(20+len(payload)), 0, 0, 0, 0, hops, q.Proto, 0, 0)
		frame = append(append(frame, q.Src.Addr().AsSlice()...), q.Dst.Addr().AsSlice()...)
		sum := uint32(0)
		for i := 14; i < len(frame); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(frame[i:]))
		}
		sum = sum&0xffff + sum>>16
		sum = sum&0xffff + sum>>16
		binary.BigEndian.PutUint16(frame[24:], ^uint16(sum))
	} else {
		frame = append(frame, 0x86, 0xdd, 0x60, 0, 0, 0, 0, byte(len(payload)), q.Proto, hops)
		frame = append(append(frame, q.Src.Addr().AsSlice()...), q.Dst.Addr().AsSlice()...)
	}
	return append(frame, payload...)
}
