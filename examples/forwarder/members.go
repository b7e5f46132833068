package main

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/selector"
)

// A member is a member of the group as the command line gives it.
type member struct {
	selector.Member
	addr netip.Addr
}

// What can be wrong with a member, to be matched by errors.Is. The error itself
// is a [*MemberError].
var (
	ErrMemberSyntax  = errors.New("not of the form id=address or id=address:weight")
	ErrMemberID      = errors.New("an ID is letters, digits, '.', '_' and '-', and starts with a letter or digit")
	ErrMemberAddress = errors.New("bad address")
	ErrMemberWeight  = errors.New("a weight is a number from 0 to 4294967295")
	ErrMemberTwice   = errors.New("the MAC address derived from its address is another member's")
)

// A MemberError says which member of a list is wrong, and how.
type MemberError struct {
	Member string // as it was given
	Err    error
}

func (e *MemberError) Error() string { return fmt.Sprintf("member %q: %v", e.Member, e.Err) }

// Unwrap returns e.Err.
func (e *MemberError) Unwrap() error { return e.Err }

// parseMembers reads a list such as
// pod1=10.0.0.1,pod2=10.0.0.2:3,pod3=2001:db8::3,pod4=[2001:db8::4]:2. An IPv6
// address with a weight stands in brackets. Without a weight it is 1; weight 0
// drains the member.
func parseMembers(list string) ([]member, error) {
	var members []member
	macs := make(map[engine.MAC]bool)
	for text := range strings.SplitSeq(list, ",") {
		m, err := parseMember(strings.TrimSpace(text))
		if err == nil && macs[macOf(m.addr)] {
			err = ErrMemberTwice
		}
		if err != nil {
			return nil, &MemberError{text, err}
		}
		macs[macOf(m.addr)] = true
		members = append(members, m)
	}
	// The group would refuse it too, but only after the outputs are there.
	if err := selector.Validate(identities(members)); err != nil && !errors.Is(err, selector.ErrNoWeight) {
		return nil, err
	}
	return members, nil
}

// idPattern keeps IDs such that they can name a file.
const idPattern = `^[A-Za-z0-9][A-Za-z0-9._-]*$`

func parseMember(text string) (m member, err error) {
	id, rest, ok := strings.Cut(text, "=")
	if !ok {
		return m, ErrMemberSyntax
	}
	if ok, _ := regexp.MatchString(idPattern, id); !ok {
		return m, ErrMemberID
	}
	m.Member = selector.Member{ID: id, Weight: 1}
	host, weight, weighted := rest, "", false
	switch {
	case strings.HasPrefix(rest, "["):
		if host, weight, ok = strings.Cut(rest[1:], "]"); !ok {
			return m, fmt.Errorf("%w: no closing bracket", ErrMemberAddress)
		}
		if weight, weighted = strings.CutPrefix(weight, ":"); !weighted && weight != "" {
			return m, ErrMemberSyntax
		}
	case strings.Count(rest, ":") == 1: // more are of an IPv6 address
		host, weight, weighted = strings.Cut(rest, ":")
	}
	if m.addr, err = netip.ParseAddr(host); err != nil {
		return m, fmt.Errorf("%w: %w", ErrMemberAddress, err)
	}
	if m.addr.Zone() != "" {
		return m, fmt.Errorf("%w: a zone is no part of it", ErrMemberAddress)
	}
	m.addr = m.addr.Unmap()
	if weighted {
		w, err := strconv.ParseUint(weight, 10, 32)
		if err != nil {
			return m, ErrMemberWeight
		}
		m.Weight = uint32(w)
	}
	return m, nil
}

// macOf derives the MAC address that stands for an address, since a capture has
// no neighbours to ask: 02:00 and the four bytes of an IPv4 address, or 06 and
// the last five of an IPv6 one. Both are locally administered.
func macOf(a netip.Addr) engine.MAC {
	b := a.AsSlice()
	if a.Is4() {
		return engine.MAC{0x02, 0x00, b[0], b[1], b[2], b[3]}
	}
	return engine.MAC{0x06, b[11], b[12], b[13], b[14], b[15]}
}

func identities(members []member) []selector.Member {
	list := make([]selector.Member, len(members))
	for i, m := range members {
		list[i] = m.Member
	}
	return list
}
