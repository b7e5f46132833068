package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

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

	tables *fib.Tables6 // nil until needed
	routes map[routeKey]*hostRoute
	seen   []*liveRoute // in the order in which flows took them
}

// sysctls are the sysctls of a family. Problem says why nothing can be
// predicted from them, or is nil.
type sysctls struct {
	linux   hash.Linux611
	problem error
}

type routeKey struct {
	prefix         netip.Prefix
	table, metric  uint32
	object         uint32
	typ            uint8
	firstHop, hops int
}

// A hostRoute is a route with its group.
type hostRoute struct {
	group group

	// unsure holds the next hops, by index, that the kernel may refuse for
	// their neighbours' sake; it then keeps one that depends on history.
	unsure []bool
}

func newHost(conn *fib.Conn) (*host, error) {
	h := &host{conn: conn, routes: map[routeKey]*hostRoute{}, devices: map[int]string{}}
	h.v4, h.v6 = readSettings("ipv4"), readSettings("ipv6")
	useNeigh, _ := sysctl("ipv4/fib_multipath_use_neigh")
	router6, _ := sysctl("ipv6/conf/all/forwarding")
	h.useNeigh, h.router6 = useNeigh != 0, router6 != 0
	var err error
	if h.neighbours, err = conn.Neighbours(); err != nil {
		return nil, err
	}
	if h.addresses, err = conn.Addresses(); err != nil {
		return nil, err
	}
	devices, err := net.Interfaces()
	for _, d := range devices {
		h.devices[d.Index] = d.Name
	}
	return h, err
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
// chooses.
func (h *host) predict(k hash.FlowKey, s socket) (prediction, error) {
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
	case s4.problem != nil:
		p.Why = s4.problem.Error()
	default:
		h.byHash(&p, to, s4.linux, k, s)
	}
	return h.ask(p, k, q)
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
	}
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
		p.Why = "the neighbour is not known to be reachable, and a host, other than a router, then keeps " +
			"to the next hop that it looked at first"
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

// route returns the group of a route, which it keeps.
func (h *host) route(r fib.Route, s sysctls) (*hostRoute, error) {
	key := routeKey{r.Prefix, r.Table, r.Metric, r.Nexthop, r.Type, 0, len(r.Hops)}
	if len(r.Hops) == 1 {
		key.firstHop = r.Hops[0].Out
	}
	if to, ok := h.routes[key]; ok {
		return to, nil
	}
	r, err := h.conn.Complete(r)
	if err != nil {
		return nil, err
	}
	to := h.groupOf(r)
	h.routes[key] = to
	l := &liveRoute{
		Prefix: r.Prefix.String(), Table: r.Table, Kind: kindName(r.Kind), Policy: int(s.linux.Policy),
		Seed: s.linux.Seed, Buckets: len(r.Buckets),
	}
	if s.linux.Policy == hash.LinuxCustom {
		l.Fields = fmt.Sprintf("%#x", s.linux.Fields)
	}
	for i, hop := range to.group.hops {
		state := hop.state()
		if state == "" && r.Hops[i].Linkdown {
			state = "linkdown"
		}
		l.Nexthops = append(l.Nexthops, liveHop{hop.name, hop.weight, state})
	}
	h.seen = append(h.seen, l)
	return to, nil
}

// groupOf returns the group of next hops of a route.
func (h *host) groupOf(r fib.Route) *hostRoute {
	v6 := r.Prefix.Addr().Is6()
	list := r.Kind == fib.Inline
	g := group{
		buckets: r.Buckets, list: list && !v6, passOver: r.Kind == fib.Object || list && !v6 && h.useNeigh,
	}
	unsure := make([]bool, len(r.Hops))
	for i, of := range r.Hops {
		valid, known := h.neighbours[fib.Neighbour{Addr: of.Gateway, Out: of.Out}]
		hop := hop{name: h.hopName(of.Gateway, of.Out), weight: of.Weight, dead: of.Dead, failed: known && !valid}
		if g.list {
			hop.source = fib.Source(h.addresses, of.Out, of.Gateway)
		}
		unsure[i] = list && v6 && !h.router6 && of.Gateway.IsValid() && !valid
		g.hops = append(g.hops, hop)
	}
	if err := g.build(); err != nil {
		g.living = nil
	}
	return &hostRoute{g, unsure}
}

// noRoute returns why the kernel has no route for a flow, or the error that is
// another.
func noRoute(err error) (string, error) {
	var number unix.Errno
	if !errors.As(err, &number) {
		return "", err
	}
	switch number {
	case unix.ENETUNREACH:
		return "there is no route", nil
	case unix.EHOSTUNREACH:
		return "the route is unreachable, or there is none", nil
	case unix.EINVAL:
		return "the route is a blackhole, or an address is not one to route", nil
	case unix.EACCES:
		return "the route is prohibited", nil
	case unix.EXDEV:
		return "the source is refused: reverse path filtering, or an address of this host", nil
	}
	return "", err
}

// notRouted returns why a route of this type leads to no next hop, or "".
func notRouted(typ uint8) string {
	switch typ {
	case unix.RTN_UNICAST:
		return ""
	case unix.RTN_LOCAL, unix.RTN_BROADCAST, unix.RTN_ANYCAST:
		return "the packet is for this host"
	case unix.RTN_MULTICAST:
		return "the packet is multicast"
	case unix.RTN_BLACKHOLE:
		return "the route is a blackhole"
	case unix.RTN_PROHIBIT:
		return "the route is prohibited"
	}
	return "the route is unreachable"
}
