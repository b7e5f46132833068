package lab

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/ecmp-go/ecmp/gateway/internal/decap"
)

// A tunnel is how packets come to a pod that is beyond the link.
type tunnel struct {
	Local  string `json:"local"`
	Remote string `json:"remote"`
}

// beyond is the address of a pod that is on no network of the router.
func (p *pod) beyond(v6 bool) netip.Addr {
	if v6 {
		return netip.MustParseAddr(fmt.Sprintf("2001:db8:ffff::%d", p.number))
	}
	return netip.AddrFrom4([4]byte{192, 0, 2, byte(p.number)})
}

// dig has the pods reached through tunnels alone: each takes the outer header
// off packets for its address beyond the link.
func (n *network) dig(v6 bool) error {
	for _, p := range n.pods {
		remote := p.beyond(v6)
		err := p.ns.Do(func() error {
			c, err := decap.Attach("eth0", remote)
			if err == nil {
				n.ends = append(n.ends, c)
			}
			return err
		})
		if err != nil {
			return err
		}
		p.tunnel = &tunnel{Local: linkAddr(v6, p.number, 1).String(), Remote: remote.String()}
	}
	return nil
}

// fill closes the ends of the tunnels.
func (n *network) fill() (err error) {
	for _, c := range n.ends {
		err = errors.Join(err, c.Close())
	}
	return err
}
