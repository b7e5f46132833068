package main

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/linuxpath/internal/fib"
	"github.com/ecmp-go/ecmp/hash"
)

const mainTable = unix.RT_TABLE_MAIN

// A host is what the kernel of this host goes by, read once.
type host struct {
	conn *fib.Conn
	in   int    // index of the interface by which flows come in; 0: this host sends them
	mark uint32 // of the flows

	v4, v6     sysctls
	useNeigh   bool // fib_multipath_use_neigh
	router6    bool // net.ipv6.conf.all.forwarding
	neighbours map[fib.Neighbour]bool
	addresses  []fib.Address
	devices    map[int]string
	up         map[int]bool // the interfaces that are up, with or without carrier

	tables *fib.Tables6 // nil until needed
	routes map[routeKey]*hostRoute
	reread time.Time
	seen   []*liveRoute // in the order in which flows took them
}

// sysctls are the sysctls of a family. Problem says why nothing can be
// predicted from them, or is nil.
type sysctls struct {
	linux   hash.Linux611
	problem error
}

func newHost(conn *fib.Conn) (*host, error) {
	h := &host{conn: conn}
	return h, h.read()
}

// read reads what the kernel goes by, and forgets what was read before.
func (h *host) read() error {
	h.routes, h.devices, h.tables = map[routeKey]*hostRoute{}, map[int]string{}, nil
	h.up = map[int]bool{}
	h.v4, h.v6 = readSettings("ipv4"), readSettings("ipv6")
	useNeigh, _ := sysctl("ipv4/fib_multipath_use_neigh")
	router6, _ := sysctl("ipv6/conf/all/forwarding")
	h.useNeigh, h.router6 = useNeigh != 0, router6 != 0
	var err error
	if h.neighbours, err = h.conn.Neighbours(); err != nil {
		return err
	}
	if h.addresses, err = h.conn.Addresses(); err != nil {
		return err
	}
	devices, err := net.Interfaces()
	for _, d := range devices {
		h.devices[d.Index], h.up[d.Index] = d.Name, d.Flags&net.FlagUp != 0
	}
	return err
}

// readSettings reads the sysctls of ipv4 or ipv6.
func readSettings(family string) (s sysctls) {
	seed, err := sysctl("ipv4/fib_multipath_hash_seed")
	switch {
	case errors.Is(err, os.ErrNotExist):
		return sysctls{problem: errors.New("this kernel has no net.ipv4.fib_multipath_hash_seed, as those before 6.11")}
	case err != nil:
		return sysctls{problem: err}
	case seed == 0:
		s.problem = errors.New("net.ipv4.fib_multipath_hash_seed is 0: the seed is random")
	}
	policy, err := sysctl(family + "/fib_multipath_hash_policy")
	if err != nil {
		return sysctls{problem: err}
	}
	fields, err := sysctl(family + "/fib_multipath_hash_fields")
	if err != nil {
		return sysctls{problem: err}
	}
	if s.linux, err = kernel(seed, policy, fields); err != nil {
		s.problem = err
	}
	return s
}

// sysctl reads a file below /proc/sys/net.
func sysctl(name string) (uint, error) {
	b, err := os.ReadFile("/proc/sys/net/" + name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32)
	return uint(n), err
}

// hopName names a next hop by its gateway and interface.
func (h *host) hopName(gateway netip.Addr, out int) string {
	device, ok := h.devices[out]
	if !ok {
		device = strconv.Itoa(out)
	}
	if !gateway.IsValid() {
		return device
	}
	return gateway.String() + "@" + device
}

// predict returns the prediction for a flow, with the next hop that the kernel
// chooses. If it is wrong, a link or a neighbour may have changed since the
// host was read, so predict reads it again, at most once a second, and makes up
// its mind anew.
func (h *host) predict(k hash.FlowKey, s socket) (prediction, error) {
	p, err := h.predictOnce(k, s)
	if err != nil || !p.wrong() || time.Since(h.reread) < time.Second {
		return p, err
	}
	h.reread = time.Now()
	if err := h.read(); err != nil {
		return p, err
	}
	return h.predictOnce(k, s)
}

func (h *host) predictOnce(k hash.FlowKey, s socket) (prediction, error) {
	s4 := h.v4
	if k.Is6() {
		s4 = h.v6
	}
	q := h.query(k, s)
	p := prediction{Flow: k.String(), Socket: s, Policy: int(s4.linux.Policy), Seed: s4.linux.Seed}
	route, err := h.match(q)
	if errors.Is(err, fib.ErrRule) {
		p.Why = err.Error()
		return h.ask(p, k, q)
	}
	if err != nil {
		p.Why, err = noRoute(err)
		return p, err
	}
	if p.Why = notRouted(route.Type); p.Why != "" {
		return p, nil
	}
	to, err := h.route(route, s4)
	if err != nil {
		return p, err
	}
	switch {
	case to.group.living == nil:
		p.Why = errAllDead.Error()
	case len(to.group.living) == 1:
		i := to.group.living[0]
		p.Nexthop, p.Why = to.group.hops[i].name, "it is the only next hop"
		if to.unsure[i] {
			p.Nexthop, p.Why = "", unsureWhy
		}
	case route.Offloaded && !s.local():
		p.Why = "the route is offloaded to hardware, which hashes by rules of its own"
	case s4.problem != nil:
		p.Why = s4.problem.Error()
	default:
		h.byHash(&p, to, s4.linux, k, s)
	}
	p.group = &to.group
	if p, err = h.ask(p, k, q); err != nil || !p.wrong() {
		return p, err
	}
	if again, err := h.match(q); err != nil || keyOf(again) != keyOf(route) {
		p.Nexthop, p.Query, p.Why = "", "", "the kernel changes between routes, as it does while neighbours fail"
	}
	return p, nil
}

// match returns the route that a flow takes.
func (h *host) match(q fib.Query) (r fib.Route, err error) {
	r, err = h.conn.Match(q)
	if err != nil || r.Nexthop == 0 || q.Dst.Is4() {
		return r, err
	}
	if h.tables == nil {
		if h.tables, err = h.conn.Tables6(); err != nil {
			return r, err
		}
	}
	return h.tables.Match(q)
}

// ask completes a prediction with the kernel's choice.
func (h *host) ask(p prediction, k hash.FlowKey, q fib.Query) (prediction, error) {
	if q.Proto != k.Proto() || p.random {
		return p, nil
	}
	answer, err := h.conn.Ask(q)
	if err == nil {
		p.Kernel = h.hopName(answer.Gateway, answer.Out)
		return p, nil
	}
	p.Nexthop, p.Query = "", ""
	p.Why, err = noRoute(err)
	return p, err
}

// byHash predicts a flow that the kernel hashes.
func (h *host) byHash(p *prediction, to *hostRoute, l hash.Linux611, k hash.FlowKey, s socket) {
	query := h.asked(to, l, k, s)
	*p = predict(l, to.group, k, s)
	if p.Nexthop == "" {
		return
	}
	if query.name != p.Nexthop {
		p.Query = query.name
	}
	if owner := to.group.choose(l.Hash(s.routed(k)), netip.Addr{}).index; to.unsure[owner] || to.unsure[query.index] {
		p.Nexthop, p.Query = "", ""
		p.Why = unsureWhy
	}
}

// asked returns the next hop that the kernel should name when it is asked. It
// hashes a query for IPv4 as if the flow was forwarded, and one for IPv6 as if
// this host sent it, and takes no label of a forwarded one.
func (h *host) asked(to *hostRoute, l hash.Linux611, k hash.FlowKey, s socket) choice {
	l.Local = k.Is6()
	routed := s.routed(k)
	if l.Local && !s.local() {
		routed = routed.WithLabel(0)
	}
	return to.group.choose(l.Hash(routed), s.preferred(k))
}

// query returns the question for the kernel about a flow. It knows no other
// protocols than TCP, UDP and ICMP.
func (h *host) query(k hash.FlowKey, s socket) fib.Query {
	q := fib.Query{Dst: k.Dst().Addr(), Mark: h.mark, In: h.in}
	if src := s.source(k); !src.IsUnspecified() {
		q.Src = src
	}
	icmp := uint8(hash.ICMP)
	if k.Is6() {
		icmp = hash.ICMPv6
	}
	switch k.Proto() {
	case hash.TCP, hash.UDP:
		q.SrcPort, q.DstPort, q.Proto = k.Src().Port(), k.Dst().Port(), k.Proto()
	case icmp:
		q.Proto = icmp
	}
	if s.local() {
		q.Label = k.Label()
	}
	return q
}
