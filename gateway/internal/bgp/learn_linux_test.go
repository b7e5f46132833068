package bgp_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
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

func learnedPrefix(i int) string { return fmt.Sprintf("172.31.%d.0/24", i) }

// A learnBed is a client, a gateway and next hops, each with a router of frr
// that announces the prefixes by itself.
type learnBed struct {
	client  *netns.Namespace
	gateway *gateway
	dirs    [learnedHops + 1]string // of the routers, by next hop
}

func newLearnBed(t *testing.T) *learnBed {
	t.Helper()
	bgpd := program(t, "bgpd", "frr")
	if err := netns.Available(); err != nil {
		t.Skip(err)
	}
	t.Log("needs privileges, and has them") // for .ci/run
	t.Parallel()
	dir := t.TempDir()
	g := &gateway{ns: namespace(t, "gateway"), file: filepath.Join(dir, "g.json"), socket: filepath.Join(dir, "g")}
	b := &learnBed{client: namespace(t, "client"), gateway: g}
	require.NoError(t, g.ns.SetSysctl("ipv4/ip_forward", 1))
	// lest the kernel answers what the data plane forwards
	require.NoError(t, g.ns.IP("route add blackhole 172.31.0.0/16\n"))
	join := func(host *netns.Namespace, peer string, number int) {
		require.NoError(t, g.ns.IP(fmt.Sprintf("link add %s type veth peer name eth0 netns %s\nlink set %[1]s up\n"+
			"addr add 10.9.%[3]d.1/24 dev %[1]s\n", peer, host.Name(), number)))
		require.NoError(t, host.IP(fmt.Sprintf("addr add 10.9.%[1]d.2/24 dev eth0\nlink set eth0 up\n"+
			"route add default via 10.9.%[1]d.1\n", number)))
	}
	join(b.client, "lc", 0)
	var peers []any
	for n := 1; n <= learnedHops; n++ {
		host := namespace(t, fmt.Sprint("hop", n))
		join(host, fmt.Sprint("lp", n), n)
		for i := range learnedPrefixes {
			require.NoError(t, host.IP(fmt.Sprintf("addr add 172.31.%d.1/32 dev lo\n", i)))
		}
		serveAt(t, host, byte(n), "0.0.0.0")
		b.dirs[n] = announcer(t, host, bgpd, n)
		peers = append(peers, map[string]any{"addr": fmt.Sprintf("10.9.%d.2", n), "as": 65000 + n})
	}
	data, err := json.Marshal(map[string]any{"in": "lc", "vip": "172.30.0.1", "members": []any{},
		"control": "unix:" + g.socket, "seed": 7, "bgp": map[string]any{"as": 65101, "id": "10.9.0.1", "drain": "0s",
			"peers": peers, "learn": map[string]any{"prefixes": []string{"172.31.0.0/16"}}}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(g.file, data, 0o600))
	t.Cleanup(func() {
		if g.end(9); t.Failed() {
			t.Log(g.output.String())
		}
	})
	g.begin(t)
	wait(t, "the gateway answers", func() bool { return g.call("GET", "/stats", nil) == nil })
	return b
}

// announcer starts bgpd of frr at a next hop, without zebra: it announces all
// prefixes, by itself as the next hop. It returns the folder of its socket.
func announcer(t *testing.T, host *netns.Namespace, bgpd string, number int) string {
	t.Helper()
	files := newFRRFiles(t)
	var conf strings.Builder
	fmt.Fprintf(&conf, `hostname hop%[1]d
bgp route-map delay-timer 0
route-map LEAVING permit 10
 set community graceful-shutdown
route-map WIDE permit 10
 set extcommunity bandwidth %[1]d000
router bgp %[2]d
 bgp router-id 10.9.%[1]d.2
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 10.9.%[1]d.1 remote-as 65101
 neighbor 10.9.%[1]d.1 timers 3 9
 neighbor 10.9.%[1]d.1 timers connect 1
 neighbor 10.9.%[1]d.1 advertisement-interval 0
 address-family ipv4 unicast
`, number, 65000+number)
	for i := range learnedPrefixes {
		fmt.Fprintf(&conf, "  network %s\n", learnedPrefix(i))
	}
	conf.WriteString(" exit-address-family\n")
	dir, file := files.dir, files.write(t, "frr.conf", conf.String())
	daemon(t, host, bgpd, "-Z", "-i", filepath.Join(dir, "bgpd.pid"), "-f", file, "--vty_socket", dir,
		"-A", "127.0.0.1", "-P", "0")
	wait(t, "bgpd listens", func() bool { _, err := os.Stat(filepath.Join(dir, "bgpd.vty")); return err == nil })
	return dir
}

// announce has a next hop announce a prefix, or withdraw it, as the words after
// "network" say.
func (b *learnBed) announce(t *testing.T, hop, prefix int, no, words string) {
	t.Helper()
	//nolint:gosec // the command is of this test
	out, err := exec.Command(program(t, "vtysh", "frr"), "--vty_socket", b.dirs[hop], "-d", "bgpd",
		"-c", "configure terminal", "-c", fmt.Sprintf("router bgp %d", 65000+hop),
		"-c", "address-family ipv4 unicast",
		"-c", fmt.Sprintf("%snetwork %s %s", no, learnedPrefix(prefix), words)).CombinedOutput()
	require.NoError(t, err, string(out))
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
		want[fmt.Sprintf("10.9.%d.2", hop)] = weight
	}
	var got map[string]uint32
	wait(t, fmt.Sprint(learnedPrefix(prefix), " by ", want), func() bool {
		got = b.hops(t)[learnedPrefix(prefix)]
		return assert.ObjectsAreEqual(want, got) || len(want)+len(got) == 0
	})
}

// What peers announce becomes groups, with the weights that they give, if all
// do, and without next hops that are to be avoided.
func TestLearn(t *testing.T) {
	b := newLearnBed(t)
	equal := map[int]uint32{1: 1, 2: 1, 3: 1, 4: 1}
	for i := range learnedPrefixes {
		b.has(t, i, equal)
	}
	for _, hop := range []int{1, 2, 3} {
		b.announce(t, hop, 0, "", "route-map WIDE")
	}
	b.has(t, 0, equal) // one of four has no bandwidth
	b.announce(t, 4, 0, "", "route-map WIDE")
	b.has(t, 0, map[int]uint32{1: 1000, 2: 2000, 3: 3000, 4: 4000})
	b.announce(t, 3, 1, "", "route-map LEAVING")
	b.has(t, 1, map[int]uint32{1: 1, 2: 1, 4: 1})
	for _, hop := range []int{1, 2, 4} {
		b.announce(t, hop, 1, "no ", "")
	}
	b.has(t, 1, map[int]uint32{3: 1}) // better than none
	b.announce(t, 3, 1, "no ", "")
	b.has(t, 1, nil)
	b.announce(t, 2, 1, "", "")
	b.has(t, 1, map[int]uint32{2: 1})
	b.has(t, 2, equal)
	for _, p := range b.gateway.stats(t).BGP.Peers {
		assert.True(t, p.Established())
		assert.NotZero(t, p.Received)
	}
	assert.Empty(t, b.gateway.stats(t).BGP.Announced, "what is learned is not announced")
}

// A learnedFlow is a connection that asks without pause.
type learnedFlow struct {
	prefix  int
	hop     byte // the next hop that it is to
	seen    uint64
	conn    net.Conn
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
	var withdrawn [learnedPrefixes][learnedHops + 1]uint64 // how often
	for i := range learnedPrefixes {
		b.has(t, i, map[int]uint32{1: 1, 2: 1, 3: 1, 4: 1})
		for n := 1; n <= learnedHops; n++ {
			up[i][n] = true
		}
	}
	const perPrefix = 20
	var flows []*learnedFlow
	defer func() {
		for _, f := range flows {
			_ = f.conn.Close()
			<-f.stopped
		}
	}()
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
				f.seen = withdrawn[i][f.hop]
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
			withdrawn[i][n]++
			b.announce(t, n, i, "no ", "")
		} else {
			b.announce(t, n, i, "", "")
		}
		up[i][n] = !up[i][n]
		flaps++
		b.has(t, i, living)
		flows = slices.DeleteFunc(flows, func(f *learnedFlow) bool {
			if withdrawn[f.prefix][f.hop] != f.seen {
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
	to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{172, 31, byte(prefix), 1}), port)
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
			time.Sleep(20 * time.Millisecond)
		}
		f.ended.Store(true)
	}()
	return f, nil
}
