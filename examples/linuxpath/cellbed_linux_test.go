package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/hash"
)

// A cellbed is a router with three links to its next hops, v0 to v2, whose
// other ends are p0 to p2, and one that packets come in by.
type cellbed struct {
	in         link
	vin        int // index of the interface that packets come in by
	out        int // packet socket that gets what comes out of all links
	builder    builder
	rule       string // commands of the last cell's rule, to be undone
	complaints map[cell]int
}

// newRand returns what the test draws from, of a stream of its own. The seed is
// LINUXPATH_SEED, and another one each time where that is not set.
func newRand(t *testing.T, stream uint64) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("LINUXPATH_SEED"); s != "" {
		_, err := fmt.Sscan(s, &seed)
		require.NoError(t, err, "LINUXPATH_SEED")
	}
	t.Logf("LINUXPATH_SEED=%d draws the same", seed)
	return rand.New(rand.NewPCG(seed, stream))
}

func newCellbed(t *testing.T) *cellbed {
	t.Helper()
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o600); err != nil {
		t.Log("\n" + unavailable + err.Error())
		t.SkipNow()
	}
	setSysctl(t, "ipv6/conf/default/accept_dad", 0)
	setSysctl(t, "ipv4/conf/all/rp_filter", 0)
	setSysctl(t, "ipv4/conf/default/rp_filter", 0)
	for _, pair := range [][2]string{{"vin", "pin"}, {"v0", "p0"}, {"v1", "p1"}, {"v2", "p2"}} {
		require.NoError(t, netns.IP(fmt.Sprintf("link add %s type veth peer name %s\n", pair[0], pair[1])))
		setSysctl(t, "ipv6/conf/"+pair[1]+"/disable_ipv6", 1)
		require.NoError(t, netns.IP(fmt.Sprintf("link set %s up\nlink set %s up\n", pair[0], pair[1])))
	}
	require.NoError(t, netns.IP(`link set lo up
link set vin down
link set vin address 02:00:00:00:02:01
link set vin up
addr add 192.0.2.1/32 dev lo
addr add 2001:db8:ffff::1/128 dev lo
addr add 10.1.0.1/24 dev vin
addr add fd01::1/64 dev vin nodad
route add 11.0.0.0/8 dev vin
route add 2001::/16 dev vin
`))
	setSysctl(t, "ipv6/conf/all/forwarding", 1)
	b := &cellbed{
		in: newLink(t, "pin"), vin: interfaceIndex(t, "vin"), builder: builder{rand.New(rand.NewPCG(3, 4))},
		complaints: map[cell]int{},
	}
	const all = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8 // network order
	var err error
	b.out, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, all)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unix.Close(b.out)) })
	require.NoError(t, unix.SetsockoptInt(b.out, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20))
	b.repair(t)
	return b
}

// repair brings all links up and makes all neighbours valid.
func (b *cellbed) repair(t *testing.T) {
	t.Helper()
	var commands strings.Builder
	for i := range 3 {
		fmt.Fprintf(&commands, "link set p%d up\nlink set v%d up\naddr replace 10.9.%d.1/24 dev v%d\n", i, i, i, i)
		fmt.Fprintf(&commands, "addr replace fd00:9:%d::1/64 dev v%d nodad\n", i+1, i)
	}
	for i := range cellHops {
		for _, v6 := range []bool{false, true} {
			address, device := addressOf(i, v6)
			fmt.Fprintf(&commands, "neigh replace %s lladdr %s%d dev %s nud permanent\n", address, hopMAC, i, device)
		}
	}
	require.NoError(t, netns.IP(commands.String()))
	for i := range 3 {
		b.waitForCarrier(t, fmt.Sprintf("v%d", i), true)
	}
}

// tearDown removes the route of a cell.
func (b *cellbed) tearDown(t *testing.T, c cell) {
	t.Helper()
	var commands strings.Builder
	for line := range strings.Lines(b.rule) {
		commands.WriteString(strings.Replace(line, " add ", " del ", 1))
	}
	to := map[bool]string{false: "172.16.0.0/12", true: "2002::/16"}[c.v6]
	fmt.Fprintf(&commands, "route del %s table %d\n", to, map[bool]int{false: mainTable, true: 100}[c.rule])
	commands.WriteString("nexthop flush\n")
	b.ip(t, c, commands.String())
	if c.state != "up" {
		b.repair(t)
	}
}

// ip runs commands of ip, those about rules in the family of the cell.
func (b *cellbed) ip(t *testing.T, c cell, commands string) {
	t.Helper()
	var rules, others strings.Builder
	for line := range strings.Lines(commands) {
		if strings.HasPrefix(line, "rule") {
			rules.WriteString(line)
		} else {
			others.WriteString(line)
		}
	}
	cmd := exec.CommandContext(t.Context(), "ip", map[bool]string{false: "-4", true: "-6"}[c.v6], "-batch", "-")
	cmd.Stdin = strings.NewReader(rules.String())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s: %s", c, out)
	require.NoError(t, netns.IP(others.String()), "%s: %s", c, commands)
}

// waitForCarrier waits until the kernel has seen that a link is up or down.
func (b *cellbed) waitForCarrier(t *testing.T, device string, up bool) {
	t.Helper()
	for range patience {
		i, err := net.InterfaceByName(device)
		require.NoError(t, err)
		if i.Flags&net.FlagRunning != 0 == up {
			return
		}
		time.Sleep(pause)
	}
	t.Fatalf("the carrier of %s does not change", device)
}

// send sends a packet of each of n flows and returns the flows. The label is
// that of the packets, as far as the sender chooses it.
func (b *cellbed) send(t *testing.T, c cell, r *rand.Rand, n int) (flows []hash.FlowKey) {
	t.Helper()
	to := netip.MustParsePrefix("172.16.0.0/12")
	if c.v6 {
		to = netip.MustParsePrefix("2002::/16")
	}
	for i := range n {
		dst := netip.AddrPortFrom(addressIn(to, r), uint16(1+r.IntN(65535)))
		if c.sender == "forwarded" {
			flows = append(flows, b.forward(t, c, dst, i%2 == 0))
			continue
		}
		proto, src := uint8(hash.UDP), b.sendFrom(t, c, dst, i)
		if c.sender == "tcp" {
			proto = hash.TCP
		}
		flows = append(flows, hash.NewFlowKey(proto, src, dst))
	}
	return flows
}

// forward sends a packet that the router forwards.
func (b *cellbed) forward(t *testing.T, c cell, dst netip.AddrPort, tcp bool) hash.FlowKey {
	t.Helper()
	proto, transport := byte(hash.UDP), b.builder.udpTo(dst.Port(), b.builder.bytes(4))
	if tcp {
		proto, transport = hash.TCP, b.builder.tcp()
		set(transport, 2, byte(dst.Port()>>8), byte(dst.Port()))
	}
	from := netip.MustParsePrefix("11.0.0.0/8")
	var packet []byte
	if c.v6 {
		from = netip.MustParsePrefix("2001::/16")
		packet = b.builder.ip6Between(addressIn(from, b.builder.Rand), dst.Addr(), proto, transport)
	} else {
		packet = b.builder.ip4Between(addressIn(from, b.builder.Rand), dst.Addr(), proto, transport)
	}
	b.in.send(t, packet)
	var h hash.Headers
	require.NoError(t, hash.ParseIP(packet, &h))
	return h.Outer
}

// sendFrom sends a packet from a socket and returns its source.
func (b *cellbed) sendFrom(t *testing.T, c cell, dst netip.AddrPort, i int) netip.AddrPort {
	t.Helper()
	family, typ := unix.AF_INET, unix.SOCK_DGRAM
	if c.v6 {
		family = unix.AF_INET6
	}
	if c.sender == "tcp" {
		typ = unix.SOCK_STREAM
	}
	fd, err := unix.Socket(family, typ|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(fd) //nolint:errcheck // it is only to send
	if c.sender == "bound" {
		sources := []string{"192.0.2.1", "10.1.0.1", "10.9.0.1", "10.9.2.1"}
		if c.v6 {
			sources = []string{"2001:db8:ffff::1", "fd01::1", "fd00:9:1::1", "fd00:9:3::1"}
		}
		require.NoError(t, unix.Bind(fd, sockaddr(netip.AddrPortFrom(netip.MustParseAddr(sources[i%4]), 0))))
	}
	switch c.sender {
	case "connected", "tcp":
		if err := unix.Connect(fd, sockaddr(dst)); !errors.Is(err, unix.EINPROGRESS) {
			require.NoError(t, err, "%s: %s", c, dst)
		}
		if c.sender == "connected" {
			_, err = unix.Write(fd, []byte("ping"))
		}
	default:
		err = unix.Sendto(fd, []byte("ping"), 0, sockaddr(dst))
	}
	if !errors.Is(err, unix.EHOSTUNREACH) && !errors.Is(err, unix.ENOBUFS) { // the neighbour has failed
		require.NoError(t, err, "%s: %s", c, dst)
	}
	source, err := unix.Getsockname(fd)
	require.NoError(t, err)
	return addrPort(source)
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func addrPort(s unix.Sockaddr) netip.AddrPort {
	switch s := s.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(s.Addr), uint16(s.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(s.Addr), uint16(s.Port))
	}
	return netip.AddrPort{}
}

const (
	pause    = 10 * time.Millisecond
	patience = 3000 // pauses to wait for a packet that should arrive
	silence  = 3    // pauses to wait for others
)

// collect returns the next hop that the packet of each of n flows came to. It
// waits for those of the flows that should arrive. Packets of sockets that are
// not bound have no source address yet when they are sent, so they are found
// without it.
func (b *cellbed) collect(t *testing.T, n int, c cell, should map[hash.FlowKey]bool) map[hash.FlowKey]int {
	t.Helper()
	arrived := map[hash.FlowKey]int{}
	frame := make([]byte, 2048)
	missing := len(should)
	for quiet := 0; len(arrived) < n && (quiet < silence || missing > 0 && quiet < patience); {
		size, from, err := unix.Recvfrom(b.out, frame, 0)
		if errors.Is(err, unix.EAGAIN) {
			quiet++
			time.Sleep(pause)
			continue
		}
		require.NoError(t, err)
		if from.(*unix.SockaddrLinklayer).Pkttype == unix.PACKET_OUTGOING || frame[0] != 2 || frame[4] != 1 {
			continue
		}
		var h hash.Headers
		if hash.Parse(frame[:size], &h) != nil {
			continue
		}
		k := h.Outer.WithLabel(0)
		if c.sender == "sendto" {
			k = hash.NewFlowKey(k.Proto(), netip.AddrPortFrom(unspecified(c.v6), k.Src().Port()), k.Dst())
		}
		if _, before := arrived[k]; !before && should[k] {
			missing--
		}
		arrived[k], quiet = int(frame[5]), 0
	}
	return arrived
}

// collectEach returns how many packets came to each next hop, of n that should
// arrive.
func (b *cellbed) collectEach(t *testing.T, n int) map[int]int {
	t.Helper()
	arrived := map[int]int{}
	frame := make([]byte, 2048)
	for quiet, total := 0, 0; quiet < patience && total < n; {
		_, from, err := unix.Recvfrom(b.out, frame, 0)
		if errors.Is(err, unix.EAGAIN) {
			quiet++
			time.Sleep(pause)
			continue
		}
		require.NoError(t, err)
		if from.(*unix.SockaddrLinklayer).Pkttype != unix.PACKET_OUTGOING && frame[0] == 2 && frame[4] == 1 {
			arrived[int(frame[5])]++
			total, quiet = total+1, 0
		}
	}
	return arrived
}

// drain throws away what has come out so far.
func (b *cellbed) drain(t *testing.T) {
	t.Helper()
	frame := make([]byte, 64)
	for {
		if _, _, err := unix.Recvfrom(b.out, frame, 0); err != nil {
			require.ErrorIs(t, err, unix.EAGAIN)
			return
		}
	}
}
