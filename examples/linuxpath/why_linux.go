package main

import (
	"errors"

	"golang.org/x/sys/unix"
)

const unsureWhy = "the neighbour is not known to be reachable, and a host, other than a router, may keep to another"

// noRoute returns why the kernel has no route for a flow, or the error that is
// another.
func noRoute(err error) (string, error) {
	var number unix.Errno
	if !errors.As(err, &number) {
		return "", err
	}
	switch number {
	case unix.ENETUNREACH:
		return "there is no route", nil
	case unix.EHOSTUNREACH:
		return "the route is unreachable, or there is none", nil
	case unix.EINVAL:
		return "the route is a blackhole, or an address is not one to route", nil
	case unix.EACCES:
		return "the route is prohibited", nil
	case unix.EXDEV:
		return "the source is refused: reverse path filtering, or an address of this host", nil
	}
	return "", err
}

// notRouted returns why a route of this type leads to no next hop, or "".
func notRouted(typ uint8) string {
	switch typ {
	case unix.RTN_UNICAST:
		return ""
	case unix.RTN_LOCAL, unix.RTN_BROADCAST, unix.RTN_ANYCAST:
		return "the packet is for this host"
	case unix.RTN_MULTICAST:
		return "the packet is multicast"
	case unix.RTN_BLACKHOLE:
		return "the route is a blackhole"
	case unix.RTN_PROHIBIT:
		return "the route is prohibited"
	}
	return "the route is unreachable"
}
