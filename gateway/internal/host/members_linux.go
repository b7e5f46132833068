package host

import (
	"fmt"
	"net/netip"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"
)

// mostMembers is of how many members the kernel is asked for the way to them:
// one request each.
const mostMembers = 256

// strangers finds members whose address is not on the link of their interface:
// the kernel resolves no neighbour for it there, and checks go elsewhere.
func (l *look) strangers() (list []Finding) {
	for _, m := range l.want.Members[:min(len(l.want.Members), mostMembers)] {
		if _, ok := l.byName[m.Dev]; !ok || m.Addr.IsLinkLocalUnicast() {
			continue // the member is down, with the reason; or its address is of every link
		}
		r, err := lookUp(l.conn, m.Addr)
		f := Finding{About: "member " + m.ID, Wrong: true}
		switch dev := l.byIndex[r.dev]; {
		case err != nil:
			f.Says = fmt.Sprintf("its address %s is in no network of %s: the kernel has no route to it", m.Addr, m.Dev)
		case r.kind == unix.RTN_LOCAL:
			f.Says = fmt.Sprintf("its address %s is one of this host", m.Addr)
		case dev != m.Dev:
			f.Says = fmt.Sprintf("its address %s is in no network of %s: the kernel has it behind %s",
				m.Addr, m.Dev, dev)
		case r.via.IsValid() && m.Outer > 0: // which is the way: see Routers
			continue
		case r.via.IsValid():
			f.Says = fmt.Sprintf("its address %s is in no network of %s: the kernel has it behind the router %s",
				m.Addr, m.Dev, r.via)
		default:
			continue
		}
		list = append(list, f)
	}
	return list
}

// Routers finds, of members in tunnels, those that the kernel has behind a
// router on the link of their interface, at the cost of one request each and one
// for all interfaces.
func Routers(members []Member) (map[Member]netip.Addr, error) {
	routers := make(map[Member]netip.Addr)
	var conn *rtnetlink.Conn
	var names map[int]string // of all interfaces; nil: none was looked up
	for _, m := range members {
		if m.Outer == 0 || m.Addr.IsLinkLocalUnicast() {
			continue
		}
		if conn == nil {
			var err error
			if conn, err = rtnetlink.Dial(nil); err != nil {
				return nil, err
			}
			defer conn.Close() //nolint:errcheck // nothing was written
		}
		r, err := lookUp(conn, m.Addr)
		if err != nil || !r.via.IsValid() {
			continue
		}
		if names == nil {
			if names, err = namesOf(conn); err != nil {
				return nil, err
			}
		}
		if names[r.dev] == m.Dev {
			routers[m] = r.via
		}
	}
	return routers, nil
}
