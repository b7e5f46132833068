package host

import (
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"net"
	"net/netip"
	"sync"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"
)

// Ways lead packets of this host for a virtual address to one member each. What
// is for a member has a mark, for which there is a rule, and a routing table with
// the number of the mark that leads all virtual addresses over the member's link:
// to its address, or to a stand-in that has the MAC address that was given.
// It is safe for concurrent use.
type Ways struct {
	first uint32 // of MostHops marks

	mu    sync.Mutex
	paths []Path
	ways  map[Hop]way
	conn  *rtnetlink.Conn // to ask the kernel by; nil: nobody has asked yet
}

// A way is that to a member.
type way struct {
	mark uint32
	dev  int // the index of the interface; 0: it is not there, or not up
}

// newWays returns those of the gateway of a name: each has marks of its own, the
// same ones after it was killed.
func newWays(name string) *Ways {
	const prefix, room = 0x65 << 24, 16 // of the name 16 bits are in the mark
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	return &Ways{first: prefix | h.Sum32()>>room*MostHops, ways: make(map[Hop]way)}
}

// A NoWayError says why a packet for a virtual address does not come to a member.
type NoWayError struct {
	Path
	Reason string
}

func (e *NoWayError) Error() string {
	return fmt.Sprintf("%s is not led to %s on %s: %s", e.VIP, e.Addr, e.Dev, e.Reason)
}

// Mark returns what a packet to the virtual address of a path is to be marked by,
// after asking the kernel where it would send that. The error is a [NoWayError],
// or says that the kernel can't be asked.
func (w *Ways) Mark(p Path) (uint32, error) {
	w.mu.Lock()
	way := w.ways[p.Hop]
	c, err := w.dial()
	w.mu.Unlock()
	if way.dev == 0 {
		return 0, &NoWayError{p, "there is no rule for it yet, or the interface is not up"}
	}
	if err != nil {
		return 0, err
	}
	if says := way.astray(c, p); says != "" {
		return 0, &NoWayError{p, says}
	}
	return way.mark, nil
}

// Ask says which members checks don't come to, and why, but for those whose
// interface is not up, who are down.
func (w *Ways) Ask() (list []Finding, err error) {
	w.mu.Lock()
	paths, ways := w.paths, maps.Clone(w.ways)
	c, err := w.dial()
	w.mu.Unlock()
	if err != nil {
		return nil, err
	}
	type doubt struct {
		vip  netip.Addr
		says string
	}
	var doubts []doubt
	members := make(map[doubt][]string)
	for _, p := range paths {
		way := ways[p.Hop]
		if way.dev == 0 {
			continue
		}
		if says := way.astray(c, p); says != "" {
			d := doubt{p.VIP, says}
			if members[d] == nil {
				doubts = append(doubts, d)
			}
			members[d] = append(members[d], fmt.Sprintf("%s on %s", p.Addr, p.Dev))
		}
	}
	for _, d := range doubts {
		list = append(list, Finding{
			About: fmt.Sprint("checks through ", d.vip), Wrong: true,
			Says: fmt.Sprintf("what they find of %s is not known: %s", some(members[d]), d.says),
		})
	}
	return list, nil
}

// dial returns the connection to the kernel, which several may ask by at once.
func (w *Ways) dial() (*rtnetlink.Conn, error) {
	if w.conn != nil {
		return w.conn, nil
	}
	c, err := rtnetlink.Dial(nil)
	w.conn = c
	return c, err
}

// close is for when nobody asks any more.
func (w *Ways) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn == nil {
		return nil
	}
	c := w.conn
	w.conn = nil
	return c.Close()
}

// astray says where packets with a mark go that are to take a path; empty if they
// take it.
func (w way) astray(c *rtnetlink.Conn, p Path) string {
	r, err := lookUpMarked(c, p.VIP, w.mark)
	switch {
	case err != nil:
		return fmt.Sprintf("the kernel has no route: %v", err)
	case r.kind == unix.RTN_LOCAL:
		return "it is an address of this host. Remove it, \"ip addr del\""
	case r.dev != w.dev || r.via != w.gate(p):
		at := "another interface"
		if d, err := net.InterfaceByIndex(r.dev); err == nil {
			at = d.Name
		}
		if r.via.IsValid() {
			at += " via " + r.via.String()
		}
		return fmt.Sprintf("table %d of the kernel has it behind %s", r.table, at)
	}
	return ""
}

// set takes over the paths that there are to be. A hop keeps its mark for as long
// as it has a path; those for which there is none left have none.
func (w *Ways) set(paths []Path, l *look) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before, taken := w.ways, make(map[uint32]bool)
	w.paths, w.ways = paths, make(map[Hop]way)
	for _, p := range paths {
		if was, ok := before[p.Hop]; ok {
			w.ways[p.Hop], taken[was.mark] = way{was.mark, l.up(p.Dev)}, true
		}
	}
	mark := w.first
	for _, p := range paths {
		if _, ok := w.ways[p.Hop]; ok {
			continue
		}
		for taken[mark] {
			mark++
		}
		if mark-w.first >= MostHops {
			return
		}
		w.ways[p.Hop], taken[mark] = way{mark, l.up(p.Dev)}, true
	}
}

// missing returns what is to be set for the paths whose interface is up. The
// stand-ins come first: once there is a route to one, checks are asked by it.
func (w *Ways) missing(l *look) (steps []step, err error) {
	steps, err = w.missingStandIns(l)
	if err != nil {
		return nil, err
	}
	var rules map[rule]bool
	for _, p := range w.paths {
		way := w.ways[p.Hop]
		if way.dev == 0 || way.astray(l.conn, p) == "" {
			continue
		}
		if rules == nil { // else all is as it should be
			if rules, err = w.rules(l.conn); err != nil {
				return steps, err
			}
		}
		if r := (rule{familyOf(p.VIP), way.mark}); !rules[r] {
			rules[r] = true // of all paths of the hop
			steps = append(steps, step{
				what: fmt.Sprintf("ip %s rule add pref %d fwmark %#x lookup %d", r.flag(), preference, r.mark, r.mark),
				do:   func() error { return l.conn.Rule.Add(r.message()) },
			})
		}
		there, err := way.routed(l.conn, p)
		if err != nil {
			return steps, err
		}
		if !there {
			steps = append(steps, step{
				what: fmt.Sprintf("ip route replace %s via %s dev %s onlink table %d",
					p.VIP, way.gate(p), p.Dev, way.mark),
				do: func() error { return l.conn.Route.Replace(way.route(p)) },
			})
		}
	}
	return steps, nil
}

// leftovers returns the removal of the rules, routes and stand-ins of ways that are
// none any more.
func (w *Ways) leftovers(l *look) (steps []step, err error) {
	type led struct {
		vip  netip.Addr
		mark uint32
	}
	wanted, routes := make(map[rule]bool), make(map[led]bool)
	for _, p := range w.paths {
		if way, ok := w.ways[p.Hop]; ok {
			wanted[rule{familyOf(p.VIP), way.mark}] = true
			routes[led{p.VIP, way.mark}] = true
		}
	}
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		found, e := tableOf(l.conn, family, 0)
		err = errors.Join(err, e)
		for i := range found {
			vip, ok := netip.AddrFromSlice(found[i].Attributes.Dst)
			mark := found[i].Attributes.Table
			if !ok || mark-w.first >= MostHops || routes[led{vip, mark}] {
				continue
			}
			steps = append(steps, step{
				what: fmt.Sprintf("ip route del %s table %d", vip, mark),
				do:   func() error { return unroute(l.conn, vip, mark) },
			})
		}
	}
	standIns, e := w.oldStandIns(l)
	steps, err = append(steps, standIns...), errors.Join(err, e)
	rules, e := w.rules(l.conn)
	for r := range rules {
		if !wanted[r] {
			steps = append(steps, step{
				what: fmt.Sprintf("ip %s rule del pref %d fwmark %#x", r.flag(), preference, r.mark),
				do:   func() error { return unless(l.conn.Rule.Delete(r.message()), unix.ENOENT) },
			})
		}
	}
	return steps, errors.Join(err, e)
}
