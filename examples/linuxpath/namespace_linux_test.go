package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/netns"
)

// inNamespace runs test in a process of its own in a new network namespace: it
// starts the calling test once more there. It skips the test where a namespace
// cannot be made.
func inNamespace(t *testing.T, test func(t *testing.T)) {
	const inside = "LINUXPATH_TEST_IN_NAMESPACE"
	// What is asked for here, go test takes no old result for.
	for _, name := range []string{"LINUXPATH_SEED", "LINUXPATH_CELLS", "LINUXPATH_FLOWS"} {
		_ = os.Getenv(name)
	}
	if os.Getenv(inside) == t.Name() {
		test(t)
		return
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skipf("needs ip of iproute2 to set up next hops: %v", err)
	}
	if _, err := os.Stat("/proc/sys/net/ipv4/fib_multipath_hash_seed"); err != nil {
		t.Skipf("this kernel has no seed to be set, as those before 6.11: %v", err)
	}
	run := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
		cmd.Env = append(os.Environ(), inside+"="+t.Name())
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
		runtime.LockOSThread() // the signal comes when the thread ends that started the child
		defer runtime.UnlockOSThread()
		if os.Getuid() != 0 {
			cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
			cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
		}
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		return out.String(), err
	}
	if _, err := run("-test.run=^$"); err != nil {
		t.Skipf("a network namespace cannot be made here: %v", err)
	}
	t.Log("needs privileges, and has them") // for .ci/run
	out, err := run("-test.v", "-test.run=^"+t.Name()+"$", fmt.Sprintf("-test.short=%t", testing.Short()))
	for line := range strings.Lines(out) {
		t.Log("  " + strings.TrimRight(line, "\n"))
		if reason, ok := strings.CutPrefix(strings.TrimSpace(line), unavailable); ok {
			defer t.Skip(reason)
		}
	}
	require.NoError(t, err, "in the namespace")
}

// unavailable starts a line that says why a test in a namespace could not run.
const unavailable = "unavailable: "

func setSysctl(t *testing.T, name string, value uint64) {
	t.Helper()
	require.NoError(t, netns.SetSysctl(name, value))
}

// A testbed is a router. Packets come in at vin and leave at vout for one of
// five next hops. The other ends of these links are pin and pout.
type testbed struct {
	weights []uint32
	names   []string // of the next hops, by the last digit of their addresses
}

const (
	firstHop = 2 // last byte of the address of the first next hop
	hopMAC   = "02:00:00:00:01:0"
)

// newTestbed sets up the links and the next hops, as nexthop objects 1 to 5 and
// 11 to 15. Groups 100 and 106 have routes to 172.16.0.0/12 and 2002::/16, the
// resilient groups 200 and 206 to 172.32.0.0/12 and 2003::/16. It skips the
// test where even root may not set sysctls.
func newTestbed(t *testing.T) testbed {
	t.Helper()
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o600); err != nil {
		t.Log("\n" + unavailable + err.Error())
		t.SkipNow()
	}
	b := testbed{weights: []uint32{1, 1, 1, 3, 2}}
	for _, name := range []string{"all", "default"} {
		setSysctl(t, "ipv4/conf/"+name+"/rp_filter", 0)
		setSysctl(t, "ipv6/conf/"+name+"/accept_dad", 0)
	}
	require.NoError(t, netns.IP(`link add vout type veth peer name pout
link add vin type veth peer name pin
`))
	for _, name := range []string{"pout", "pin"} {
		setSysctl(t, "ipv6/conf/"+name+"/disable_ipv6", 1)
	}
	require.NoError(t, netns.IP(`link set lo up
link set pin up
link set pout up
link set vin address 02:00:00:00:02:01
link set vin up
link set vout up
addr add 10.0.0.1/24 dev vout
addr add 10.1.0.1/24 dev vin
addr add fd00::1/64 dev vout nodad
addr add fd01::1/64 dev vin nodad
route add 11.0.0.0/8 dev vin
route add 2001::/16 dev vin
`))
	setSysctl(t, "ipv6/conf/all/forwarding", 1)
	setSysctl(t, "ipv4/conf/vin/rp_filter", 0)
	setSysctl(t, "ipv4/conf/vin/accept_local", 1)
	var commands, group, group6 strings.Builder
	for i, w := range b.weights {
		last := firstHop + i
		fmt.Fprintf(&commands, "neigh add 10.0.0.%d lladdr %s%d dev vout nud permanent\n", last, hopMAC, i)
		fmt.Fprintf(&commands, "neigh add fd00::%d lladdr %s%d dev vout nud permanent\n", last, hopMAC, i)
		fmt.Fprintf(&commands, "nexthop add id %d via 10.0.0.%d dev vout\n", 1+i, last)
		fmt.Fprintf(&commands, "nexthop add id %d via fd00::%d dev vout\n", 11+i, last)
		fmt.Fprintf(&group, "/%d,%d", 1+i, w)
		fmt.Fprintf(&group6, "/%d,%d", 11+i, w)
		b.names = append(b.names, strconv.Itoa(i))
	}
	fmt.Fprintf(&commands, "nexthop add id 100 group %s\n", group.String()[1:])
	fmt.Fprintf(&commands, "nexthop add id 106 group %s\n", group6.String()[1:])
	fmt.Fprintf(&commands, "nexthop add id 200 group %s type resilient buckets 64\n", group.String()[1:])
	fmt.Fprintf(&commands, "nexthop add id 206 group %s type resilient buckets 64\n", group6.String()[1:])
	commands.WriteString(`route add 172.16.0.0/12 nhid 100
route add 2002::/16 nhid 106
route add 172.32.0.0/12 nhid 200
route add 2003::/16 nhid 206
`)
	require.NoError(t, netns.IP(commands.String()))
	return b
}

func (b testbed) group(t *testing.T) group {
	g := group{passOver: true}
	for i, w := range b.weights {
		g.hops = append(g.hops, hop{name: b.names[i], weight: w})
	}
	require.NoError(t, g.build())
	return g
}

func interfaceIndex(t *testing.T, name string) int {
	i, err := net.InterfaceByName(name)
	require.NoError(t, err)
	return i.Index
}
