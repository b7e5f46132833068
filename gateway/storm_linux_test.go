package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/gateway/internal/host"
	"github.com/ecmp-go/ecmp/gateway/internal/links"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

const stormPods = 4

// A storm is a gateway under live connections and faults.
type storm struct {
	*testing.T
	client, router *netns.Namespace
	pods           []*netns.Namespace
	vips           []string
	dir            string
	kind           plane.Kind
	draw           *rand.Rand
	began          time.Time

	child  *exec.Cmd
	log    *os.File
	http   http.Client
	shift  int  // seconds that the clock of the process is ahead
	weight int  // of pod 1, in the file
	full   bool // the disk

	undrain string // the path of the member whose drain is to end

	ctx     context.Context //nolint:containedctx // that of the connections
	running sync.WaitGroup
	conns   []*stormConn
	risked  map[byte]bool // pods whose connections may break
	slowest time.Duration // until all was right, after a fault
	took    []time.Duration
	broken  int // connections that had to
}

func newStorm(t *testing.T, kind plane.Kind, seed uint64) *storm {
	t.Helper()
	needNamespaces(t)
	s := &storm{
		T: t, kind: kind, dir: t.TempDir(), vips: []string{"172.16.0.20", "10.8.0.20"},
		draw: rand.New(rand.NewPCG(seed, 0)), began: time.Now(), weight: 1, //nolint:gosec // to be repeated
	}
	newNS := func(name string) *netns.Namespace {
		n, err := netns.New("storm-" + kind.Name + "-" + name)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, n.Close()) })
		return n
	}
	s.client, s.router = newNS("client"), newNS("router")
	s.connect("02:00:00:00:00:01")
	for i := range stormPods {
		pod := newNS(fmt.Sprint("pod", i+1))
		s.pods = append(s.pods, pod)
		for _, vip := range s.vips {
			require.NoError(t, pod.IP("addr add "+vip+"/32 dev lo\n"))
		}
		s.plug(i+1, 2)
		serveStorm(t, pod, byte(i+1))
	}
	// A disk of its own, which can be full.
	disk := s.disk()
	require.NoError(t, os.Mkdir(disk, 0o700))
	require.NoError(t, syscall.Mount("none", disk, "tmpfs", 0, "size=4m"))
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(disk, 0)) })
	s.writeFile()
	var err error
	s.log, err = os.Create(filepath.Join(s.dir, "log"))
	require.NoError(t, err)
	s.start()
	t.Cleanup(func() {
		s.signal(syscall.SIGTERM)
		assert.NoError(t, s.child.Wait())
		if t.Failed() {
			log, _ := os.ReadFile(s.log.Name())
			const tail = 20000
			t.Logf("%s", log[max(0, len(log)-tail):])
		}
	})
	s.http = http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(s.dir, "control"))
		}, DisableKeepAlives: true,
	}}
	ctx, cancel := context.WithCancel(context.Background())
	s.ctx = ctx
	t.Cleanup(func() {
		cancel()
		for _, c := range s.conns {
			_ = c.conn.Close()
		}
		s.running.Wait()
	})
	return s
}

func (s *storm) disk() string { return filepath.Join(s.dir, "disk") }

// writeFile writes the configuration, as editors do, but for the members
// without these pods.
func (s *storm) writeFile(without ...int) {
	s.Helper()
	var members []string
	for i := 1; i <= stormPods; i++ {
		gone := false
		for _, w := range without {
			gone = gone || w == i
		}
		if !gone {
			weight := 1
			if i == 1 {
				weight = s.weight
			}
			members = append(members, fmt.Sprintf(
				`{"id": "pod%[1]d", "dev": "lp%[1]d", "addr": "10.9.%[1]d.2", "weight": %[2]d}`, i, weight))
		}
	}
	text := fmt.Sprintf(`{"in": "lc", "vip": ["%s"], "control": "unix:%s", "io": %q, "kernel": true,
		"snapshot": "%s", "flows": 16384, "members": [%s]}`, strings.Join(s.vips, `", "`),
		filepath.Join(s.dir, "control"), s.kind.Name, filepath.Join(s.disk(), "flows"), strings.Join(members, ",\n"))
	file := filepath.Join(s.dir, "f.json")
	require.NoError(s, os.WriteFile(file+".new", []byte(text), 0o600))
	require.NoError(s, os.Rename(file+".new", file))
}

// connect makes the link of the client. The router's MAC address is this.
func (s *storm) connect(mac string) {
	s.Helper()
	require.NoError(s, s.router.IP("link add lc address "+mac+" type veth peer name c0 netns "+s.client.Name()+"\n"+
		"addr add 10.8.0.1/24 dev lc\nlink set lc up\n"))
	require.NoError(s, s.client.IP("addr add 10.8.0.2/24 dev c0\nlink set c0 up\nroute add default via 10.8.0.1\n"))
	require.NoError(s, s.client.SetFeatures("c0", false, netns.TxChecksum, netns.TxSegmentation))
}

// plug makes the link of a pod, whose MAC address ends so.
func (s *storm) plug(pod, mac int) {
	s.Helper()
	r := strings.NewReplacer("POD", fmt.Sprint(pod), "MAC", fmt.Sprintf("02:00:00:01:%02x:%02x", pod, mac),
		"NS", s.pods[pod-1].Name())
	require.NoError(s, s.router.IP(r.Replace("link add lpPOD type veth peer name eth0 address MAC netns NS\n"+
		"addr add 10.9.POD.1/24 dev lpPOD\nlink set lpPOD up\n")))
	require.NoError(s, s.pods[pod-1].IP(r.Replace("addr add 10.9.POD.2/24 dev eth0\nlink set eth0 up\n"+
		"route add default via 10.9.POD.1\n")))
	require.NoError(s, s.pods[pod-1].SetFeatures("eth0", true, netns.GRO))
}

// start starts the gateway, whose clock is ahead by the shift.
func (s *storm) start() {
	s.Helper()
	self, err := os.Executable()
	require.NoError(s, err)
	args := []string{self, "run", "-config", filepath.Join(s.dir, "f.json")}
	if s.shift > 0 {
		args = append([]string{"unshare", "--time", "--monotonic", fmt.Sprint(s.shift)}, args...)
	}
	s.child = exec.Command(args[0], args[1:]...) //nolint:noctx,gosec // it is told to end
	s.child.Stdout, s.child.Stderr = s.log, s.log
	require.NoError(s, s.router.Do(s.child.Start))
}

func (s *storm) signal(sig syscall.Signal) { _ = s.child.Process.Signal(sig) }

// wrong says what is not as it should be without faults; nil if nothing is.
func (s *storm) wrong() error {
	resp, err := s.http.Get("http://gateway/stats")
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	var stats struct {
		services.Stats
		Snapshots struct{ Error string }
		Host      []host.Finding
	}
	if err := json.NewDecoder(resp.Body).Decode(&stats); err != nil {
		return err
	}
	if !stats.Healthy || len(stats.Services) != 1 || len(stats.Services[0].Members) != stormPods {
		return fmt.Errorf("unhealthy: %s %+v", stats.Reason, stats.Services)
	}
	for _, m := range stats.Services[0].Members {
		want := 1
		if m.ID == "pod1" {
			want = s.weight
		}
		if m.State != services.Up || int(m.Weight) != want {
			return fmt.Errorf("%s is %s, weight %d: %s", m.ID, m.State, m.Weight, m.Reason)
		}
	}
	for _, f := range stats.Host {
		if f.Wrong {
			return fmt.Errorf("%s: %s", f.About, f.Says)
		}
	}
	if stats.Snapshots.Error != "" {
		return fmt.Errorf("snapshot: %s", stats.Snapshots.Error)
	}
	return s.router.Do(s.unknown)
}

// unknown returns an error for a pod that the kernel of the router, which it is
// called in, does not know: another MAC address of it would go unseen.
func (s *storm) unknown() error {
	known := make(map[netip.Addr]bool)
	err := links.ListNeighbours(func(n links.Neighbour) { known[n.Addr] = n.MAC != engine.MAC{} })
	for pod := 1; pod <= stormPods && err == nil; pod++ {
		if addr := netip.AddrFrom4([4]byte{10, 9, byte(pod), 2}); !known[addr] {
			err = fmt.Errorf("the kernel does not know %s", addr)
		}
	}
	return err
}

// right waits until everything is as it should be.
func (s *storm) right(limit time.Duration) {
	s.Helper()
	began, patience := time.Now(), max(limit, 2*time.Minute)
	var last error
	wrong := s.wrong()
	for ; wrong != nil && time.Since(began) < patience; wrong = s.wrong() {
		last = wrong
		time.Sleep(20 * time.Millisecond)
	}
	require.NoError(s, wrong)
	took := time.Since(began)
	s.slowest = max(s.slowest, took)
	if limit > 0 {
		s.took = append(s.took, took)
		assert.Less(s, took, limit, "until all is right; the last that was wrong: %v", last)
	}
}

// saved waits until there are snapshots of all that happened until now.
func (s *storm) saved() {
	s.Helper()
	file := filepath.Join(s.disk(), "flows")
	for range 2 { // the first may have begun before
		before, _ := os.Stat(file)
		require.Eventually(s, func() bool {
			now, err := os.Stat(file)
			return err == nil && (before == nil || now.ModTime() != before.ModTime())
		}, time.Minute, 20*time.Millisecond)
	}
}

// TestStorm has faults begin and end, at random, several at once, under live
// connections: only those break whose member was down or removed, and all is as
// it was soon after. It is short, unless STORM says how long it lasts, such as
// 30m: then there are 1,000 connections, and everything has to be right within 5
// s after the last fault of a round has ended, or within STORM_LIMIT where the
// machine has other work. STORM_SEED repeats a storm.
func TestStorm(t *testing.T) {
	rounds, connections, limit := 3, 100, time.Duration(0)
	var length time.Duration
	if text, ok := os.LookupEnv("STORM"); ok {
		var err error
		length, err = time.ParseDuration(text)
		require.NoError(t, err)
		rounds, connections, limit = 1<<30, 1000, 5*time.Second
	}
	if text, ok := os.LookupEnv("STORM_LIMIT"); ok {
		var err error
		limit, err = time.ParseDuration(text)
		require.NoError(t, err)
	}
	seed := rand.Uint64()
	if text, ok := os.LookupEnv("STORM_SEED"); ok {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	for _, k := range planes.All() {
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			t.Logf("STORM_SEED=%d", seed)
			s := newStorm(t, k, seed)
			s.right(0)
			round, faults := 0, 0
			for ; round < rounds && (length == 0 || time.Since(s.began) < length); round++ {
				s.grow(connections)
				s.saved()
				faults += s.round(limit)
			}
			t.Logf("%d rounds, %d faults, %d connections broken that had to be, right after %s at most",
				round, faults, s.broken, s.slowest)
			slices.Sort(s.took)
			t.Logf("times until all was right, each round's: %v", s.took)
		})
	}
}

// round has some faults begin and end, and returns how many.
func (s *storm) round(limit time.Duration) int {
	s.Helper()
	drawn := s.drawFaults()
	var names []string
	s.risked = make(map[byte]bool)
	for _, f := range drawn {
		names = append(names, f.name)
		for _, p := range f.risks {
			s.risked[byte(p)] = true
		}
	}
	s.act(drawn)
	s.right(limit)
	s.exchanged()
	s.right(0) // still
	for _, c := range s.conns {
		_, err := c.state()
		if err == nil {
			continue
		}
		s.broken++
		assert.True(s, s.risked[c.pod], "%s: a connection of pod %d broke %s ago: %v", strings.Join(names, ", "), c.pod,
			time.Since(c.at), err)
	}
	if s.Failed() {
		s.FailNow()
	}
	_, _ = fmt.Fprintf(s.log, "--- round done: %s\n", strings.Join(names, ", "))
	return len(drawn)
}
