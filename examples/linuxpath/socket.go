package main

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/ecmp-go/ecmp/hash"
)

// A socket says how a packet comes to the route: it is forwarded, or a socket
// of this host sends it.
type socket string

// The kinds of sockets.
const (
	forwarded socket = ""          // none
	bound     socket = "bound"     // to the source address
	connected socket = "connected" // not bound, as TCP and most UDP of clients
	unbound   socket = "sendto"    // neither bound nor connected: UDP by sendto
)

var errUnconnected = errors.New("-socket sendto is not for TCP, whose sockets are connected")

func parseSocket(s string) (socket, error) {
	switch k := socket(s); k {
	case bound, connected, unbound:
		return k, nil
	}
	return forwarded, fmt.Errorf("%q is none of bound, connected and sendto", s)
}

// local reports whether this host sends the packet.
func (s socket) local() bool { return s != forwarded }

// source returns the source that the kernel knows when it looks for the route.
// It chooses the source of an IPv6 socket after the route, and that of a
// connected IPv4 one before.
func (s socket) source(k hash.FlowKey) netip.Addr {
	switch {
	case s == unbound && !k.Is6():
		return netip.IPv4Unspecified()
	case s == unbound, s == connected && k.Is6():
		return netip.IPv6Unspecified()
	}
	return k.Src().Addr()
}

// routed returns the flow as the kernel hashes it.
func (s socket) routed(k hash.FlowKey) hash.FlowKey {
	src := netip.AddrPortFrom(s.source(k), k.Src().Port())
	if !s.local() || src == k.Src() {
		return k
	}
	return hash.NewFlowKey(k.Proto(), src, k.Dst()).WithLabel(k.Label())
}

// drawsPort reports whether the hash of a connection is not that of its source
// port: the kernel chooses the port of a TCP socket after the route, and puts a
// random one into the hash.
func (s socket) drawsPort(l hash.Linux611, k hash.FlowKey) bool {
	hashed := l.Policy == hash.LinuxL4 || l.Policy == hash.LinuxCustom && l.Fields.Outer()&hash.SrcPort != 0
	return s == connected && k.Proto() == hash.TCP && hashed
}

// preferred returns the source by which the kernel may prefer a next hop, or
// the zero Addr.
func (s socket) preferred(k hash.FlowKey) netip.Addr {
	if src := s.source(k); s.local() && !src.IsUnspecified() {
		return src
	}
	return netip.Addr{}
}
