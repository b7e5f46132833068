package lab

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

// noise is what a client does besides its long flows: connections for one request, and bursts of UDP whose answers nobody waits for.
// It takes the ports that the kernel gives it.
type noise struct {
	client        *client
	cancel        context.CancelFunc
	wait          sync.WaitGroup
	short, failed int
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

// stop returns how many short connections there were, and how many of them failed.
func (n *noise) stop() (short, failed int) {
	n.cancel()
	n.wait.Wait()
	return n.short, n.failed
}

func (n *noise) connect(ctx context.Context) {
	n.short++
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(n.client.from, 0)), Timeout: silence}
	conn, err := d.DialContext(ctx, "tcp", n.client.to.String())
	if err == nil {
		err = askTCP(conn, make([]byte, requestSize), make([]byte, answerSize))
		_ = conn.Close()
	}
	if err != nil {
		n.failed++
	}
}

func (n *noise) burst(context.Context) {
	conn, err := net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(n.client.from, 0)), net.UDPAddrFromAddrPort(n.client.to))
	if err != nil {
		return
	}
	for range burst {
		_, _ = conn.Write(make([]byte, requestSize)) // counted by the interface, if it gets out
	}
	_ = conn.Close()
}
