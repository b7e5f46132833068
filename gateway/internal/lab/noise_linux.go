package lab

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// noise is what a client does besides its long flows: connections for one
// request, and bursts of UDP whose answers nobody waits for, each with one
// packet that no router may forward. It takes the ports that the kernel gives
// it.
type noise struct {
	client   *client
	cancel   context.CancelFunc
	wait     sync.WaitGroup
	removals atomic.Uint64 // of members: one more when one begins, and when it is in force
	ShortConnections
	expired uint64
}

const (
	shortEvery = 20 * time.Millisecond
	burstEvery = 10 * time.Millisecond
	burst      = 100 // requests, from one port
)

func startNoise(ctx context.Context, c *client) *noise {
	n := &noise{client: c}
	ctx, n.cancel = context.WithCancel(ctx)
	for every, f := range map[time.Duration]func(context.Context){shortEvery: n.connect, burstEvery: n.burst} {
		n.wait.Go(func() {
			_ = c.ns.Do(func() error { // nothing here fails but for what is counted
				ticker := time.NewTicker(every)
				defer ticker.Stop()
				for ctx.Err() == nil {
					select {
					case <-ctx.Done():
					case <-ticker.C:
						f(ctx)
					}
				}
				return nil
			})
		})
	}
	return n
}

func (n *noise) stop() {
	n.cancel()
	n.wait.Wait()
}

// removing reports whether a member was being removed at some moment since
// removals was before.
func (n *noise) removing(before uint64) bool { return before%2 == 1 || n.removals.Load() != before }

func (n *noise) connect(ctx context.Context) {
	before := n.removals.Load()
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(n.client.from, 0)), Timeout: silence}
	conn, err := d.DialContext(ctx, "tcp", n.client.to.String())
	if err == nil {
		err = askTCP(conn, make([]byte, requestSize), make([]byte, answerSize))
		_ = conn.Close()
	}
	switch {
	case err == nil:
		n.Kept++
	case ctx.Err() != nil: // the soak is over
	case n.removing(before):
		n.Own++
	default:
		n.Failed++
	}
}

func (n *noise) burst(context.Context) {
	conn, err := net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(n.client.from, 0)),
		net.UDPAddrFromAddrPort(n.client.to))
	if err != nil {
		return
	}
	for range burst {
		_, _ = conn.Write(make([]byte, requestSize)) // counted by the interface, if it gets out
	}
	if setTTL(conn, 1) == nil {
		if _, err := conn.Write(make([]byte, requestSize)); err == nil {
			n.expired++
		}
	}
	_ = conn.Close()
}

// setTTL sets the TTL, or the hop limit, of what a socket sends.
func setTTL(conn *net.UDPConn, ttl int) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	level, option := unix.IPPROTO_IP, unix.IP_TTL
	if conn.LocalAddr().(*net.UDPAddr).IP.To4() == nil { //nolint:forcetypeassert // a UDPConn's is one
		level, option = unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS
	}
	failed := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, option, ttl) })
	return errors.Join(failed, err)
}
