package config

import (
	"errors"
	"net/netip"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
)

// A Tunnel is how packets come to a member that is not on the link. The zero
// Tunnel is none.
type Tunnel struct {
	Local  netip.Addr `json:"local"`           // the source of the outer packets
	Remote netip.Addr `json:"remote,omitzero"` // their destination; not valid: the member's address
	Via    netip.Addr `json:"via,omitzero"`    // the router on the link; not valid: the destination is there
}

func (t Tunnel) given() *Tunnel {
	if t == (Tunnel{}) {
		return nil
	}
	return &t
}

// decode changes t as the value says; null is no tunnel.
func (t *Tunnel) decode(v value) error {
	if v.data == nil {
		*t = Tunnel{}
		return nil
	}
	*t = Tunnel{}
	into := func(to *netip.Addr) func(value) error {
		return func(v value) (err error) { *to, err = v.addr(); return err }
	}
	err := v.fields(map[string]func(value) error{
		"local": into(&t.Local), "remote": into(&t.Remote), "via": into(&t.Via),
	})
	if err != nil {
		return err
	}
	return v.require("local")
}

// checkTunnel checks that there is a tunnel between its ends.
func (m *Member) checkTunnel(v value) error {
	if m.Tunnel == (Tunnel{}) {
		return nil
	}
	_, err := engine.NewTunnel(m.Tunnel.Local, m.remote())
	if e, ok := errors.AsType[*engine.TunnelError](err); ok {
		return v.errorf("member %q: a tunnel from %s to %s: %s", m.ID, e.Local, e.Remote, e.Reason)
	}
	return nil
}

// remote is the destination of the outer packets.
func (m Member) remote() netip.Addr {
	if m.Tunnel.Remote.IsValid() {
		return m.Tunnel.Remote
	}
	return m.Addr
}

// Outer returns the tunnel to the member; the zero one if it has none.
func (m Member) Outer() engine.Tunnel {
	if m.Tunnel == (Tunnel{}) {
		return engine.Tunnel{}
	}
	t, _ := engine.NewTunnel(m.Tunnel.Local, m.remote()) // checked
	return t
}

// NextHop returns the address on the link that frames to the member go to.
func (m Member) NextHop() netip.Addr {
	switch {
	case m.Tunnel == (Tunnel{}):
		return m.Addr
	case m.Tunnel.Via.IsValid():
		return m.Tunnel.Via
	}
	return m.remote()
}
