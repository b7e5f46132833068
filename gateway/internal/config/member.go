package config

import (
	"encoding/json"
	"net"
	"net/netip"
	"regexp"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/selector"
)

// A Member is a next hop.
type Member struct {
	ID     string
	Dev    string     // the interface to it
	Addr   netip.Addr // its address there
	MAC    engine.MAC // its own; zero: it is asked of the neighbour table
	Weight uint32     // 0: drained
	Backup bool       // takes flows while every other is down or drained
	Tunnel Tunnel     // zero: it is on the link

	// Incarnation tells the member from others that had its ID before. It is
	// given by a cluster, and no part of a configuration; 0: none.
	Incarnation uint64

	value value
}

// MarshalJSON writes the member as a configuration has it.
func (m Member) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ID     string     `json:"id"`
		Dev    string     `json:"dev"`
		Addr   netip.Addr `json:"addr"`
		MAC    string     `json:"mac,omitempty"`
		Weight uint32     `json:"weight"`
		Backup bool       `json:"backup,omitempty"`
		Tunnel *Tunnel    `json:"tunnel,omitempty"`
	}{m.ID, m.Dev, m.Addr, m.given(), m.Weight, m.Backup, m.Tunnel.given()})
}

// SamePlace reports whether o is behind the same interface, at the same MAC
// address or, where that was not given, at the same address, and in the same
// tunnel.
func (m Member) SamePlace(o Member) bool {
	return m.Dev == o.Dev && m.MAC == o.MAC && (m.MAC != engine.MAC{} || m.NextHop() == o.NextHop()) &&
		m.Outer() == o.Outer()
}

// Equal reports whether o is the same but for where it was read from.
func (m Member) Equal(o Member) bool {
	return m.ID == o.ID && m.Dev == o.Dev && m.Addr == o.Addr && m.MAC == o.MAC &&
		m.Weight == o.Weight && m.Backup == o.Backup && m.Tunnel == o.Tunnel && m.Incarnation == o.Incarnation
}

// given returns the MAC address as it was given; empty if it was not.
func (m Member) given() string {
	if m.MAC == (engine.MAC{}) {
		return ""
	}
	return net.HardwareAddr(m.MAC[:]).String()
}

// Identities returns what a strategy needs to know of members.
func Identities(members []Member) []selector.Member {
	list := make([]selector.Member, len(members))
	for i, m := range members {
		list[i] = selector.Member{ID: m.ID, Weight: m.Weight}
	}
	return list
}

// ParseMembers reads the members of one service: a list, or an object with the
// list as "members".
func ParseMembers(data []byte) (members []Member, err error) {
	v, err := parse("", data)
	if err != nil {
		return nil, err
	}
	if _, ok := v.data.([]value); ok {
		return v.members()
	}
	err = v.fields(map[string]func(value) error{
		"members": func(v value) (err error) { members, err = v.members(); return err },
	})
	if err == nil {
		err = v.require("members")
	}
	return members, err
}

// A MemberChange is what is to become of a member.
type MemberChange struct{ value value }

// ParseMemberChange reads a change, in time linear in its length.
func ParseMemberChange(data []byte) (MemberChange, error) {
	v, err := parse("", data)
	return MemberChange{v}, err
}

// Of returns the member with an ID after the change. What the change does not
// say stays as it is in present, which is nil if there is none yet. The time
// does not depend on how long the change is.
func (c MemberChange) Of(id string, present *Member) (Member, error) {
	v := c.value
	if !idPattern.MatchString(id) {
		return Member{}, v.errorf("%q: %s", id, idRule)
	}
	m := Member{ID: id, Weight: 1}
	if present != nil {
		m = *present
	}
	if err := m.decode(v); err != nil {
		return Member{}, err
	}
	if m.ID != id {
		return Member{}, v.at("id").errorf("the ID of the body, %q, is not that of the path, %q", m.ID, id)
	}
	return m, nil
}

func (v value) members() (members []Member, err error) {
	list, err := v.items()
	if err != nil {
		return nil, err
	}
	members = make([]Member, 0, len(list)) // not nil, or it would be null in JSON
	seen := make(map[string]bool, len(list))
	for _, item := range list {
		m := Member{Weight: 1}
		if err := m.decode(item); err != nil {
			return nil, err
		}
		if seen[m.ID] {
			return nil, item.at("id").errorf("another member is called %q", m.ID)
		}
		seen[m.ID] = true
		members = append(members, m)
	}
	return members, nil
}

const idRule = "an ID is made of letters, digits, '.', '_' and '-', starts with a letter or digit, " +
	"and has up to 100 of them"

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

func (v value) name() (string, error) {
	s, err := v.text()
	if err == nil && !idPattern.MatchString(s) {
		return "", v.errorf("%q: %s", s, idRule)
	}
	return s, err
}

// decode changes m as the value says. A MAC address that was given does not
// hold for a new place.
func (m *Member) decode(v value) error {
	before, hadMAC := *m, false
	err := v.fields(map[string]func(value) error{
		"id":     func(v value) (err error) { m.ID, err = v.name(); return err },
		"dev":    func(v value) (err error) { m.Dev, err = v.device(); return err },
		"addr":   func(v value) (err error) { m.Addr, err = v.addr(); return err },
		"mac":    func(v value) (err error) { m.MAC, err = v.mac(); hadMAC = true; return err },
		"weight": numberInto(&m.Weight, 0, selector.MaxWeight),
		"backup": boolInto(&m.Backup),
		"tunnel": m.Tunnel.decode,
	})
	if err != nil {
		return err
	}
	m.value = v
	switch {
	case m.ID == "":
		return v.require("id")
	case m.Dev == "":
		return v.require("dev")
	case !m.Addr.IsValid():
		return v.require("addr")
	}
	if !hadMAC && (m.Dev != before.Dev || m.NextHop() != before.NextHop()) {
		m.MAC = engine.MAC{}
	}
	return m.checkTunnel(v.at("tunnel"))
}

func isBroadcast(a netip.Addr) bool { return a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) }

func (v value) addr() (netip.Addr, error) {
	s, err := v.text()
	if err != nil {
		return netip.Addr{}, err
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" || a.Is4In6() {
		return a, v.errorf("%q is no address", s)
	}
	if a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() || isBroadcast(a) {
		return a, v.errorf("%s is no address of a member", s)
	}
	return a, nil
}

func (v value) mac() (mac engine.MAC, err error) {
	s, err := v.text()
	if err != nil {
		return mac, err
	}
	b, err := net.ParseMAC(s)
	if err != nil || len(b) != len(mac) {
		return mac, v.errorf("%q is no MAC address", s)
	}
	if mac = engine.MAC(b); mac[0]&1 != 0 || mac == (engine.MAC{}) {
		return mac, v.errorf("%s is no MAC address of one member", s)
	}
	return mac, nil
}
