package lab

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/ecmp-go/ecmp/examples/netns"
)

// A bed is the network with its servers and the client: all but a data plane.
type bed struct {
	*network
	servers []*server
	client  *client
}

// clearStale removes the namespaces of runs that crashed. The error is
// ErrUnsupported where there can be none.
func clearStale(log func(string)) error {
	if err := netns.Available(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	stale, err := netns.RemoveStale()
	for _, name := range stale {
		log("removed " + name + " of a run that crashed")
	}
	return err
}

// newBed removes what earlier runs left and makes the bed.
func newBed(c Config) (b *bed, err error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := clearStale(c.Log); err != nil {
		return nil, err
	}
	if err := removeStaleDirs(); err != nil {
		return nil, err
	}
	b = new(bed)
	if b.network, err = newNetwork(c.IPv6); err != nil {
		return nil, err
	}
	if c.Tunnel != "" {
		if err := b.dig(c.Tunnel == TunnelIPv6); err != nil {
			return nil, errors.Join(err, b.close())
		}
	}
	for _, p := range b.pods {
		s, err := newServer(p, b.vip().Addr())
		if err != nil {
			return nil, errors.Join(err, b.close())
		}
		b.servers = append(b.servers, s)
	}
	b.client = &client{ns: b.clientNS, from: linkAddr(c.IPv6, 0, 2), to: netip.AddrPortFrom(b.vip().Addr(), port),
		port: firstPort}
	return b, nil
}

func (b *bed) close() error {
	for _, s := range b.servers {
		s.close()
	}
	return b.network.close()
}
