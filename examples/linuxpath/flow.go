package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ecmp-go/ecmp/hash"
)

// protocols are the names that -proto and the column proto take.
var protocols = map[string]uint8{ //nolint:gochecknoglobals // read-only
	"icmp": hash.ICMP, "tcp": hash.TCP, "udp": hash.UDP, "dccp": hash.DCCP, "gre": hash.GRE, "esp": hash.ESP,
	"ah": hash.AH, "icmpv6": hash.ICMPv6, "sctp": hash.SCTP, "udplite": hash.UDPLite,
}

func parseProtocol(s string) (uint8, error) {
	if p, ok := protocols[strings.ToLower(s)]; ok {
		return p, nil
	}
	n, err := strconv.ParseUint(s, 0, 8)
	if err != nil {
		return 0, fmt.Errorf("protocol %q is neither a name that I know nor a number up to 255", s)
	}
	return uint8(n), nil
}

// parseEndpoint parses an address, with or without a port.
func parseEndpoint(s string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(a, 0), nil
	}
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return a, fmt.Errorf("%q is neither an address nor an address with a port", s)
	}
	return a, nil
}

// hasPorts reports whether the kernel hashes ports of a protocol.
func hasPorts(proto uint8) bool {
	switch proto {
	case hash.TCP, hash.UDP, hash.SCTP, hash.DCCP, hash.UDPLite:
		return true
	}
	return false
}

// hashesSPI reports whether the kernel hashes the SPI of a packet where others
// have ports.
func hashesSPI(l hash.Linux611, k hash.FlowKey) bool {
	if k.Proto() != hash.ESP && k.Proto() != hash.AH {
		return false
	}
	const ports = hash.SrcPort | hash.DstPort
	return l.Policy == hash.LinuxL4 || l.Policy == hash.LinuxCustom && l.Fields.Outer()&ports != 0
}

func parseFlow(src, dst, proto string, label uint) (k hash.FlowKey, err error) {
	s, err := parseEndpoint(src)
	if err != nil {
		return k, fmt.Errorf("-src: %w", err)
	}
	d, err := parseEndpoint(dst)
	if err != nil {
		return k, fmt.Errorf("-dst: %w", err)
	}
	p, err := parseProtocol(proto)
	if err != nil {
		return k, fmt.Errorf("-proto: %w", err)
	}
	return newFlow(p, s, d, label)
}

var errFamilies = errors.New("one address is IPv4, the other IPv6")

func newFlow(proto uint8, src, dst netip.AddrPort, label uint) (k hash.FlowKey, err error) {
	switch {
	case src.Addr().Is4() != dst.Addr().Is4():
		return k, errFamilies
	case label > 1<<20-1:
		return k, fmt.Errorf("label %#x has more than 20 bits", label)
	case !hasPorts(proto) && (src.Port() != 0 || dst.Port() != 0):
		return k, fmt.Errorf("protocol %d has no ports, and the kernel hashes none", proto)
	case label != 0 && src.Addr().Is4():
		return k, errors.New("IPv4 has no flow label")
	}
	return hash.NewFlowKey(proto, src, dst).WithLabel(uint32(label)), nil
}
