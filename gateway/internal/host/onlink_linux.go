package host

import (
	"net/netip"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"
)

// OnLink returns for addresses by which interface the kernel reaches them, at
// the cost of one request each. It leaves out those that it has no route to or
// reaches by a router, those of this host, and those of the link alone, which
// every link may have.
func OnLink(addrs []netip.Addr) (map[netip.Addr]string, error) {
	c, err := rtnetlink.Dial(nil)
	if err != nil {
		return nil, err
	}
	defer c.Close() //nolint:errcheck // nothing was written
	names, err := namesOf(c)
	if err != nil {
		return nil, err
	}
	found := make(map[netip.Addr]string, len(addrs))
	for _, a := range addrs {
		if _, known := found[a]; known || a.IsLinkLocalUnicast() {
			continue
		}
		r, err := lookUp(c, a)
		if err != nil || r.kind != unix.RTN_UNICAST || r.via.IsValid() {
			continue
		}
		if name, ok := names[r.dev]; ok {
			found[a] = name
		}
	}
	return found, nil
}

// namesOf returns the names of interfaces by index, without the loopback, which
// leads nowhere. It has the kernel list them all.
func namesOf(c *rtnetlink.Conn) (map[int]string, error) {
	links, err := c.Link.List()
	if err != nil {
		return nil, err
	}
	names := make(map[int]string, len(links))
	for _, l := range links {
		if l.Flags&unix.IFF_LOOPBACK == 0 && l.Attributes != nil {
			names[int(l.Index)] = l.Attributes.Name
		}
	}
	return names, nil
}
