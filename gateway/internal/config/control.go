package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// Control is where the gateway is controlled from.
type Control struct {
	Network string // unix or tcp
	Address string
	Token   string // empty: none is needed
}

// String returns the address as a configuration has it.
func (c Control) String() string {
	if c.Network == "unix" {
		return "unix:" + c.Address
	}
	return c.Address
}

const minToken = 16

func (c *Control) decode(v value) error {
	s, err := v.text()
	if err != nil {
		return err
	}
	at, err := ParseControl(s)
	if err != nil {
		return v.errorf("%v", err)
	}
	c.Network, c.Address = at.Network, at.Address
	return nil
}

// ParseControl reads an address as a configuration has it.
func ParseControl(s string) (Control, error) {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		const most = 107 // a socket's address has 108 bytes, with a zero at its end
		if path == "" || len(path) > most || path[0] == '@' {
			// A socket whose name starts so has no file, and so no permissions.
			return Control{}, fmt.Errorf("%q: the path of a socket has 1 to %d bytes and starts with no '@'", s, most)
		}
		return Control{Network: "unix", Address: path}, nil
	}
	if a, err := netip.ParseAddrPort(s); err != nil || a.Addr().Zone() != "" {
		return Control{}, fmt.Errorf("%q is neither unix:PATH nor an IP address with a port", s)
	}
	return Control{Network: "tcp", Address: s}, nil
}

func (c *Control) decodeToken(v value) (err error) {
	if c.Token, err = v.text(); err == nil && len(c.Token) < minToken {
		return v.errorf("a token has %d characters or more", minToken)
	}
	return err
}

// check refuses an address that others reach, without a token.
func (c *Control) check(root value) error {
	if c.Token != "" || c.Loopback() {
		return nil
	}
	return root.at("control").errorf("%s is reached from elsewhere: a \"token\" is needed", c.Address)
}

// Loopback reports whether only this host reaches the address.
func (c *Control) Loopback() bool {
	a, err := netip.ParseAddrPort(c.Address)
	return c.Network == "unix" || err == nil && a.Addr().Unmap().IsLoopback()
}
