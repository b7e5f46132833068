package config

import (
	"cmp"
	"errors"
	"slices"

	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/hash"
)

const (
	maxProtocol = 255
	maxPort     = 1<<16 - 1
)

// decodeProtocol reads the protocol of a service: a name or a number.
func (s *Service) decodeProtocol(v value) error {
	if _, isText := v.data.(string); !isText {
		n, err := v.number(1, maxProtocol)
		s.Protocol = uint8(n)
		return err
	}
	text, err := v.text()
	if err != nil {
		return err
	}
	for _, proto := range []uint8{hash.TCP, hash.UDP, hash.SCTP, hash.ICMP} {
		if plane.ProtocolName(proto) == text {
			s.Protocol = proto
			return nil
		}
	}
	return v.errorf("%q is none of tcp, udp, sctp, icmp, and no number from 1 to %d", text, maxProtocol)
}

// decodePorts reads the ports of a service: numbers, and ranges such as
// "8000-8099".
func (s *Service) decodePorts(v value) error {
	list, err := v.oneOrMore()
	if err != nil {
		return err
	}
	s.Ports = nil
	for _, item := range list {
		r, err := item.portRange()
		if err != nil {
			return err
		}
		s.Ports = append(s.Ports, r)
	}
	slices.SortFunc(s.Ports, func(a, b plane.PortRange) int { return cmp.Compare(a.First, b.First) })
	for i := 1; i < len(s.Ports); i++ {
		if before := s.Ports[i-1]; s.Ports[i].First <= before.Last {
			return v.errorf("port %d is given twice", s.Ports[i].First)
		}
	}
	return nil
}

func (v value) portRange() (r plane.PortRange, err error) {
	text, isText := v.data.(string)
	if !isText {
		n, err := v.number(1, maxPort)
		return plane.PortRange{First: uint16(n), Last: uint16(n)}, err
	}
	r, err = plane.ParsePorts(text)
	if wrong, ok := errors.AsType[*plane.ConfigError](err); ok {
		return r, v.errorf("%q: %s", text, wrong.Reason)
	}
	return r, err
}

// checkParts checks what a service has of the packets to its addresses, beside
// the parts of those before it.
func (s *Service) checkParts(parts *plane.Parts) error {
	switch {
	case len(s.Ports) > 0 && s.Protocol == 0:
		return s.value.at("ports").errorf("\"ports\" needs \"protocol\": tcp, udp or sctp")
	case len(s.Ports) > 0 && !plane.HasPorts(s.Protocol):
		return s.value.at("ports").errorf("%s has no ports: only tcp, udp and sctp have",
			plane.ProtocolName(s.Protocol))
	}
	if s.Protocol != 0 {
		for _, p := range s.Prefixes {
			if !p.IsSingleIP() {
				return s.value.at("vip").errorf("%s: \"protocol\" needs single addresses", p)
			}
		}
	}
	err := parts.Add(s.Name, s.Plane())
	if err == nil {
		return nil
	}
	at := s.value.at("vip")
	if conflict, ok := errors.AsType[*plane.ConflictError](err); ok && conflict.Ports.Last != 0 {
		at = s.value.at("ports")
	}
	return &Error{File: at.file, Line: at.line, Reason: err.Error(), Err: err}
}

// Plane returns the service as a plane has it, without a group. Who pings an
// address of a route that is learned means a host behind a next hop, as who pings
// one of a prefix does.
func (s *Service) Plane() plane.Service {
	return plane.Service{Prefixes: s.Prefixes, Protocol: s.Protocol, Ports: s.Ports, Key: s.Key, Own: !s.Learned}
}
