//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// clientLink is the clients' end of the veth pair, where the capture is taken.
const clientLink = "c0"

// settle is how long IPv6 needs on a new link before it sends what one asks it
// to.
const settle = 3 * time.Second

// sources is the number of client addresses of each family.
const sources = 20

// source returns client address i of a family.
func source(v6 bool, i int) netip.Addr {
	if v6 {
		return netip.MustParseAddr(fmt.Sprintf("2001:db8:c::%x", 0x100+i))
	}
	return netip.MustParseAddr(fmt.Sprintf("198.51.100.%d", 11+i))
}

// vip returns the address of the service.
func vip(v6 bool) netip.Addr {
	if v6 {
		return netip.MustParseAddr("2001:db8:ac10::14")
	}
	return netip.MustParseAddr("172.16.0.20")
}

// A network is two namespaces and the veth pair between them.
type network struct{ clients, service string }

func newNetwork() (network, error) {
	n := network{fmt.Sprintf("ecmp-c%d", os.Getpid()), fmt.Sprintf("ecmp-s%d", os.Getpid())}
	var script strings.Builder
	script.WriteString(`
ip netns add $C
ip netns add $S
ip -n $C link add c0 address 02:00:00:00:00:0c type veth peer name s0 address 02:00:00:00:00:14 netns $S
ip netns exec $C ethtool -K c0 tx off tso off gso off gro off
ip netns exec $S ethtool -K s0 tx off tso off gso off gro off
ip -n $C addr add 10.9.0.1/30 dev c0
ip -n $S addr add 10.9.0.2/30 dev s0
ip -n $C addr add 2001:db8:9::1/64 dev c0 nodad
ip -n $S addr add 2001:db8:9::2/64 dev s0 nodad
ip -n $S addr add 172.16.0.20/32 dev s0
ip -n $S addr add 2001:db8:ac10::14/128 dev s0 nodad
ip -n $C link set c0 up
ip -n $S link set s0 up
ip -n $C route add 172.16.0.20 via 10.9.0.2
ip -n $C route add 2001:db8:ac10::14 via 2001:db8:9::2
ip -n $S route add 198.51.100.0/24 via 10.9.0.1
ip -n $S route add 2001:db8:c::/64 via 2001:db8:9::1
`)
	for i := range sources {
		fmt.Fprintf(&script, "ip -n $C addr add %v/32 dev c0\n", source(false, i))
		fmt.Fprintf(&script, "ip -n $C addr add %v/128 dev c0 nodad\n", source(true, i))
	}
	for line := range strings.Lines(script.String()) {
		args := strings.Fields(strings.NewReplacer("$C", n.clients, "$S", n.service).Replace(line))
		if len(args) == 0 {
			continue
		}
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return n, errors.Join(fmt.Errorf("%s: %w: %s", strings.TrimSpace(line), err, out), n.remove())
		}
	}
	time.Sleep(settle)
	return n, nil
}

func (n network) remove() (err error) {
	for _, name := range []string{n.clients, n.service} {
		if out, e := exec.Command("ip", "netns", "del", name).CombinedOutput(); e != nil {
			err = errors.Join(err, fmt.Errorf("ip netns del %s: %w: %s", name, e, out))
		}
	}
	return err
}

// in runs f on a thread in the namespace; the sockets that f opens stay there.
// The thread ends with it.
func in(namespace string, f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- enter(namespace, f)
	}()
	return <-done
}

func enter(namespace string, f func() error) error {
	fd, err := unix.Open("/run/netns/"+namespace, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("namespace %s: %w", namespace, err)
	}
	defer unix.Close(fd) //nolint:errcheck // read only
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("namespace %s: %w", namespace, err)
	}
	return f()
}
