package bgp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
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
	"github.com/ecmp-go/ecmp/gateway/internal/bgp"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// The addresses of the service, which every pod has.
const (
	vip4 = "172.31.0.9"
	vip6 = "fd99::9"
)

const numPods = 3

// A bed is a client, a router upstream, gateways, each of another data plane,
// and pods. c0 of the client is linked to uc of the router, e0 of gateway N to
// its uN. The router, eth1 of the gateways and the pods are on one link more:
// pods answer by the router.
type bed struct {
	client, upstream *netns.Namespace
	gateways         []*gateway
	dir              string
}

// A gateway is a process in a namespace of its own.
type gateway struct {
	number int
	io     string // its data plane
	ns     *netns.Namespace
	file   string
	socket string
	child  *exec.Cmd
	output bytes.Buffer
	ended  chan struct{} // closed when the child has ended
}

// namespaces counts them: tests that run at once have namespaces of their own.
var namespaces atomic.Int32

func namespace(t *testing.T, name string) *netns.Namespace {
	t.Helper()
	ns, err := netns.New(fmt.Sprint(name, "-", namespaces.Add(1)))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, ns.Close()) })
	for _, s := range []string{"ipv4/conf/all/rp_filter", "ipv4/conf/default/rp_filter",
		"ipv6/conf/all/accept_dad", "ipv6/conf/default/accept_dad"} {
		require.NoError(t, ns.SetSysctl(s, 0))
	}
	return ns
}

func newBed(t *testing.T, gateways int) *bed {
	t.Helper()
	if err := netns.Available(); err != nil {
		t.Skip(err)
	}
	t.Log("needs privileges, and has them") // for .ci/run
	t.Parallel()                            // most of the time is waited for timers
	b := &bed{client: namespace(t, "client"), upstream: namespace(t, "upstream"), dir: t.TempDir()}
	for _, s := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding", "ipv4/fib_multipath_hash_policy",
		"ipv6/fib_multipath_hash_policy"} {
		require.NoError(t, b.upstream.SetSysctl(s, 1))
	}
	require.NoError(t, b.upstream.IP("link add br0 type bridge\nlink set br0 up\n"+
		"addr add 10.81.0.1/24 dev br0\naddr add fd81::1/64 dev br0 nodad\n"))
	b.link(t, b.client, "c0", "uc", 0)
	require.NoError(t, b.client.IP("route add default via 10.77.0.1\nroute add default via fd77:0::1\n"))
	require.NoError(t, b.client.SetFeatures("c0", false, netns.TxChecksum, netns.TxSegmentation))
	for i := 1; i <= numPods; i++ {
		pod := namespace(t, fmt.Sprint("pod", i))
		b.join(t, pod, i)
		require.NoError(t, pod.IP(fmt.Sprintf("addr add %s/32 dev lo\naddr add %s/128 dev lo nodad\n"+
			"route add default via 10.81.0.1\nroute add default via fd81::1\n", vip4, vip6)))
		serve(t, pod, byte(i))
	}
	for i := 1; i <= gateways; i++ {
		all := planes.All()
		g := &gateway{number: i, io: all[(i-1)%len(all)].Name, ns: namespace(t, fmt.Sprint("gateway", i)),
			file: filepath.Join(b.dir, fmt.Sprint("g", i, ".json")), socket: filepath.Join(b.dir, fmt.Sprint("g", i))}
		b.link(t, g.ns, "e0", fmt.Sprint("u", i), i)
		b.join(t, g.ns, 100+i)
		require.NoError(t, b.upstream.SetFeatures(fmt.Sprint("b", 100+i), true, netns.GRO)) // for what xdp redirects
		require.NoError(t, g.ns.IP(fmt.Sprintf("route add blackhole %s/32\nroute add blackhole %s/128\n"+
			"route add default via 10.77.%d.1\nroute add default via fd77:%d::1\n", vip4, vip6, i, i)))
		t.Cleanup(func() {
			if g.end(syscall.SIGKILL); t.Failed() {
				t.Log(g.output.String())
			}
		})
		b.gateways = append(b.gateways, g)
	}
	return b
}

// link joins a host to the router by a link of their own.
func (b *bed) link(t *testing.T, host *netns.Namespace, device, peer string, number int) {
	t.Helper()
	require.NoError(t, b.upstream.IP(fmt.Sprintf("link add %s type veth peer name %s netns %s\n"+
		"link set %[1]s up\naddr add 10.77.%[4]d.1/24 dev %[1]s\naddr add fd77:%[4]d::1/64 dev %[1]s nodad\n",
		peer, device, host.Name(), number)))
	require.NoError(t, host.IP(fmt.Sprintf("addr add 10.77.%[2]d.2/24 dev %[1]s\n"+
		"addr add fd77:%[2]d::2/64 dev %[1]s nodad\nlink set %[1]s up\n", device, number)))
}

// join joins a host to the link of the pods.
func (b *bed) join(t *testing.T, host *netns.Namespace, number int) {
	t.Helper()
	require.NoError(t, b.upstream.IP(fmt.Sprintf("link add b%d type veth peer name eth1 address %s netns %s\n"+
		"link set b%[1]d master br0\nlink set b%[1]d up\n", number, podMAC(number), host.Name())))
	require.NoError(t, host.IP(fmt.Sprintf("addr add 10.81.0.1%02d/24 dev eth1\n"+
		"addr add fd81::1%02[1]d/64 dev eth1 nodad\nlink set eth1 up\n", number%100+number/100*50)))
}

func podMAC(number int) string { return fmt.Sprintf("02:00:00:81:00:%02x", number) }

// session is what differs between the gateways of a test.
type session map[string]any

// configure writes the configuration of a gateway: a service for both
// families, and a session with the router.
func (g *gateway) configure(t *testing.T, peer session, global map[string]any) {
	t.Helper()
	var members []any
	for i := 1; i <= numPods; i++ {
		members = append(members, map[string]any{"id": fmt.Sprint("pod", i), "dev": "eth1",
			"addr": fmt.Sprintf("10.81.0.1%02d", i), "mac": podMAC(i)})
	}
	peer["addr"], peer["as"] = fmt.Sprintf("10.77.%d.1", g.number), 65000
	speaker := map[string]any{"as": 65101, "id": fmt.Sprintf("10.77.%d.2", g.number), "peers": []any{peer},
		"nexthop": []string{fmt.Sprintf("10.77.%d.2", g.number), fmt.Sprintf("fd77:%d::2", g.number)}, "drain": "1s"}
	maps.Copy(speaker, global)
	data, err := json.Marshal(map[string]any{"in": "e0", "vip": []string{vip4, vip6}, "members": members,
		"io": g.io, "control": "unix:" + g.socket, "seed": 7, "bgp": speaker})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(g.file, data, 0o600))
}

// start starts the process, and waits until it forwards. It does not wait for
// sessions.
func (g *gateway) start(t *testing.T) {
	t.Helper()
	g.begin(t)
	wait(t, "gateway forwards", func() bool {
		select {
		case <-g.ended:
			require.Fail(t, "the gateway ended", g.output.String())
		default:
		}
		return g.call("GET", "/healthz", nil) == nil
	})
}

// begin starts the process.
func (g *gateway) begin(t *testing.T) {
	t.Helper()
	g.output.Reset()
	g.child = exec.Command(os.Args[0], "gateway", g.file) //nolint:gosec // the program is this one
	g.child.Stdout, g.child.Stderr = &g.output, &g.output
	g.child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	ended, started := make(chan struct{}), make(chan error, 1)
	g.ended = ended
	go func() {
		defer close(ended)
		// The thread that starts a child must live as long as it, or Pdeathsig
		// kills the child.
		_ = g.ns.Do(func() error {
			err := g.child.Start()
			if started <- err; err == nil {
				_ = g.child.Wait() // how it ended shows in its state
			}
			return err
		})
	}()
	require.NoError(t, <-started)
}

// end sends a signal and waits for the end.
func (g *gateway) end(signal syscall.Signal) {
	if g.child == nil || g.child.Process == nil {
		return
	}
	_ = g.child.Process.Signal(signal)
	<-g.ended
}

// call asks the gateway over its socket.
func (g *gateway) call(method, path string, answer any) error {
	c := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", g.socket)
		}}}
	request, err := http.NewRequestWithContext(context.Background(), method, "http://localhost"+path, http.NoBody)
	if err != nil {
		return err
	}
	response, err := c.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(answer)
}

type stats struct {
	services.Stats
	BGP bgp.State `json:"bgp"`
}

func (g *gateway) stats(t *testing.T) (s stats) {
	t.Helper()
	require.NoError(t, g.call("GET", "/stats", &s))
	return s
}

// A hop is a next hop of a route of the kernel.
type hop struct {
	Gateway string `json:"gateway"`
	Weight  int    `json:"weight"`
}

// route returns the next hops that the router's kernel has for a prefix.
func (b *bed) route(prefix string) (hops []hop) {
	var out []byte
	_ = b.upstream.Do(func() (err error) {
		family := "-4"
		if strings.Contains(prefix, ":") {
			family = "-6"
		}
		out, err = exec.Command("ip", "-j", family, "route", "show", prefix).Output() //nolint:gosec // of this test
		return err
	})
	var routes []struct {
		hop
		Hops []hop `json:"nexthops"`
	}
	_ = json.Unmarshal(out, &routes) // nothing: no route
	for _, r := range routes {
		if r.Gateway != "" {
			hops = append(hops, r.hop)
		}
		hops = append(hops, r.Hops...)
	}
	return hops
}

// via reports whether the router's kernel has one route over exactly these
// gateways, for both families.
func (b *bed) via(gateways ...int) bool {
	for family, prefix := range []string{vip4, vip6} {
		hops := b.route(prefix)
		if len(hops) != len(gateways) {
			return false
		}
		for _, g := range gateways {
			addr := []string{fmt.Sprintf("10.77.%d.2", g), fmt.Sprintf("fd77:%d::2", g)}[family]
			found := false
			for _, h := range hops {
				found = found || h.Gateway == addr
			}
			if !found {
				return false
			}
		}
	}
	return true
}

// keeps reports whether the router's routes for both families have this gateway
// among others, which BFD may lose for a moment on a slow machine. It looks
// twice: frr replaces an IPv6 route by removing it for a moment.
func (b *bed) keeps(gateway int) bool {
	has := func(prefix, addr string) bool {
		return slices.ContainsFunc(b.route(prefix), func(h hop) bool { return h.Gateway == addr })
	}
	for range 2 {
		if has(vip4, fmt.Sprintf("10.77.%d.2", gateway)) && has(vip6, fmt.Sprintf("fd77:%d::2", gateway)) {
			return true
		}
	}
	return false
}

// wait waits for a condition, and returns how long that took.
func wait(t *testing.T, what string, condition func() bool) time.Duration {
	t.Helper()
	const patience = 2 * time.Minute
	for began := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		if condition() {
			return time.Since(began)
		}
		if time.Since(began) > patience {
			require.Fail(t, "waited in vain: "+what)
		}
	}
}
