package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/gateway/internal/lab"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/commandline"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/ecmp-go/ecmp/symmetric"
)

// The lab starts its own program as the gateway, and some tests the lab. In a
// test that is the test's.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") { // a command, and no flag of a test
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func needNamespaces(t *testing.T) {
	t.Helper()
	if err := netns.Available(); err != nil {
		t.Skip(err)
	}
	t.Log("needs privileges, and has them") // for .ci/run
}

// labOutput runs the lab, in a process of its own so that several can run at
// once, and returns what it prints as JSON. It skips the test where the kernel
// has not what the data plane needs.
func labOutput(t *testing.T, args ...string) []byte {
	t.Helper()
	needNamespaces(t)
	program, err := os.Executable()
	require.NoError(t, err)
	var stdout, stderr bytes.Buffer
	lab := exec.CommandContext(t.Context(), program, append([]string{"lab", "-json"}, args...)...)
	lab.Stdout, lab.Stderr = &stdout, &stderr
	err = lab.Run()
	for _, missing := range []error{syscall.EPERM, syscall.EOPNOTSUPP, syscall.EAFNOSUPPORT, ebpf.ErrNotSupported} {
		if err != nil && strings.Contains(stderr.String(), missing.Error()) {
			t.Skip(stderr.String())
		}
	}
	require.NoError(t, err, stderr.String())
	return stdout.Bytes()
}

// Every data plane does to every live flow what the library predicts for it.
func TestLab(t *testing.T) {
	const n, seed = 20, 7
	kernel := predictor{
		strategy: selector.Threshold{KeepOrder: true},
		hasher:   hash.Linux611{Policy: hash.LinuxCustom, Fields: 0x37, Seed: seed},
		removes:  true,
	}
	plain := predictor{strategy: selector.Bounded{}, hasher: symmetric.Hasher{Base: hash.XX{Seed: seed}}}
	sticky := plain
	sticky.sticky = true
	type run struct {
		plane     string
		v6        bool
		predictor predictor
		kill      bool
		tunnel    string
	}
	runs := []run{{lab.KernelMpath, false, kernel, false, ""}, {lab.KernelMpath, true, kernel, false, ""}}
	if racecheck.On {
		runs = nil // none of that is ours
	}
	for i, name := range plane.Names(planes.All()) {
		if racecheck.On { // for minutes, otherwise
			runs = append(runs, run{name, i%2 == 0, sticky, true, ""},
				run{name, true, sticky, true, lab.Tunnels()[i%2]})
			continue
		}
		// both families, killed and ended, in turn
		runs = append(runs, run{name, i%2 == 0, sticky, true, ""}, run{name, i%2 == 1, sticky, false, ""},
			run{name, i%2 == 1, plain, false, ""})
		// in tunnels, each family in its own and in the other one, in turn
		runs = append(runs, run{name, false, sticky, false, lab.Tunnels()[i%2]},
			run{name, true, sticky, true, lab.Tunnels()[(i+1)%2]})
	}
	for _, c := range runs {
		name := fmt.Sprintf("%s,v6=%v,sticky=%v,kill=%v,tunnel=%s", c.plane, c.v6, c.predictor.sticky, c.kill, c.tunnel)
		t.Run(name, func(t *testing.T) {
			if !racecheck.On { // a gateway would be too slow to start beside another one
				t.Parallel()
			}
			out := labOutput(t, "-io", c.plane, "-connections", fmt.Sprint(n), "-seed", fmt.Sprint(seed),
				"-tunnel", c.tunnel, fmt.Sprintf("-ipv6=%v", c.v6), fmt.Sprintf("-sticky=%v", c.predictor.sticky),
				fmt.Sprintf("-kill=%v", c.kill))
			var r labReport
			require.NoError(t, json.Unmarshal(out, &r))
			require.Len(t, r.Planes, 1)
			want := c.predictor.steps(t, n, c.v6)
			if !c.predictor.sticky {
				want = want[:4] // there is nothing to keep over a restart
			} else if c.kill {
				want[4].event = "kill and restart, pod4 added"
			}
			require.Len(t, r.Planes[0].Steps, len(want))
			for i, want := range want {
				got := r.Planes[0].Steps[i]
				assert.Equal(t, want.event, got.Event)
				assert.Equal(t, want.tcp, []int{got.Connections.Kept, got.Connections.Own,
					got.Connections.Collateral}, "%s: TCP", want.event)
				assert.Equal(t, want.udp, []int{got.Flows.Kept, got.Flows.Own, got.Flows.Collateral}, "%s: UDP",
					want.event)
				assert.Equal(t, want.fresh, []int{got.New.Connections, got.New.Flows}, "%s: new", want.event)
				assert.Zero(t, got.Connections.TimedOut+got.Flows.Lost, "every end is a reset")
				assert.Equal(t, n, got.Connections.Kept+got.Connections.Reset)
			}
		})
	}
}

// Told over TCP what to do, the gateway moves no more than it must although
// it remembers no flow: a strategy sees to that.
func TestLabFromOutside(t *testing.T) {
	const n = 100
	var r labReport
	require.NoError(t, json.Unmarshal(labOutput(t, "-io", "afpacket", "-connections", fmt.Sprint(n), "-loopback",
		"-sticky=false",
		"-strategy", "rendezvous"), &r))
	add, remove := r.Planes[0].Steps[0], r.Planes[0].Steps[1]
	assert.InDelta(t, n/4, add.Connections.Collateral, 15)
	assert.InDelta(t, n/4, add.Flows.Collateral, 15)
	assert.InDelta(t, n/4, remove.Connections.Own, 15)
	assert.Zero(t, remove.Connections.Collateral+remove.Flows.Collateral)
}

// A resilient group of the kernel keeps what it can when a member is added or
// removed.
func TestLabResilient(t *testing.T) {
	var r labReport
	require.NoError(t, json.Unmarshal(labOutput(t, "-io", lab.KernelResilient, "-connections", "20"), &r))
	add, remove, drain := r.Planes[0].Steps[0], r.Planes[0].Steps[1], r.Planes[0].Steps[2]
	assert.Equal(t, 20, add.Connections.Kept)
	assert.Equal(t, 20, add.Flows.Kept)
	assert.Positive(t, remove.Connections.Own)
	assert.Zero(t, remove.Connections.Collateral)
	assert.Positive(t, drain.Connections.Own, "the kernel has no drain, but a removal")
	assert.Zero(t, drain.Connections.Collateral)
}

// Under churn, no frame is lost without a count, and no flow is disturbed whose
// member stays.
func TestLabSoak(t *testing.T) {
	var s lab.Soak
	require.NoError(t, json.Unmarshal(labOutput(t, "-io", "afpacket", "-connections", "20", "-soak", "2s"), &s))
	assert.Positive(t, s.Own, "a member was removed")
	assert.Greater(t, s.In, uint64(1000))
	assert.Positive(t, s.Short.Kept)
	assert.Positive(t, s.Expired)
	assert.Len(t, s.Samples, 2, "at the beginning and at the end")
	for _, sample := range s.Samples {
		assert.Positive(t, sample.Resident)
		assert.Positive(t, sample.Heap)
		assert.Positive(t, sample.Goal)
		assert.Positive(t, sample.Goroutines)
	}
}

// What does not add up is an error.
func TestSoakCheck(t *testing.T) {
	sound := lab.Soak{
		Sent: 10, In: 10, Out: 6, Dropped: map[string]uint64{"no member": 3, "TTL expired": 1}, Expired: 1, Received: 6,
		Own: 5, Short: lab.ShortConnections{Own: 1},
	}
	require.NoError(t, sound.Check())
	for _, change := range []func(*lab.Soak){
		func(s *lab.Soak) { s.Sent++ },
		func(s *lab.Soak) { s.In++; s.Sent++ },
		func(s *lab.Soak) { s.Out++; s.Received++ },
		func(s *lab.Soak) { s.Received-- },
		func(s *lab.Soak) { s.Expired-- },
		func(s *lab.Soak) { s.Expired = 5 },
		func(s *lab.Soak) { s.Collateral++ },
		func(s *lab.Soak) { s.Short.Failed++ },
	} {
		s := sound
		change(&s)
		require.Error(t, s.Check())
	}
}

func TestLabUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-io", "magic"}, `-io: "magic" is none of all, kernel-mpath, kernel-resilient, afpacket`},
		{[]string{"-connections", "0"}, "-connections: 0 is none of 1 to 5000"},
		{[]string{"-connections", "1001", "-io", "xdp", "-soak", "1m"}, "-connections: 1001 is none of 1 to 1000"},
		{[]string{"-strategy", "magic"}, `-strategy: selector: strategy "magic" is none of modulo`},
		{[]string{"-soak", "1m"}, "-soak: needs a positive time, and -io one of the gateway's data planes"},
		{[]string{"-io", "kernel-mpath", "-soak", "1m"}, "-soak: needs"},
		{[]string{"-tunnel", "gre"}, `-tunnel: "gre" is none of ipv4, ipv6`},
		{[]string{"-io", "kernel-mpath", "-tunnel", "ipv4"}, "-tunnel: needs -io one of the gateway's"},
		{[]string{"-gateways", "2"}, "-gateways: 2 is none of 3 to 6"},
		{[]string{"-gateways", "3", "-kill"}, "-kill: is not for -gateways"},
		{[]string{"-gateways", "3", "-io", "kernel-mpath"}, "-gateways: needs -io one of the gateway's data planes"},
		{[]string{"-gateways", "3", "-seed", "4294967296"}, "-seed: its lower 32 bits are 0"},
		{[]string{"more"}, `unexpected argument "more"`},
	} {
		code, stdout, stderr := call(append([]string{"lab"}, c.args...)...)
		assert.Equal(t, commandline.Usage, code, c.args)
		assert.Empty(t, stdout, c.args)
		assert.Contains(t, stderr, c.want, c.args)
	}
	code, _, stderr := call("lab", "-h")
	assert.Zero(t, code)
	assert.Contains(t, stderr, "-io plane")
}

// A predictor says what the lab's changes do to its flows: client port by
// client port.
type predictor struct {
	strategy selector.Strategy
	hasher   hash.Hasher
	sticky   bool
	removes  bool // in place of a drain
}

type predictedStep struct {
	event    string
	tcp, udp []int // kept, gone with the pod, gone for nothing
	fresh    []int // TCP and UDP on the pods asked for
}

func (p predictor) steps(t *testing.T, n int, v6 bool) (steps []predictedStep) {
	client, service := netip.MustParseAddr("10.9.0.2"), netip.MustParseAddrPort("172.16.0.20:7000")
	if v6 {
		client, service = netip.MustParseAddr("fd09::2"), netip.MustParseAddrPort("[2001:db8:ac10::14]:7000")
	}
	port := uint16(10000)
	flows := func(proto uint8, port uint16) (keys []hash.FlowKey) {
		for i := range n {
			keys = append(keys, hash.NewFlowKey(proto, netip.AddrPortFrom(client, port+uint16(i)), service))
		}
		return keys
	}
	for _, c := range []struct {
		event         string
		before, after []string
		dead, drained string
		asked         []string
	}{
		{"add pod4 to pod1-pod3", []string{"pod1", "pod2", "pod3"}, []string{"pod1", "pod2", "pod3", "pod4"}, "",
			"", []string{"pod4"}},
		{"remove pod1 of pod1-pod4", []string{"pod1", "pod2", "pod3", "pod4"}, []string{"pod2", "pod3", "pod4"},
			"pod1", "", []string{"pod1"}},
		{"drain pod2 of pod2-pod4", []string{"pod2", "pod3", "pod4"}, []string{"pod3", "pod4"}, "", "pod2",
			[]string{"pod2"}},
		{"scale pod2 to pod2-pod4", []string{"pod2"}, []string{"pod2", "pod3", "pod4"}, "", "",
			[]string{"pod3", "pod4"}},
		{"restart, pod4 just added", []string{"pod2", "pod3"}, []string{"pod2", "pod3", "pod4"}, "", "",
			[]string{"pod4"}},
	} {
		before, after := p.placement(t, c.before), p.placement(t, c.after)
		s := predictedStep{event: c.event}
		for _, proto := range []uint8{6, 17} {
			count := make([]int, 3)
			for _, k := range flows(proto, port) {
				home := before(k)
				stays := after(k) == home || p.sticky && (home == c.drained || slices.Contains(c.after, home))
				switch {
				case stays:
					count[0]++
				case home == c.dead || p.removes && home == c.drained:
					count[1]++
				default:
					count[2]++
				}
			}
			fresh := 0
			for _, k := range flows(proto, port+uint16(n)) {
				if slices.Contains(c.asked, after(k)) {
					fresh++
				}
			}
			s.fresh = append(s.fresh, fresh)
			if proto == 6 {
				s.tcp = count
			} else {
				s.udp = count
			}
		}
		steps = append(steps, s)
		port += uint16(2 * n)
	}
	return steps
}

// placement returns where a group of these members sends a new flow.
func (p predictor) placement(t *testing.T, pods []string) func(hash.FlowKey) string {
	s, err := selector.New(p.strategy, selector.Equal(pods...))
	require.NoError(t, err)
	return func(k hash.FlowKey) string { return pods[s.Select(p.hasher.Hash(k))] }
}
