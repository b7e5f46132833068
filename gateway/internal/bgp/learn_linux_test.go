package bgp_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

const (
	learnedPrefixes = 10
	learnedHops     = 4
)

// Every other prefix is of IPv6.
func learnedPrefix(i int) netip.Prefix {
	if i%2 == 1 {
		return netip.MustParsePrefix(fmt.Sprintf("fd31:%d::/64", i))
	}
	return netip.MustParsePrefix(fmt.Sprintf("172.31.%d.0/24", i))
}

// host is the address in a learned prefix that every next hop has.
func host(i int) netip.Addr { return learnedPrefix(i).Addr().Next() }

// hopAddr is the address of a next hop of a prefix.
func hopAddr(hop, prefix int) string {
	if learnedPrefix(prefix).Addr().Is6() {
		return fmt.Sprintf("fd09:%d::2", hop)
	}
	return fmt.Sprintf("10.9.%d.2", hop)
}

// A learnBed is a client, a gateway and next hops, each with a router that
// announces the prefixes by itself: bird at the last one, frr at the others.
type learnBed struct {
	client  *netns.Namespace
	gateway *gateway
	routers [learnedHops + 1]announcer // by next hop
	last    *birdHop
}

// An announcer announces a prefix as somewhere in particular, or withdraws it.
type announcer interface {
	announce(t *testing.T, prefix int, as manner)
}

// A manner is how a prefix is announced.
type manner string

const (
	plain     manner = ""
	withdrawn manner = "withdrawn"
	wide      manner = "WIDE"    // with a bandwidth of so many thousands of Mbit/s as the number of the next hop
	leaving   manner = "LEAVING" // under graceful shutdown
)

func newLearnBed(t *testing.T) *learnBed {
	t.Helper()
	bgpd, bird := program(t, "bgpd", "frr"), program(t, "bird", "bird2")
	if err := netns.Available(); err != nil {
		t.Skip(err)
	}
	t.Log("needs privileges, and has them") // for .ci/run
	t.Parallel()
	dir := t.TempDir()
	g := &gateway{ns: namespace(t, "gateway"), file: filepath.Join(dir, "g.json"), socket: filepath.Join(dir, "g")}
	b := &learnBed{client: namespace(t, "client"), gateway: g}
	require.NoError(t, g.ns.SetSysctl("ipv4/ip_forward", 1))
	require.NoError(t, g.ns.SetSysctl("ipv6/conf/all/forwarding", 1))
	// lest the kernel answers what the data plane forwards
	require.NoError(t, g.ns.IP("route add blackhole 172.31.0.0/16\nroute add blackhole fd31::/16\n"))
	join := func(host *netns.Namespace, peer string, number int) {
		require.NoError(t, g.ns.IP(fmt.Sprintf("link add %s type veth peer name eth0 netns %s\nlink set %[1]s up\n"+
			"addr add 10.9.%[3]d.1/24 dev %[1]s\naddr add fd09:%[3]d::1/64 dev %[1]s nodad\n",
			peer, host.Name(), number)))
		require.NoError(t, host.IP(fmt.Sprintf("addr add 10.9.%[1]d.2/24 dev eth0\n"+
			"addr add fd09:%[1]d::2/64 dev eth0 nodad\nlink set eth0 up\n"+
			"route add default via 10.9.%[1]d.1\nroute add default via fd09:%[1]d::1\n", number)))
	}
	join(b.client, "lc", 0)
	var peers []any
	for n := 1; n <= learnedHops; n++ {
		ns := namespace(t, fmt.Sprint("hop", n))
		join(ns, fmt.Sprint("lp", n), n)
		for i := range learnedPrefixes {
			require.NoError(t, ns.IP(fmt.Sprintf("addr add %s/%d dev lo\n", host(i), host(i).BitLen())))
		}
		serveAt(t, ns, byte(n), "::") // of IPv4, too
		if n < learnedHops {
			b.routers[n] = newFRRHop(t, ns, bgpd, n)
		} else {
			b.last = newBirdHop(t, ns, bird, n)
			b.routers[n] = b.last
		}
		peers = append(peers, map[string]any{"addr": fmt.Sprintf("10.9.%d.2", n), "as": 65000 + n})
	}
	data, err := json.Marshal(map[string]any{"in": "lc", "vip": "172.30.0.1",
		"members": []any{map[string]any{"id": "own", "dev": "lp1", "addr": "10.9.1.2"}},
		"control": "unix:" + g.socket, "snapshot": g.file + ".flows",
		"seed": 7, "bgp": map[string]any{"as": 65101, "id": "10.9.0.1", "drain": "0s",
			"nexthop": "fd09::1", "peers": peers,
			"learn": map[string]any{"prefixes": []string{"172.31.0.0/16", "fd31::/16"},
				"keep": "10m", "wait": "1m"}}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(g.file, data, 0o600))
	t.Cleanup(func() {
		if g.end(9); t.Failed() {
			t.Log(g.output.String())
		}
	})
	g.begin(t)
	b.answers(t)
	return b
}

func (b *learnBed) answers(t *testing.T) {
	t.Helper()
	wait(t, "the gateway answers", func() bool { return b.gateway.call("GET", "/stats", nil) == nil })
}

// announce has a next hop announce a prefix.
func (b *learnBed) announce(t *testing.T, hop, prefix int, as manner) {
	t.Helper()
	b.routers[hop].announce(t, prefix, as)
}

// hops returns the members that the gateway has for each prefix, with their
// weights.
func (b *learnBed) hops(t *testing.T) map[string]map[string]uint32 {
	t.Helper()
	all := map[string]map[string]uint32{}
	for _, s := range b.gateway.stats(t).Services {
		hops := map[string]uint32{}
		for _, m := range s.Members {
			if m.State == services.Up {
				hops[m.Addr] = m.Weight
			}
		}
		all[s.Prefixes[0].String()] = hops
	}
	return all
}

// has waits until the gateway's next hops for a prefix are these.
func (b *learnBed) has(t *testing.T, prefix int, weights map[int]uint32) {
	t.Helper()
	want := map[string]uint32{}
	for hop, weight := range weights {
		want[hopAddr(hop, prefix)] = weight
	}
	var got map[string]uint32
	wait(t, fmt.Sprint(learnedPrefix(prefix), " by ", want), func() bool {
		got = b.hops(t)[learnedPrefix(prefix).String()]
		return assert.ObjectsAreEqual(want, got) || len(want)+len(got) == 0
	})
}

// What peers announce becomes groups, with the weights that they give, if all
// do, and without next hops that are to be avoided. No peer hears of it.
func TestLearn(t *testing.T) {
	b := newLearnBed(t)
	equal := map[int]uint32{1: 1, 2: 1, 3: 1, 4: 1}
	for i := range learnedPrefixes {
		b.has(t, i, equal)
	}
	const own = "172.30.0.1/32"
	wait(t, "the gateway's own prefix", func() bool { return slices.Contains(b.last.heard(t), own) })
	for prefix := range 2 {
		for _, hop := range []int{1, 2, 3} {
			b.announce(t, hop, prefix, wide)
		}
		b.has(t, prefix, equal) // one of four has no bandwidth
		b.announce(t, 4, prefix, wide)
		b.has(t, prefix, map[int]uint32{1: 1000, 2: 2000, 3: 3000, 4: 4000})
	}
	b.announce(t, 3, 3, leaving)
	b.has(t, 3, map[int]uint32{1: 1, 2: 1, 4: 1})
	for _, hop := range []int{1, 2, 4} {
		b.announce(t, hop, 3, withdrawn)
	}
	b.has(t, 3, map[int]uint32{3: 1}) // better than none
	b.announce(t, 3, 3, withdrawn)
	b.has(t, 3, nil)
	b.announce(t, 2, 3, plain)
	b.has(t, 3, map[int]uint32{2: 1})
	b.has(t, 2, equal)
	for _, p := range b.gateway.stats(t).BGP.Peers {
		assert.True(t, p.Established())
		assert.NotZero(t, p.Received)
	}
	assert.Equal(t, []netip.Prefix{netip.MustParsePrefix(own)}, b.gateway.stats(t).BGP.Announced)

	b.restarts(t)

	// A peer is told in order: when it has heard of the withdrawal, it would have
	// heard of what others announced before.
	require.NoError(t, b.gateway.call("POST", "/members/own/down", nil))
	wait(t, "the own prefix is withdrawn", func() bool { return !slices.Contains(b.last.heard(t), own) })
	assert.Empty(t, b.last.heard(t), "what is learned is not announced")

	b.loses(t)
}

// restarts: the flows of what is learned outlive the process with their next
// hops, those of one that is drained among them, and so does that drain.
func (b *learnBed) restarts(t *testing.T) {
	t.Helper()
	const perPrefix = 12
	prefixes := []int{4, 5} // of both families
	var flows []*learnedFlow
	defer func() { closeFlows(flows) }()
	for _, prefix := range prefixes {
		for range perPrefix {
			f, err := b.open(prefix)
			require.NoError(t, err)
			flows = append(flows, f)
		}
		at := strings.NewReplacer("/", "-", ":", "_").Replace(learnedPrefix(prefix).String())
		hop := strings.ReplaceAll(hopAddr(2, prefix), ":", "_")
		require.NoError(t, b.gateway.call("POST", fmt.Sprintf("/services/bgp-%s/members/bgp-%s/drain", at, hop), nil))
	}
	b.gateway.end(syscall.SIGTERM)
	b.gateway.begin(t)
	b.answers(t)
	for _, prefix := range prefixes {
		b.has(t, prefix, map[int]uint32{1: 1, 3: 1, 4: 1})
	}
	drained := 0
	for _, f := range flows {
		if f.hop == 2 {
			drained++
		}
		before := f.answers.Load()
		wait(t, "an answer", func() bool { return f.answers.Load() > before || f.ended.Load() })
		assert.False(t, f.ended.Load(), "a flow to next hop %d", f.hop)
	}
	t.Logf("%d flows outlived the process, %d of them at a next hop that is drained", len(flows), drained)
	assert.NotZero(t, drained)
}

func closeFlows(flows []*learnedFlow) {
	for _, f := range flows {
		_ = f.conn.Close()
		<-f.stopped
	}
}

// A learnedFlow is a connection that asks without pause.
type learnedFlow struct {
	prefix  int
	hop     byte // the next hop that it is to
	seen    uint64
	conn    net.Conn
	answers atomic.Uint64
	ended   atomic.Bool
	stopped chan struct{}
}

// Prefixes flap at random under traffic: no flow moves whose next hop stayed.
// ECMP_FLAP is for how long, such as 10m.
func TestLearnFlaps(t *testing.T) {
	duration := 5 * time.Second
	if text := os.Getenv("ECMP_FLAP"); text != "" {
		var err error
		duration, err = time.ParseDuration(text)
		require.NoError(t, err)
	}
	b := newLearnBed(t)
	var up [learnedPrefixes][learnedHops + 1]bool
	var left [learnedPrefixes][learnedHops + 1]uint64 // how often
	for i := range learnedPrefixes {
		b.has(t, i, map[int]uint32{1: 1, 2: 1, 3: 1, 4: 1})
		for n := 1; n <= learnedHops; n++ {
			up[i][n] = true
		}
	}
	const perPrefix = 20
	var flows []*learnedFlow
	defer func() { closeFlows(flows) }()
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a repeatable order
	flaps, opened, own, collateral := 0, 0, 0, 0
	for began := time.Now(); time.Since(began) < duration; {
		var count [learnedPrefixes]int
		for _, f := range flows {
			count[f.prefix]++
		}
		for i := range learnedPrefixes {
			for ; count[i] < perPrefix; count[i]++ {
				f, err := b.open(i)
				require.NoError(t, err)
				f.seen = left[i][f.hop]
				flows = append(flows, f)
				opened++
			}
		}
		i, n := random.IntN(learnedPrefixes), 1+random.IntN(learnedHops)
		living := map[int]uint32{}
		for hop := 1; hop <= learnedHops; hop++ {
			if up[i][hop] != (hop == n) {
				living[hop] = 1
			}
		}
		if len(living) == 0 {
			continue
		}
		if up[i][n] {
			left[i][n]++
			b.announce(t, n, i, withdrawn)
		} else {
			b.announce(t, n, i, plain)
		}
		up[i][n] = !up[i][n]
		flaps++
		b.has(t, i, living)
		flows = slices.DeleteFunc(flows, func(f *learnedFlow) bool {
			if left[f.prefix][f.hop] != f.seen {
				own++ // it may have moved, as its next hop went
				_ = f.conn.Close()
				<-f.stopped
				return true
			}
			if f.ended.Load() {
				collateral++
				return true
			}
			return false
		})
	}
	t.Logf("%d flaps of %d prefixes over %d next hops in %v: of %d flows %d lost their next hop, and %d others moved",
		flaps, learnedPrefixes, learnedHops, duration, opened, own, collateral)
	assert.NotZero(t, flaps)
	assert.NotZero(t, own)
	assert.Zero(t, collateral)
}

// open opens a connection to a prefix, which asks until it is closed or has
// failed.
func (b *learnBed) open(prefix int) (f *learnedFlow, err error) {
	f = &learnedFlow{prefix: prefix, stopped: make(chan struct{})}
	to := netip.AddrPortFrom(host(prefix), port)
	err = b.client.Do(func() error {
		f.conn, err = net.DialTimeout("tcp", to.String(), time.Minute)
		return err
	})
	if err != nil {
		return nil, err
	}
	one := connections{conns: []net.Conn{f.conn}, pods: make([]byte, 1)}
	if err := one.ask(0, f.conn); err != nil {
		return nil, err
	}
	f.hop = one.pods[0]
	go func() {
		defer close(f.stopped)
		for one.ask(0, f.conn) == nil {
			f.answers.Add(1)
			time.Sleep(20 * time.Millisecond)
		}
		f.ended.Store(true)
	}()
	return f, nil
}
